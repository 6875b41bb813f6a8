import { validateHeaderName, validateHeaderValue } from 'node:http'
import { eachField, FieldNames, strippedNames } from './fields.js'
import type { RawFields } from './fields.js'

/** A head as an object, as programs know it: names in lower case; a list where a field stands more than once. */
export type Headers = Record<string, string | string[] | undefined>

/** What code gives back as one: numbers are as good as their text. */
export type GivenHeaders = Readonly<Record<string, string | number | readonly string[] | undefined>>

/** The headers of a request as they came, and as somebody has left them. */
export interface HeaderChanges {
  readonly before: Headers
  readonly after: GivenHeaders
}

/** What frames a message or belongs to one hop: never a matter of code that only changes headers. */
const OF_FRAMING = ['content-length', 'host', 'expect', 'http2-settings']

/** Of a request: Host is the target's, and set when that is known. */
export const FIXED_IN_REQUEST = strippedNames(OF_FRAMING)

export const FIXED_IN_RESPONSE = strippedNames(['content-length'])

/** Beside what is fixed anyway: what tells of the client, which the gateway knows better than a hook of a host. */
export const FIXED_IN_HOST = strippedNames([...OF_FRAMING, 'forwarded', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-real-ip'])

export function headersOf (raw: RawFields): Headers {
  const headers: Headers = Object.create(null)
  eachField(raw, (name, value) => {
    const lowerCase = name.toLowerCase()
    const known = headers[lowerCase]
    // As Node has it: a cookie is one of many.
    if (known === undefined) headers[lowerCase] = lowerCase === 'set-cookie' ? [value] : value
    else if (Array.isArray(known)) known.push(value)
    else headers[lowerCase] = [known, value]
  })
  return headers
}

/** A copy that stays as it is when the other one is changed, lists included. */
export function copyHeaders (headers: Headers): Headers {
  const copy: Headers = Object.create(null)
  for (const name of Object.keys(headers)) {
    const value = headers[name]
    copy[name] = Array.isArray(value) ? [...value] : value
  }
  return copy
}

/**
 * A head with what code has changed in its object. What was not changed stays where it was, in the case of the wire.
 *
 * @param fixed names whose changes do not count
 * @throws TypeError when a new name or value is not one that HTTP knows
 */
export function changeFields<Raw extends RawFields> (raw: Raw, before: Headers, after: GivenHeaders, fixed: FieldNames): Raw | string[] {
  const changed = changesOf(before, after, fixed)
  if (changed.size === 0) return raw
  const head: string[] = []
  eachField(raw, (name, value) => {
    const lowerCase = name.toLowerCase()
    const values = changed.get(lowerCase)
    if (values === undefined) {
      head.push(name, value)
      return
    }
    for (const one of values) head.push(name, one)
    // Where the first of them stood.
    changed.set(lowerCase, NONE)
  })
  for (const [name, values] of changed) for (const one of values) head.push(name, one)
  return head
}

const NONE: readonly string[] = []

/** The new values of every name that has others now; none for one that is gone. */
function changesOf (before: Headers, after: GivenHeaders, fixed: FieldNames): Map<string, readonly string[]> {
  const changed = new Map<string, readonly string[]>()
  for (const name of Object.keys(before)) {
    if (after[name] == null && isChangeable(name, fixed)) changed.set(name, NONE)
  }
  for (const name of Object.keys(after)) {
    const value = after[name]
    const lowerCase = name.toLowerCase()
    if (value == null || !isChangeable(lowerCase, fixed)) continue
    const values = Array.isArray(value) ? value.map(String) : [String(value)]
    if (isAsBefore(before[lowerCase], values) && !changed.has(lowerCase)) continue
    validateHeaderName(lowerCase)
    for (const one of values) validateHeaderValue(lowerCase, one)
    changed.set(lowerCase, values)
  }
  return changed
}

/** Names with a colon are HTTP/2's own. */
function isChangeable (name: string, fixed: FieldNames): boolean {
  return !name.startsWith(':') && !fixed.has(name)
}

function isAsBefore (before: string | string[] | undefined, values: readonly string[]): boolean {
  if (!Array.isArray(before)) return values.length === 1 && values[0] === before
  return before.length === values.length && before.every((value, nth) => value === values[nth])
}
