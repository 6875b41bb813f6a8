import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { formats } from './formats.js'
import { isSection } from './raw-section.js'

/** The SHA-256 of each key, in hexadecimal, and the key's name. */
export type ApiKeys = ReadonlyMap<string, string>

const DIGEST = /^[0-9a-f]{64}$/i
const FORM = 'must be an object such as { "shop": "a key" }'

/**
 * Reads API keys.
 *
 * @param source the keys by their names, or the path of a JSON file that has them
 * @throws Error with what is wrong, as "must …"; no key is told
 */
export function readApiKeys (source: unknown, hashed: boolean): ApiKeys {
  const keys: unknown = typeof source === 'string' ? readJson(source) : source
  if (!isSection(keys)) throw new Error(FORM)
  const names = new Map<string, string>()
  for (const [name, key] of Object.entries(keys)) {
    const wrong = formats['key-name'](name)
    if (wrong !== undefined) throw new Error(`${wrong}, not ${JSON.stringify(name)}`)
    const digest = digestOf(key, hashed, name)
    const other = names.get(digest)
    if (other !== undefined) throw new Error(`must have a key of its own for each name: those of ${JSON.stringify(other)} and ${JSON.stringify(name)} are the same`)
    names.set(digest, name)
  }
  return names
}

function digestOf (key: unknown, hashed: boolean, name: string): string {
  if (typeof key !== 'string' || !/^[!-~]+$/.test(key)) throw new Error(`must have a text in ASCII without white space as the key ${JSON.stringify(name)}`)
  if (!hashed) return hash('sha256', key)
  if (!DIGEST.test(key)) throw new Error(`must have a SHA-256 in hexadecimal as the key ${JSON.stringify(name)}, as it is hashed`)
  return key.toLowerCase()
}

function readJson (file: string): unknown {
  let text: string
  try {
    text = readFileSync(file, 'utf8').replace(/^\uFEFF/, '')
  } catch (error) {
    throw new Error(`must be a file that can be read (${String(error).replace(/^Error: |, .*$/gs, '')})`)
  }
  try {
    return JSON.parse(text)
  } catch {
    // What JSON.parse says has a piece of the text.
    throw new Error('must be a file with JSON')
  }
}
