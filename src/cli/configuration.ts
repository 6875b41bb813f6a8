import { existsSync } from 'node:fs'
import { parseEnv } from 'node:util'
// Not by the index: a supervisor lives long, and needs neither the schema nor what reads it.
import { logLevel } from '../config/log-level.js'
import { validatePort } from '../config/port.js'
import { readText } from '../config/read.js'
import { portOf, routesFile } from './usage.js'

/** Variables for the working directory's processes. */
export const ENV_FILE = '.env'

/** What `start` was told. */
export interface Flags {
  readonly file: string | undefined
  readonly port: string | undefined
  readonly address: string | undefined
  readonly logLevel: string | undefined
}

/** What a worker is made of. */
export interface Plan {
  readonly file: string
  /** What the file said: a worker that takes the place of one that died runs the same, whatever became of the file. */
  readonly text: string
  readonly port: number | undefined
  readonly address: string | undefined
  readonly level: string
}

/** All that a worker runs by, as it is at one moment. */
export interface Configuration {
  readonly plan: Plan
  readonly env: NodeJS.ProcessEnv
}

/**
 * Reads files and variables as they are now.
 *
 * @throws ConfigError, UsageError
 */
export function readConfiguration ({ file: named, port, address, logLevel: level }: Flags): Configuration {
  const env = { ...readEnvFile(), ...process.env }
  validatePort(port === undefined ? [] : ['--port', port], env)
  const common = { port: portOf(port, env), address, level: logLevel(level === undefined ? [] : ['--log-level', level], env) }
  const file = routesFile(named, env)
  return { plan: { file, text: readText(file), ...common }, env }
}

function readEnvFile (): NodeJS.Dict<string> {
  return existsSync(ENV_FILE) ? parseEnv(readText(ENV_FILE, '')) : {}
}
