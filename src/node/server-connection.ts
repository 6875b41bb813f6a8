import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/*
 * What Node's HTTP server notes on a connection, and documents nowhere:
 * - `_httpMessage`: the response that is being written; those behind it (pipelining) wait.
 * - `parser.incoming`: the request that is being read, kept until the next one where nobody read its end.
 * - It calls `destroySoon` when a response with `Connection: close` is written.
 * - It reads the body of a request to its end when the response is written, unless `_consuming` is set.
 */

/** A connection as Node's server has it. */
export type ServerConnection = Socket & {
  readonly server?: Server
  _httpMessage?: ServerResponse | null
  parser?: { incoming?: IncomingMessage | null } | null
}

/** The response that is being written. */
export function currentResponse (connection: ServerConnection): ServerResponse | undefined {
  return connection._httpMessage ?? undefined
}

/** Whether a connection of HTTP/1 waits for a request: nothing is being written, and it was not given away for a tunnel. */
export function isIdle (connection: ServerConnection): boolean {
  return connection._httpMessage == null && connection.parser != null
}

/** The request whose body is still being read. */
export function unfinishedRequest ({ parser }: ServerConnection): IncomingMessage | undefined {
  const request = parser?.incoming
  return request?.complete === false ? request : undefined
}

/**
 * Pipelined requests get their responses in order: calls `next` when nothing is being written, or a response that
 * `isTurn` says need not be waited for.
 */
export function afterEarlierResponses (connection: ServerConnection, isTurn: (current: ServerResponse) => boolean, next: () => void): void {
  const current = currentResponse(connection)
  if (current === undefined || isTurn(current)) next()
  else current.once('close', () => afterEarlierResponses(connection, isTurn, next))
}

/**
 * Whether the other end reset a connection of TCP, which Node is yet to be told: the kernel no longer knows its address.
 * Nobody may be taken for a peer without an address, as that of a Unix socket is, who counts as local and may be trusted.
 */
export function hasVanished (connection: Socket): boolean {
  return connection.remoteAddress === undefined && connection.localAddress !== undefined
}

/**
 * Spares Node the reading of a body that is not there, which takes several ticks. Node 24 and later can do so by
 * themselves (`optimizeEmptyRequests`), for a whole server and its other routes. Not where somebody waits for the
 * request's end: it is told of none then.
 */
export function expectNoBody (request: IncomingMessage & { _consuming?: boolean }): void {
  if (request.listenerCount('end') === 0 && request.listenerCount('close') === 0) request._consuming = true
}

/**
 * An idle connection would keep a request whose end nobody read, and its exchange, until the next one. One that the other
 * end reset would stay open while an upload stands in it that nobody reads, also that of a request behind this one: Node
 * does not look at a connection that it does not read.
 */
export function releaseRequest (request: IncomingMessage): void {
  const connection: ServerConnection | null = request.socket
  const parser = connection?.parser
  if (parser != null && parser.incoming === request) parser.incoming = null
  if (connection !== null && hasVanished(connection)) connection.destroy()
}

/** Milliseconds that a client has to read its response and stop sending. */
const LINGER = 5_000

/**
 * Has the connection closed in order after a response that came before the upload's end. To close while unread
 * bytes wait makes the kernel send a reset, which may wipe the response out before the client has read it
 * (RFC 9112 section 9.6). So our side is ended, what still arrives is thrown away unparsed, as a request may
 * hide in it, and the connection is closed when the client ends its side too or after `LINGER`.
 */
export function lingerAfterResponse (socket: Socket): void {
  socket.destroySoon = linger
}

/** Whether a response that closes the connection was given, or is about to be. */
export function isLingering (socket: Socket): boolean {
  return socket.destroySoon === linger
}

function linger (this: Socket): void {
  this.end()
  this.removeAllListeners('data')
  this.removeAllListeners('end')
  this.on('data', discard)
  this.on('end', this.destroy)
  const timer = setTimeout(destroy, LINGER, this).unref()
  this.on('close', () => clearTimeout(timer))
  this.resume()
}

function discard (): void {}

function destroy (socket: Socket): void {
  socket.destroy()
}
