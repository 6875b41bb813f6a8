import { readFileSync } from 'node:fs'
import { checkConfig } from './validate.js'
import { ConfigError } from './config-error.js'
import type { Settings } from './settings.js'
import { validateSyntax } from './syntax.js'

/**
 * Reads and checks a routes.json.
 *
 * @param file its path; also the first word of an error's message
 * @param env where `${NAME}` in the file comes from
 * @throws ConfigError when there is no such file, it is no JSON, or something in it is wrong
 */
export function loadConfig (file: string, env: NodeJS.ProcessEnv): Settings {
  return checkConfig(parse(file, read(file)), { source: file, env })
}

function read (file: string): string {
  try {
    // A byte order mark, as some editors write it, is no JSON (RFC 8259 section 8.1).
    return readFileSync(file, 'utf8').replace(/^\uFEFF/, '')
  } catch (error) {
    throw new ConfigError(file, [{ path: '', message: `cannot be read (${String(error).replace(/^Error: /, '')}); ROUTES_FILE names another file` }])
  }
}

function parse (file: string, text: string): unknown {
  const mistakes = validateSyntax(text)
  if (mistakes.length > 0) throw new ConfigError(file, mistakes)
  return JSON.parse(text)
}
