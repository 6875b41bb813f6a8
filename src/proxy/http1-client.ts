import { STATUS_CODES } from 'node:http'
import { discardBody, receiveRequestBody, resumeRequestBody } from '../node/parsed-body.js'
import { resetConnection } from '../node/reset-connection.js'
import { expectNoBody, hasVanished, lingerAfterResponse, releaseRequest } from '../node/server-connection.js'
import type { ClientProtocol } from './client-protocol.js'
import { eachField, listValue } from './fields.js'
import { readStream, stopReading } from './stream-body.js'

const NOTHING = Buffer.alloc(0)

/** A client that speaks HTTP/1. */
export const http1Client: ClientProtocol = {
  closing: ['Connection', 'close'],

  fields: request => request.rawHeaders,

  connection: request => request.socket,

  /** RFC 9112 section 6.3. */
  hasBody ({ headers }) {
    if (headers['transfer-encoding'] !== undefined) return true
    return Number(headers['content-length']) > 0
  },

  /** After a response that closed the connection, what else stands in it must not be taken for a request. */
  isGone: ({ socket }) => socket.destroyed || socket.writableEnded || hasVanished(socket),

  /** Its requests come one after another. */
  sharedConnection: () => undefined,

  expectNoBody,

  /** Past the request's own stream, but where somebody else reads that as well. */
  deliverBody (request, receiver) {
    if (request.listenerCount('data') > 0 || request.listenerCount('readable') > 0) readStream(request, receiver)
    else receiveRequestBody(request, receiver)
  },

  resumeBody (request) {
    if (request.isPaused()) request.resume()
    else resumeRequestBody(request)
  },

  stopBody (request) {
    discardBody(request)
    stopReading(request)
  },

  release: releaseRequest,

  /** Interim responses may be left out; to a client that does not read they would pile up. */
  inform (response, status, reason, head) {
    const { socket } = response
    if (socket === null || socket.writableNeedDrain || response.headersSent || response.req.httpVersionMinor === 0) return
    // Written past Node's writer, which would reject a reason that its parser lets pass.
    const words = /^[\t\x20-\x7e\x80-\xff]+$/.test(reason) ? reason : STATUS_CODES[status] ?? ''
    const lines = [`HTTP/1.1 ${status} ${words}`]
    eachField(head, (name, value) => lines.push(`${name}: ${value}`))
    socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  },

  writeHead (response, status, reason, head) {
    // A client of HTTP/1.0 finds the end of a response by the end of the connection.
    if (response.req.httpVersionMinor === 0) response.shouldKeepAlive = false
    try {
      writeFields(response, status, reason, head)
    } catch (error) {
      // It would stand in the status line of the error that is sent instead.
      response.statusMessage = ''
      throw error
    }
  },

  /** Not by `flushHeaders`, which sends the head as UTF-8: every byte beyond ASCII would become two. */
  flushHead: response => response.write(NOTHING),

  addRequiredProtocol (upstream, head) {
    const required = listValue(upstream, 'upgrade')
    if (required !== undefined) head.push('Connection', 'Upgrade, close', 'Upgrade', required)
  },

  takesTrailers: response => response.chunkedEncoding,

  addTrailers: (response, trailers) => response.addTrailers(trailers),

  isWritten: response => response.writableFinished,

  /**
   * A client that reads slower than one buffer in the route's timeout still moves bytes, and so does one that still
   * reads the response before this one (pipelining).
   */
  flushed: ({ req: { socket } }) => socket.bytesWritten - socket.writableLength,

  hasLeft: response => response.writableLength === 0,

  breakOff (response, hasLength) {
    // What came before the break is the client's: Node holds it back until the end of the tick.
    while ((response.socket?.writableCorked ?? 0) > 0) response.socket?.uncork()
    // Without Content-Length or chunks (HTTP/1.0) the end of the connection is the end of the response: only a reset tells.
    const { socket } = response
    const needsReset = !response.chunkedEncoding && !hasLength && socket !== null
    if (!needsReset || !resetConnection(socket)) response.destroy()
  },

  /** The connection cannot be used again with half a body in it. */
  abandonBody (request) {
    request.resume()
    resumeRequestBody(request)
    lingerAfterResponse(request.socket)
  }
}

function writeFields (response: Parameters<ClientProtocol['writeHead']>[0], status: number, reason: string, head: string[]): void {
  const names = response.getHeaderNames()
  if (names.length === 0) {
    response.writeHead(status, reason, head)
    return
  }
  // Something set fields on Node's own response (Fastify while it closes, a middleware); `head` has them too. Node
  // then takes a flat array field by field and lets the last of a name win: only one of three Set-Cookie would be left.
  for (const name of names) response.removeHeader(name)
  eachField(head, (name, value) => response.appendHeader(name, value))
  response.writeHead(status, reason)
}
