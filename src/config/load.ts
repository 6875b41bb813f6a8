import { checkConfig } from './validate.js'
import { ConfigError } from './config-error.js'
import { readText } from './read.js'
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
  return readConfig(file, readText(file), env)
}

/**
 * Checks the text of a routes.json.
 *
 * @throws ConfigError when it is no JSON, or something in it is wrong
 */
export function readConfig (file: string, text: string, env: NodeJS.ProcessEnv): Settings {
  const mistakes = validateSyntax(text)
  if (mistakes.length > 0) throw new ConfigError(file, mistakes)
  return checkConfig(JSON.parse(text), { source: file, env })
}
