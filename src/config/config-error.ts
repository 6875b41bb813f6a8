/** One thing that is wrong: where, and a sentence about it. */
export interface Mistake {
  /** Such as `routes[1].target.port`; empty when it is about the whole. */
  path: string
  /** What was found and what is allowed. */
  message: string
}

/**
 * A configuration that cannot be used. The message lists every mistake and is
 * meant to be printed as it is, without a stack.
 */
export class ConfigError extends Error {
  readonly code = 'GATEWAY_CONFIG_INVALID'
  readonly mistakes: Mistake[]

  /**
   * @param source what was checked, usually the file's name
   * @param mistakes at least one
   */
  constructor (source: string, mistakes: Mistake[]) {
    const count = mistakes.length === 1 ? '1 mistake' : `${mistakes.length} mistakes`
    const lines = mistakes.map(({ path, message }) => `  ${path === '' ? '' : `${path}: `}${message}`)
    super([`${source}: ${count}`, ...lines].join('\n'))
    this.name = 'ConfigError'
    this.mistakes = mistakes
  }
}
