import { parseArgs } from 'node:util'
import { ConfigError } from './config-error.js'
import { either } from './phrases.js'

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']

/**
 * What is to be logged, as fastify-cli has it: by its flag, or else by its variable. The service reads both itself, as
 * the level that fastify-cli passes on is `fatal` where neither is set.
 *
 * @param args of the command line
 * @throws ConfigError for a level that there is not
 */
export function logLevel (args: readonly string[], { FASTIFY_LOG_LEVEL: variable }: NodeJS.ProcessEnv): string {
  const { values } = parseArgs({
    args: [...args],
    options: { 'log-level': { type: 'string', short: 'l' }, logLevel: { type: 'string' } },
    strict: false,
    allowPositionals: true
  })
  const flag = values['log-level'] ?? values.logLevel
  if (flag !== undefined) return checked('--log-level', flag)
  // Set to nothing, it is as good as not set.
  return variable ? checked('FASTIFY_LOG_LEVEL', variable) : 'info'
}

/** @param level `true` where a flag has no value */
function checked (name: string, level: string | boolean): string {
  if (typeof level === 'string' && LEVELS.includes(level)) return level
  const found = typeof level === 'string' ? JSON.stringify(level) : 'nothing'
  throw new ConfigError('log level', [{ path: name, message: `found ${found}, must be ${either(LEVELS)}` }])
}
