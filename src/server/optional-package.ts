import { ConfigError } from '../config/config-error.js'

/** What a package is wanted for. */
export interface Want {
  /** What is configured, for the first line of the error's message. */
  readonly source: string
  /** The key that asks for it. */
  readonly path: string
  /** What it is needed for, where the path does not say it: `found a Redis`. */
  readonly why?: string
  readonly name: string
  /** What else may be done than to install it. */
  readonly instead?: string
}

/**
 * Loads a package that is needed for what few configure, and so is not installed with this one.
 *
 * @throws ConfigError where it is not installed
 */
export async function loadOptional<Package> ({ source, path, why, name, instead }: Want, load: () => Promise<Package>): Promise<Package> {
  return await load().catch((error: unknown) => {
    if (!isMissing(error)) throw error
    const needs = `needs a package that is not installed: npm install ${name}`
    const message = (why === undefined ? needs : `${why}, which ${needs}`) + (instead === undefined ? '' : `, or ${instead}`)
    throw new ConfigError(source, [{ path, message }])
  })
}

function isMissing (error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
}
