import { quoted, UnreadableRequest } from './asked-request.js'
import type { AskedRequest } from './asked-request.js'

type Field = AskedRequest['fields'][number]

/**
 * The fields that curl sends: its own, unless they are given or taken away, and those that are given.
 *
 * @param own `undefined` for those that there are not
 * @param given as `--header` has them
 * @throws UnreadableRequest
 */
export function curlFields (own: ReadonlyArray<readonly [name: string, value: string | undefined]>, given: readonly string[]): Field[] {
  const custom = given.map(readField)
  const isGiven = (name: string): boolean => custom.some(([other]) => other.toLowerCase() === name.toLowerCase())
  return [...own.filter(([name]) => !isGiven(name)), ...custom].flatMap(([name, value]) => value === undefined ? [] : [[name, value]])
}

/** `Name: value`; `Name;` for an empty one; `Name:` for one that curl is not to send. */
function readField (text: string): readonly [name: string, value: string | undefined] {
  if (text.startsWith('@')) throw new UnreadableRequest(`found ${quoted(text)}, which names a file: no file is read here`)
  const colon = text.indexOf(':')
  if (colon === -1 && text.endsWith(';')) return [text.slice(0, -1), '']
  if (colon < 1) throw new UnreadableRequest(`found ${quoted(text)}, must be a header such as "Accept: text/html"`)
  return [text.slice(0, colon), text.slice(colon + 1).trim() || undefined]
}
