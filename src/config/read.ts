import { readFileSync } from 'node:fs'
import { ConfigError } from './config-error.js'

/**
 * The text of a routes.json, or of what stands beside it.
 *
 * @param remedy behind what is wrong
 * @throws ConfigError when it cannot be read
 */
export function readText (file: string, remedy = '; ROUTES_FILE names another file'): string {
  try {
    // A byte order mark, as some editors write it, is no JSON (RFC 8259 section 8.1).
    return readFileSync(file, 'utf8').replace(/^\uFEFF/, '')
  } catch (error) {
    throw new ConfigError(file, [{ path: '', message: `cannot be read (${String(error).replace(/^Error: /, '')})${remedy}` }])
  }
}
