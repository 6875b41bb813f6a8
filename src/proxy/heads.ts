import { copyEndToEnd, fieldValue, listValue, strippedNames } from './fields.js'
import type { FieldNames, RawFields } from './fields.js'

/** Who the client is, as far as the server can vouch for it. */
export interface Client {
  /** The X-Forwarded-For to send: the peer, appended to what it sent when it is a trusted proxy. */
  forwardedFor: string
  /** The address of the client: the peer's, or what a trusted proxy said. */
  ip: string
  protocol: string
  /** The authority that the client asked for; empty when it named none (HTTP/1.0). */
  host: string
  /** Whether the peer is a proxy that `trustProxy` names, so that its `Forwarded` may travel on. */
  trusted: boolean
}

/**
 * Replaced by the target's own (Host), answered by Node on this hop (Expect: the client has its 100 by now), or
 * set from what the server knows (the forwarded fields), whatever a client sent under these names.
 */
const REPLACED = ['host', 'expect', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-real-ip']
const FROM_A_CLIENT = strippedNames([...REPLACED, 'forwarded'])
const FROM_A_TRUSTED_PROXY = strippedNames(REPLACED)
const NONE: readonly string[] = []

/** Methods under which a request without framing has no body; under any other the sender says Content-Length: 0. */
const USUALLY_BODILESS = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE'])

/** Whether a body follows the request's head (RFC 9112 section 6.3). */
export function hasBody (headers: NodeJS.Dict<string | string[]>): boolean {
  if (headers['transfer-encoding'] !== undefined) return true
  const length = headers['content-length']
  return length !== undefined && length !== '0'
}

/**
 * The head that the service gets: the client's fields in their order and case, less what is of the hop, framed
 * anew, and the forwarded fields last, where no field of the client can replace or nominate them away.
 *
 * The framing is set here, by the function that strips it: Node writes the body of a GET or DELETE without any
 * on a kept connection when neither Content-Length nor Transfer-Encoding is given, and the body would be
 * read as the next request.
 */
export function requestHead (raw: RawFields, method: string, chunked: boolean, hostField: string, client: Client): string[] {
  const head = ['Host', hostField]
  copyEndToEnd(raw, client.trusted ? FROM_A_TRUSTED_PROXY : FROM_A_CLIENT, chunked ? CONTENT_LENGTH : NONE, head)
  if (chunked) head.push('Transfer-Encoding', 'chunked')
  else if (!USUALLY_BODILESS.has(method) && fieldValue(raw, 'content-length') === undefined) head.push('Content-Length', '0')
  head.push('X-Forwarded-For', client.forwardedFor, 'X-Forwarded-Proto', client.protocol)
  if (client.host !== '') head.push('X-Forwarded-Host', client.host)
  head.push('X-Real-IP', client.ip)
  return head
}

const CONTENT_LENGTH = ['content-length']

/** What hooks set through `reply.header()`: names in lower case. */
export type HookFields = Record<string, number | string | string[] | undefined>

/** The names that an answer loses on its way: hop-by-hop, and those that belong to the gateway on this route. */
export function answerStripped (owns: { cors: boolean, rateLimit: boolean }): FieldNames {
  const names: string[] = []
  if (owns.cors) names.push('access-control-*')
  if (owns.rateLimit) names.push('x-ratelimit-*')
  return strippedNames(names)
}

/**
 * The head that the client gets: the service's fields as they came (three Set-Cookie stay three), less what is of
 * the hop or the gateway's own, then what the hooks set. Vary is the sum of both: each names what its answer hangs on;
 * and a cookie of the host's replaces none of the service's.
 */
export function answerHead (raw: RawFields, status: number, stripped: FieldNames, fields: HookFields): string[] {
  const head: string[] = []
  const own = Object.keys(fields)
  const replaced = own.includes('set-cookie') ? own.filter(name => name !== 'set-cookie') : own
  // RFC 9110 section 8.6: no Content-Length in a 204.
  copyEndToEnd(raw, stripped, status === 204 ? [...replaced, 'content-length'] : replaced, head)
  for (const name of own) {
    const value = fields[name]
    if (name === 'vary') head.push(name, mergeVary(listValue(raw, 'vary'), String(value)))
    else if (Array.isArray(value)) for (const one of value) head.push(name, one)
    else if (value !== undefined) head.push(name, String(value))
  }
  return head
}

function mergeVary (theirs: string | undefined, ours: string): string {
  if (theirs === undefined || ours === '*') return ours
  const named = theirs.toLowerCase().split(',').map(name => name.trim())
  if (named.includes('*')) return theirs
  const missing = ours.split(',').map(name => name.trim()).filter(name => !named.includes(name.toLowerCase()))
  return [theirs, ...missing].join(', ')
}
