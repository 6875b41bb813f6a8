import { hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isIPv6 } from 'node:net'
import { cookieOf } from '../upstream/balance/hash-key.js'

/** Has its headers made into an object by Node when they are first asked for, which costs more than all of a limit. */
export interface Headed {
  readonly headers: IncomingHttpHeaders
}

/** Makes of a request what its client is counted under. */
export type ClientKey = (ip: string, request: Headed) => string

const HEADER = 'header:'
const COOKIE = 'cookie:'

/**
 * Prepares what a client is counted under, at start.
 *
 * @param source `ip`, `header:` with a name, or `cookie:` with one. A request without that header or cookie is counted
 * under its address: nobody gets around a limit by leaving it out.
 */
export function compileClientKey (source = 'ip'): ClientKey {
  if (source.startsWith(HEADER)) {
    const name = source.slice(HEADER.length).toLowerCase()
    return (ip, { headers }) => digestOf(headers[name]) ?? networkOf(ip)
  }
  if (source.startsWith(COOKIE)) {
    const name = source.slice(COOKIE.length)
    return (ip, { headers: { cookie = '' } }) => digestOf(cookieOf(cookie, name)) ?? networkOf(ip)
  }
  return networkOf
}

/**
 * A value is often a secret, which is not to be found in a store's memory, and may be as long as a head. No digest reads
 * as an address: a value that does would be counted under the client who has it.
 */
function digestOf (value: string | string[] | undefined): string | undefined {
  return value === undefined || value.length === 0 ? undefined : hash('sha256', String(value), 'base64url')
}

/** An address of IPv4, or the network of one of IPv6: a client there has 2^64 of them. */
export function networkOf (ip: string): string {
  if (!ip.includes(':')) return ip
  // What a proxy says of its client need not be an address.
  if (!isIPv6(ip)) return ip.toLowerCase()
  const groups = groupsOf(ip)
  const network = groups.slice(0, 4)
  // An address of IPv4 as IPv6 has it (RFC 4291 section 2.5.5.2).
  if (groups[5] === 0xffff && groups[4] === 0 && network.every(group => group === 0)) return groups.slice(6).flatMap(group => [group >> 8, group & 255]).join('.')
  return `${network.map(group => group.toString(16)).join(':')}::/64`
}

/** The eight groups of a valid address. */
function groupsOf (ip: string): number[] {
  const [head = '', tail] = ip.split('::')
  const first = head.split(':').flatMap(readGroup)
  if (tail === undefined) return first
  const last = tail.split(':').flatMap(readGroup)
  return [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last]
}

/** The last of them may be written as an address of IPv4, and a zone may stand behind it. */
function readGroup (text: string): number[] {
  if (text === '') return []
  if (!text.includes('.')) return [Number.parseInt(text, 16)]
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(part => Number.parseInt(part, 10))
  return [a << 8 | b, c << 8 | d]
}
