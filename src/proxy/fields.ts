/** A head as Node gives and takes it: name, value, name, value, in the order and case of the wire. */
export type RawFields = readonly string[]

/** Fields of one connection, never of a message that travels on (RFC 9110 section 7.6.1). */
const HOP_BY_HOP = [
  'connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization',
  'te', 'trailer', 'transfer-encoding', 'upgrade'
]

/**
 * A set of field names without regard to case, and of families of them (`access-control-*`). Told apart by length and
 * letters before anything is lower-cased: most fields of a message are in no set. An underscore is a hyphen here: CGI
 * and WSGI give a service `X_Forwarded_For` and `X-Forwarded-For` under one name.
 */
export class FieldNames {
  readonly #byLength: (string[] | undefined)[] = []
  readonly #families: string[] = []
  readonly #withUnderscore: FieldNames | undefined

  /** @param withUnderscore what the set has, too, where it is spelled with an underscore */
  constructor (names: Iterable<string>, withUnderscore?: FieldNames) {
    this.#withUnderscore = withUnderscore
    for (const name of names) {
      if (name.endsWith('*')) this.#families.push(name.slice(0, -1))
      else (this.#byLength[name.length] ??= []).push(name)
    }
  }

  has (name: string): boolean {
    const sameLength = this.#byLength[name.length]
    if (sameLength !== undefined && sameLength.includes(withHyphens(name))) return true
    for (const family of this.#families) {
      if (hasLetter(name, family, 0) && hasLetter(name, family, 2) && withHyphens(name).startsWith(family)) return true
    }
    return this.#withUnderscore !== undefined && name.includes('_') && this.#withUnderscore.has(name)
  }
}

/** Whether a letter of a name is that of a family (lower case). */
function hasLetter (name: string, family: string, at: number): boolean {
  return (name.charCodeAt(at) | 0x20) === family.charCodeAt(at)
}

function withHyphens (name: string): string {
  const lowerCase = name.toLowerCase()
  return lowerCase.includes('_') ? lowerCase.replaceAll('_', '-') : lowerCase
}

/** The names that do not travel on: the hop-by-hop ones and `others`. */
export function strippedNames (others: Iterable<string>, withUnderscore?: FieldNames): FieldNames {
  return new FieldNames([...HOP_BY_HOP, ...others], withUnderscore)
}

/**
 * The one place where a head is stripped, in both directions: appends to `out` every field of `raw` but those
 * in `stripped`, those that the message's Connection field nominates and those in `replaced` (lower case).
 */
export function copyEndToEnd (raw: RawFields, stripped: FieldNames, replaced: readonly string[], out: string[]): void {
  const nominated = nominatedNames(raw)
  for (let i = 0, name = raw[0], value = raw[1]; name !== undefined && value !== undefined; i += 2, name = raw[i], value = raw[i + 1]) {
    if (stripped.has(name) || isOneOf(name, replaced)) continue
    if (nominated !== undefined && isOneOf(name, nominated)) continue
    out.push(name, value)
  }
}

/**
 * What a trailer section must not bring in behind the head's back: framing, routing, authentication, and what a
 * server acts on before the body (RFC 9110 section 6.5.1).
 */
const OF_HEADS = [
  'content-length', 'content-encoding', 'content-type', 'content-range', 'host', 'authorization', 'cookie', 'set-cookie',
  'www-authenticate', 'cache-control', 'expect', 'location', 'max-forwards', 'range', 'retry-after', 'vary', 'via', 'date',
  'forwarded', 'x-forwarded-*', 'x-real-ip', 'access-control-*'
]
const NOT_IN_TRAILERS = strippedNames(OF_HEADS)

/** What a trailer section must not have, where a route has rules for fields of these names: a trailer would lead around them. */
export function namesNotInTrailers (ruled: readonly string[] = []): FieldNames {
  return ruled.length === 0 ? NOT_IN_TRAILERS : strippedNames([...OF_HEADS, ...ruled])
}

/**
 * A trailer section as Node takes it.
 *
 * @param left what has no business in it
 */
export function allowedTrailers (raw: RawFields, left: FieldNames): Array<[string, string]> {
  const kept: string[] = []
  copyEndToEnd(raw, left, NONE, kept)
  const pairs: Array<[string, string]> = []
  eachField(kept, (name, value) => pairs.push([name, value]))
  return pairs
}

const NONE: readonly string[] = []

/** Off the hot path only: a closure for each call. */
export function eachField (raw: RawFields, visit: (name: string, value: string) => void): void {
  for (let i = 0, name = raw[0], value = raw[1]; name !== undefined && value !== undefined; i += 2, name = raw[i], value = raw[i + 1]) {
    visit(name, value)
  }
}

/** The value of the first field of that name (lower case). */
export function fieldValue (raw: RawFields, name: string): string | undefined {
  for (let i = 0, found = raw[0]; found !== undefined; found = raw[i += 2]) {
    if (isSame(found, name)) return raw[i + 1]
  }
  return undefined
}

/** The values of all fields of that name (lower case), as the one list that they stand for (RFC 9110 section 5.3). */
export function listValue (raw: RawFields, name: string): string | undefined {
  let list: string | undefined
  for (let i = 0, found = raw[0]; found !== undefined; found = raw[i += 2]) {
    if (isSame(found, name)) list = list === undefined ? raw[i + 1] : `${list}, ${raw[i + 1]}`
  }
  return list
}

/** The members of a list. White space is SP and HTAB alone (RFC 9110 section 5.6.3); JavaScript's own `trim` takes more. */
export function members (list: string | undefined): string[] {
  return list === undefined ? [] : list.split(',').map(member => member.replace(/^[\t ]+|[\t ]+$/g, '')).filter(member => member !== '')
}

/** Content-Length frames the message, so that nobody may nominate it away: the body would become the next request. */
const NEVER_NOMINATED = ['content-length', 'host']

function nominatedNames (raw: RawFields): string[] | undefined {
  const connection = listValue(raw, 'connection')
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined
  return members(connection.toLowerCase()).filter(name => !NEVER_NOMINATED.includes(name))
}

/** Whether a name is the other one (lower case) without regard to case. */
export function isSame (name: string, lowerCase: string): boolean {
  return name.length === lowerCase.length && (name === lowerCase || name.toLowerCase() === lowerCase)
}

function isOneOf (name: string, lowerCase: readonly string[]): boolean {
  for (const one of lowerCase) if (isSame(name, one)) return true
  return false
}
