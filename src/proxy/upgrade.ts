import { ServerResponse } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import { GatewayError } from './errors.js'
import { eachField, isSame, listValue, members } from './fields.js'
import type { RawFields } from './fields.js'
import { http1 } from './http1-client.js'
import { lingerAfterAnswer } from './linger.js'
import { inTurn } from './turn.js'
import type { Answering } from './turn.js'

const kUpgrade = Symbol('upgrade')

declare module 'http' {
  interface IncomingMessage { [kUpgrade]?: string }
}

/** A connection as Node's server has it, which hangs itself on it. */
export type Connection = Answering & { server: Server }

/**
 * Protocols that would carry more requests, which no rule here would see any more: HTTP/2 without TLS (RFC 7540
 * section 3.2, withdrawn by RFC 9113), another HTTP, and TLS with HTTP in it (RFC 2817).
 */
const CARRIES_REQUESTS = /^(?:h2|https?\b|tls\b)/i

/**
 * The protocols that a request may go over to; `undefined` for one to be served as an ordinary request, whose Upgrade
 * field is then of the hop as any other: a server is free to ignore it (RFC 9110 section 7.8). Java's client asks for
 * h2c with every first request, also with a body, which no upgraded connection could be told from.
 */
export function protocolsAsked (client: IncomingMessage): string | undefined {
  if (client.httpVersion !== '1.1' || http1.hasBody(client)) return undefined
  const wanted = members(listValue(client.rawHeaders, 'upgrade')).filter(protocol => !CARRIES_REQUESTS.test(protocol))
  return wanted.length === 0 ? undefined : wanted.join(', ')
}

/** The protocols that an exchange may end up in, once its connection was taken from Node's server. */
export function upgradeOf (client: IncomingMessage): string | undefined {
  return client[kUpgrade]
}

/** The protocol that a service goes over to; `undefined` when it is none that was asked for, which no service may do. */
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
 * @param origins as in the policy; `undefined`: there is none
 * @param host the authority that the client asked for
 */
export function judgeOrigin (origin: string | undefined, origins: Origins | undefined, host: string): GatewayError | undefined {
  if (origins === undefined || origins === true || origin === undefined || origin.slice(origin.indexOf('//') + 2) === host) return undefined
  const isAllowed = origins !== false && (origins === '*' || [origins].flat().includes(origin))
  return isAllowed ? undefined : new GatewayError('FORBIDDEN')
}

/** `true` is every origin, `false` none. */
export type Origins = boolean | string | string[]

/**
 * Makes the response for a request whose connection Node has given away, and has it served when the answers to the
 * requests before it are written. Its answer, unless it is a tunnel, is the connection's last.
 *
 * @param early what came together with the request's head
 */
export function serveUpgrade (request: IncomingMessage, connection: Connection, early: Buffer, protocols: string, serve: (response: ServerResponse) => void): void {
  request[kUpgrade] = protocols
  // A client that ends its side before there is an answer has gone, as with any other request.
  connection.once('end', onGone)
  connection.on('error', ignore)
  connection.unshift(early)
  afterAnswers(connection, () => {
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(connection)
    response.on('finish', () => {
      if (response.statusCode !== 101) endConnection(response, connection)
    })
    serve(response)
  })
}

/**
 * 426 names the protocol without which there is no answer (RFC 9110 section 15.5.22), and the client may well go over
 * to it through here.
 */
export function nameRequired (rawHeaders: RawFields, head: string[]): void {
  const required = listValue(rawHeaders, 'upgrade')
  if (required !== undefined) head.push('Connection', 'Upgrade, close', 'Upgrade', required)
}

/** Takes the connection from its response, whose head is the last that it writes: what follows is no HTTP. */
export function switchProtocols (response: ServerResponse, connection: Socket): void {
  connection.off('end', onGone)
  response.end()
  response.detachSocket(connection)
}

function onGone (this: Socket): void {
  this.destroy()
}

/** 'close' follows, and tells whoever must know. */
function ignore (): void {}

/** As Node's server does after an answer. What the client sent for a tunnel that was refused is thrown away. */
function endConnection (response: ServerResponse, connection: Connection): void {
  response.detachSocket(connection)
  lingerAfterAnswer(connection)
  connection.destroySoon()
  response.emit('close')
}

/**
 * Gives a request that Node's server took for an upgrade back to it as an ordinary one: where anybody listens for
 * upgrades, Node lets go of the connection of each request with that field. Its body, and the requests behind it, are
 * in `rest` and on the connection still, to be read as if nothing had been.
 */
export function serveOrdinary (request: IncomingMessage, connection: Connection, rest: Buffer): void {
  connection.on('error', ignore)
  if (hasLostFields(request, connection.server)) {
    afterAnswers(connection, () => refuse(connection))
    return
  }
  connection.unshift(rest)
  connection.unshift(headWithoutUpgrade(request))
  afterAnswers(connection, () => {
    const { server } = connection
    connection.off('error', ignore)
    server.emit(server instanceof TlsServer ? 'secureConnection' : 'connection', connection)
  })
}

/**
 * Node drops the fields beyond its limit in silence. One of them may have been the body's length. Where no limit is
 * set, it is 2,000 names and values.
 */
function hasLostFields ({ rawHeaders }: IncomingMessage, { maxHeadersCount }: Server): boolean {
  const limit = maxHeadersCount === null ? 2000 : 2 * maxHeadersCount
  return limit > 0 && rawHeaders.length >= limit
}

function refuse (connection: Connection): void {
  lingerAfterAnswer(connection)
  connection.write('HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
  connection.destroySoon()
}

function headWithoutUpgrade ({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  eachField(rawHeaders, (name, value) => {
    if (isSame(name, 'upgrade') || isSame(name, 'http2-settings')) return
    const kept = isSame(name, 'connection') ? members(value).filter(isNotOfUpgrade).join(', ') : value
    lines.push(`${name}: ${kept}`)
  })
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}

function isNotOfUpgrade (option: string): boolean {
  return !isSame(option, 'upgrade') && !isSame(option, 'http2-settings')
}

/** Node's server still writes the answers to the requests before, but no longer tells them when the connection drains. */
function afterAnswers (connection: Connection, next: () => void): void {
  const drained = (): void => { connection._httpMessage?.emit('drain') }
  connection.on('drain', drained)
  inTurn(connection, () => false, () => {
    connection.off('drain', drained)
    if (connection.writable) next()
  })
}
