import { IncomingMessage, METHODS } from 'node:http'
import { isForeign } from '../node/request-line.js'
import type { UpstreamResponse } from '../upstream/pool.js'
import { GatewayError } from './errors.js'
import { isSame, listValue } from './fields.js'
import type { RawFields } from './fields.js'
import { NOT_IN_TARGET } from './path.js'
import type { Via } from './via.js'
import { isHttp2 } from './client-protocol.js'

/** Names and values that Node's server keeps of one head; it drops what comes after them in silence, also a Content-Length. */
export const MAX_RAW_FIELDS = 2_000

/** `host[:port]` (RFC 3986 section 3.2.2), without user information, which no Host field may carry. */
const AUTHORITY = /^(?:[\w.~!$&'()*+,;=%-]+|\[[\da-f:.]+\])(?::\d{0,5})?$/i

/** What is forwarded, for the Allow field that a 405 must have (RFC 9110 section 15.5.6). */
export const ALLOWED_METHODS = METHODS.filter(method => method !== 'CONNECT' && method !== 'TRACE').join(', ')

/** What a route asks of its requests. */
export interface RequestRules {
  /** Where it has the gateway's own entry, the request came back; `undefined`: loops are not looked for. */
  readonly via: Via | undefined
  /** Bytes. */
  readonly maxBodySize: number
}

/**
 * Says why a request must not be forwarded: what Node's parser lets pass although it is malformed, or although
 * two parsers may read it in two ways, which is how one request becomes two.
 *
 * @param fields the request's, `Host` included
 */
export function validateRequest (request: IncomingMessage, fields: RawFields, { via, maxBodySize }: RequestRules): GatewayError | undefined {
  const { method, httpVersionMajor, httpVersionMinor, headers } = request
  if (httpVersionMajor !== 1) {
    // Node's parser reads 0.9 and 2.0 on an HTTP/1 connection, too.
    if (!isHttp2(request)) return new GatewayError('HTTP_VERSION_NOT_SUPPORTED')
    // Over HTTP/1 the parser sees to these two.
    if (!METHODS.includes(request.method)) return new GatewayError('NOT_IMPLEMENTED')
    if (NOT_IN_TARGET.test(request.url)) return bad('A request target is ASCII')
  } else if (httpVersionMinor === 0 && isForeign(request)) {
    return bad('The request is not HTTP')
  }
  // It would show a script what HttpOnly and the proxies on the way keep from it (RFC 9110 section 9.3.8).
  if (method === 'TRACE') return new GatewayError('METHOD_NOT_ALLOWED')
  // Node lets none but this one pass by itself; a list of several may have it (RFC 9110 section 10.1.1).
  if (headers.expect !== undefined && !headers.expect.toLowerCase().includes('100-continue')) return new GatewayError('EXPECTATION_FAILED')
  const codings = headers['transfer-encoding']
  if (codings !== undefined && !isChunkedAlone(codings, httpVersionMinor)) return bad('Transfer-Encoding must be chunked alone, and in HTTP/1.1')
  if (Number(headers['content-length']) > maxBodySize) return new GatewayError('PAYLOAD_TOO_LARGE')
  if (fields.length >= MAX_RAW_FIELDS) return new GatewayError('REQUEST_HEADER_FIELDS_TOO_LARGE')
  return validateFields(fields, via, httpVersionMinor === 1)
}

/**
 * Another coding before it would be lost, as the framing is set anew. Under HTTP/1.0 a server that does not know the
 * field takes the body for the next request (RFC 9112 section 6.1).
 */
function isChunkedAlone (codings: string, minorVersion: number): boolean {
  return minorVersion === 1 && isSame(codings, 'chunked')
}

/**
 * Whether a response is what it seems to be: another coding than chunked would be lost, as the framing is set anew, and
 * the client would take the coded bytes for the body (RFC 9112 section 6.1). Node's parser also reads `HTTP/2.0`.
 */
export function isSound (response: UpstreamResponse): boolean {
  if (response instanceof IncomingMessage && response.httpVersionMajor !== 1) return false
  // RFC 9110 section 15: what a client makes of such a status nobody knows.
  if (response.statusCode < 200 || response.statusCode >= 600) return false
  const codings = listValue(response.rawHeaders, 'transfer-encoding')
  return codings === undefined || (isSame(codings, 'chunked') && response.httpVersion === '1.1')
}

const HOST = 'Host must be there once, and be a host name or an address'

function validateFields (raw: RawFields, via: Via | undefined, needsHost: boolean): GatewayError | undefined {
  let hosts = 0
  for (let i = 0, name = raw[0], value = raw[1]; name !== undefined && value !== undefined; i += 2, name = raw[i], value = raw[i + 1]) {
    if (isSame(name, 'host')) {
      hosts++
      // Node takes the first of two Host fields, others the last (RFC 9112 section 3.2).
      if (hosts > 1 || !isAuthority(value)) return bad(HOST)
    } else if (via !== undefined && isSame(name, 'via') && via.isIn(value)) {
      return new GatewayError('LOOP_DETECTED')
    }
  }
  return needsHost && hosts === 0 ? bad(HOST) : undefined
}

/** The last one found good: clients ask for few names, so that the expression seldom runs. */
let lastAuthority = ''

/** Whether a text is `host[:port]`; the empty Host field of a URL without authority is one (RFC 9112 section 3.2). */
export function isAuthority (text: string): boolean {
  if (text === lastAuthority) return true
  if (text !== '' && !AUTHORITY.test(text)) return false
  lastAuthority = text
  return true
}

function bad (message: string): GatewayError {
  return new GatewayError('BAD_REQUEST', message)
}
