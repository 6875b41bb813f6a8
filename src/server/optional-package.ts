import { ConfigError } from '../config/config-error.js'

/** What a package is wanted for. */
export interface Want {
  /** What is configured, for the first line of the error's message. */
  readonly source: string
  /** The key that asks for it. */
  readonly path: string
  /** What was found there. */
  readonly found: string
  readonly name: string
}

/**
 * Loads a package that is needed for what few configure, and so is not installed with this one.
 *
 * @throws ConfigError where it is not installed
 */
export async function loadOptional<Package> ({ source, path, found, name }: Want, load: () => Promise<Package>): Promise<Package> {
  return await load().catch((error: unknown) => {
    if (!isMissing(error)) throw error
    throw new ConfigError(source, [{ path, message: `found ${found}, which needs a package that is not installed: npm install ${name}` }])
  })
}

function isMissing (error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
}
