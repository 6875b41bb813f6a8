import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { ParseArgsConfig } from 'node:util'

/** The command line asks for what there is not; told with where to find help, status 2. */
export class UsageError extends Error {}

/** One word of the command line. */
export interface Command {
  /** Behind the command's name, as help shows it. */
  readonly usage: string
  /** One line. */
  readonly summary: string
  /** Lines with the options. */
  readonly options: string
  /** @returns the exit status; `undefined` where the process goes on */
  run (args: string[]): Promise<number | undefined> | number | undefined
}

/** @throws UsageError */
export function readArgs<Config extends ParseArgsConfig> (config: Config): ReturnType<typeof parseArgs<Config>> {
  return asUsage(TypeError, () => parseArgs(config), message => decapitalized(message.split('. ', 1).join()))
}

/**
 * Runs what throws such an error where the command line is wrong.
 *
 * @param words for people, of the error's own
 * @throws UsageError in its place
 */
export function asUsage<Value> (kind: new (...given: never[]) => Error, run: () => Value, words = (message: string): string => message): Value {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof kind)) throw error
    throw new UsageError(words(error.message))
  }
}

function decapitalized (sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1)
}

/**
 * The one name that a command may be given.
 *
 * @throws UsageError
 */
export function onlyOne (positionals: readonly string[], what: string): string | undefined {
  if (positionals.length > 1) throw new UsageError(`found ${positionals.length} names, must be one ${what} at most`)
  return positionals[0]
}

/** The file that is read where none is named. */
export function routesFile (named: string | undefined, { ROUTES_FILE }: NodeJS.ProcessEnv = process.env): string {
  return named ?? ROUTES_FILE ?? 'routes.json'
}

/**
 * How many workers there are to be.
 *
 * @throws UsageError
 */
export function workersOf (flag = '1'): number {
  if (/^[1-9]\d{0,2}$/.test(flag)) return Number(flag)
  throw new UsageError(`--workers: found ${JSON.stringify(flag)}, must be a whole number from 1 to 999`)
}

/**
 * The port that a flag or a variable names, as fastify-cli reads them.
 *
 * @throws UsageError
 */
export function portOf (flag: string | undefined, { FASTIFY_PORT, PORT }: NodeJS.ProcessEnv): number | undefined {
  const text = flag ?? (FASTIFY_PORT || PORT)
  if (text === undefined || text === '') return undefined
  if (/^\d{1,5}$/.test(text) && Number(text) < 65536) return Number(text)
  // The app names the remedy for what Kubernetes sets.
  if (flag === undefined && text === FASTIFY_PORT) return undefined
  throw new UsageError(`${flag === undefined ? 'PORT' : '--port'}: found ${JSON.stringify(text)}, must be a number up to 65535`)
}

/**
 * Where to listen; `undefined` for both loopback addresses. In a container nobody could come by those.
 *
 * @param mark a file that Docker's containers have
 */
export function addressOf (flag: string | undefined, { FASTIFY_ADDRESS, KUBERNETES_SERVICE_HOST }: NodeJS.ProcessEnv, configured: string | undefined, mark = '/.dockerenv'): string | undefined {
  return flag ?? (FASTIFY_ADDRESS || configured) ?? (KUBERNETES_SERVICE_HOST !== undefined || existsSync(mark) ? '0.0.0.0' : undefined)
}
