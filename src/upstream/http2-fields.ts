import { constants } from 'node:http2'

/** A head as Node's HTTP/2 takes it: names in lower case, a list where a field stands more than once. */
export type Fields = Record<string, string | string[]>

/**
 * Node refuses to send some of these twice. Joined, two fields mean the same (RFC 9110 section 5.3), except for
 * these three.
 */
const JOINED = new Set<unknown>(Object.values(constants))
for (const name of ['cookie', 'set-cookie', 'www-authenticate']) JOINED.delete(name)

/** Turns a flat head into Node's. What no standard names (gRPC's metadata) stays apart as it came. */
export function groupFields (raw: readonly string[]): Fields {
  // Without a prototype: `__proto__` is a name like any other.
  const fields: Fields = Object.create(null)
  for (let i = 0, name = raw[0]; name !== undefined; name = raw[i += 2]) add(fields, name.toLowerCase(), String(raw[i + 1]))
  return fields
}

function add (fields: Fields, name: string, value: string): void {
  const before = fields[name]
  if (before === undefined) fields[name] = value
  else if (Array.isArray(before)) before.push(value)
  else fields[name] = JOINED.has(name) ? `${before}, ${value}` : [before, value]
}
