import type { TargetChange } from '../upstream/balanced-upstream.js'

/** What is used of a pino logger. */
export interface Logger {
  info (line: object, message: string): void
  warn (line: object, message: string): void
}

/** One line for each change of a target's: one that gets no requests is a warning. */
export function logTarget (log: Logger, { upstream, target, state, reason }: TargetChange): void {
  const line = { upstream, target, state, reason }
  if (state === 'unhealthy' || state === 'ejected') log.warn(line, 'a target is left alone')
  else log.info(line, state === 'draining' ? 'a target has left' : 'a target is available')
}
