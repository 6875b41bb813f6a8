import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { takeConnection } from '../node/given-connection.js'
import { bodyOnConnection, noteBodyOnConnection, takeFromStream } from '../node/upgrade-body.js'
import type { ClientProtocol } from './client-protocol.js'
import { GatewayError, rejectedBy } from './errors.js'
import { listValue, members } from './fields.js'
import type { RawFields } from './fields.js'
import { http1Client } from './http1-client.js'
import { isAllowed } from './origins.js'
import type { OriginTest } from './origins.js'

const kUpgrade = Symbol('upgrade')

declare module 'http' {
  interface IncomingMessage { [kUpgrade]?: string }
}

/**
 * Protocols that would carry more requests, which no rule here would see any more: HTTP/2 without TLS (RFC 7540
 * section 3.2, withdrawn by RFC 9113), another HTTP, and TLS with HTTP in it (RFC 2817).
 */
const CARRIES_REQUESTS = /^(?:h2|https?\b|tls\b)/i

/**
 * The protocols that a request may go over to; `undefined` for one to be served as an ordinary request, whose Upgrade
 * field is then of the hop as any other: a server is free to ignore it (RFC 9110 section 7.8). Java's client asks for
 * h2c with every first request. A body goes first (`docker exec` sends one); in chunks, or after a `100 Continue`, its
 * end could not be told from the tunnel's beginning.
 */
export function protocolsAsked (request: IncomingMessage): string | undefined {
  const { httpVersion, headers } = request
  if (httpVersion !== '1.1' || headers['transfer-encoding'] !== undefined) return undefined
  if (headers.expect !== undefined && http1Client.hasBody(request)) return undefined
  const wanted = members(listValue(request.rawHeaders, 'upgrade')).filter(protocol => !CARRIES_REQUESTS.test(protocol))
  return wanted.length === 0 ? undefined : wanted.join(', ')
}

/** Notes on a request whose connection was taken from Node's server which protocols it may end up in. */
export function allowUpgrade (request: IncomingMessage, protocols: string): void {
  request[kUpgrade] = protocols
  if (http1Client.hasBody(request)) noteBodyOnConnection(request, Number(request.headers['content-length']))
}

/** A client that speaks HTTP/1 and asks for an upgrade, where Node leaves the body of its request on the connection. */
export const upgradingClient: ClientProtocol = {
  ...http1Client,
  deliverBody (request, receiver) { bodyOnConnection(request)?.deliverTo(receiver) },
  resumeBody (request) { bodyOnConnection(request)?.resume() },
  stopBody (request) { bodyOnConnection(request)?.stop() },
  /** The response closes the connection in any case. */
  abandonBody (request) { bodyOnConnection(request)?.stop() }
}

/** Whether the body of a request is read by `upgradingClient`. */
export function hasBodyOnConnection (request: IncomingMessage): boolean {
  return bodyOnConnection(request) !== undefined
}

/** The protocols that an exchange may end up in; `undefined` for an ordinary request. */
export function upgradeOf (request: IncomingMessage): string | undefined {
  return request[kUpgrade]
}

/** The protocol that an upstream goes over to; `undefined` when it is none that was asked for, which it may not choose. */
export function protocolChosen (asked: string | undefined, rawHeaders: RawFields): string | undefined {
  const chosen = listValue(rawHeaders, 'upgrade')
  const known = members(asked?.toLowerCase())
  const protocols = members(chosen?.toLowerCase())
  return protocols.length > 0 && protocols.every(protocol => known.includes(protocol)) ? chosen : undefined
}

/**
 * Browsers let every page open a WebSocket to anywhere, with cookies, and leave it to the server to look at Origin
 * (RFC 6455 section 10.2). Where a route has a CORS policy, it is asked; a page of the gateway's own host needs none.
 *
 * @param origins those of the policy; `undefined`: there is none
 * @param host the authority that the client asked for
 */
export function validateOrigin (origin: string | undefined, origins: OriginTest | undefined, host: string): GatewayError | undefined {
  if (origins === undefined || origins === true || origin === undefined || isOfHost(origin, host)) return undefined
  return isAllowed(origin, origins) ? undefined : rejectedBy('cors', new GatewayError('FORBIDDEN'))
}

/** Whether a page's origin is the host that it asks, which the client may have written in another way (RFC 3986 section 6.2). */
function isOfHost (origin: string, host: string): boolean {
  const end = origin.indexOf('://')
  if (end === -1) return false
  const defaultPort = origin.slice(0, end).toLowerCase() === 'https' ? ':443' : ':80'
  return plainAuthority(origin.slice(end + 3), defaultPort) === plainAuthority(host, defaultPort)
}

function plainAuthority (authority: string, defaultPort: string): string {
  const [, name = '', port = ''] = /^(.*?)\.?(:\d*)?$/.exec(authority.toLowerCase()) ?? []
  return port === defaultPort || port === ':' ? name : name + port
}

/** Has a connection closed whose client ends its side before there is a response: it has gone, as with any other request. */
export function closeOnEnd (connection: Socket): void {
  connection.once('end', close)
}

/** Takes the connection from its response, whose head is the last that it writes: what follows is no HTTP. */
export function switchProtocols (response: ServerResponse, connection: Socket): void {
  connection.off('end', close)
  response.end()
  takeConnection(response, connection)
  takeFromStream(connection)
}

function close (this: Socket): void {
  this.destroy()
}
