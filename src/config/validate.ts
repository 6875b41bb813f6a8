import { Ajv } from 'ajv'
import { ConfigError, type Mistake } from './config-error.js'
import { checkConsistency } from './consistency.js'
import { explain } from './explain.js'
import { formats } from './formats.js'
import { expandPlaceholders } from './placeholders.js'
import { GatewayConfigSchema, type GatewayConfig } from './schema.js'
import { KEYWORDS } from './schema-node.js'
import type { Settings } from './settings.js'
import { normalize } from './normalize.js'

export interface CheckOptions {
  /**
   * What is checked, for the first line of the error's message.
   * @default 'gateway options'
   */
  source?: string
  /**
   * Where `${NAME}` comes from. Without it placeholders are not expanded:
   * options given in code have better ways to read the environment.
   */
  env?: NodeJS.ProcessEnv
}

// It runs once a start: to make its code smaller would take half of the time that a start has.
const ajv = new Ajv({ allErrors: true, verbose: true, code: { optimize: false } })
ajv.addVocabulary([...KEYWORDS])
for (const [name, validate] of Object.entries(formats)) {
  ajv.addFormat(name, (text) => validate(text) === undefined)
}
const isGatewayConfig = ajv.compile<GatewayConfig>(GatewayConfigSchema)

/**
 * Checks a configuration, from a file or from code, and fills in the defaults.
 * The value itself is left as it is.
 *
 * @throws ConfigError that lists every mistake
 */
export function checkConfig (value: unknown, { source = 'gateway options', env }: CheckOptions = {}): Settings {
  const { value: config, mistakes, written } = env === undefined
    ? { value, mistakes: [], written: new Map<string, string>() }
    : expandPlaceholders(value, GatewayConfigSchema, env)

  const isValid = isGatewayConfig(config)
  const told = firstOfEachPath([
    ...mistakes,
    ...explain(isGatewayConfig.errors ?? [], written),
    ...checkConsistency(config)
  ])
  if (!isValid || told.length > 0) throw new ConfigError(source, told)
  return normalize(config)
}

/** One mistake for one place, in the order of the paths. */
function firstOfEachPath (mistakes: Mistake[]): Mistake[] {
  const byPath = new Map<string, Mistake>()
  for (const mistake of mistakes) {
    if (!byPath.has(mistake.path)) byPath.set(mistake.path, mistake)
  }
  return [...byPath.values()].sort((a, b) => a.path.localeCompare(b.path, 'en', { numeric: true }))
}
