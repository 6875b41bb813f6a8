import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { eachField } from './fields.js'
import { isLingering, lingerAfterAnswer } from './linger.js'
import type { Wire } from './client-protocol.js'

const NOTHING = Buffer.alloc(0)

/** Node resets TCP alone: it throws for the socket of a server on a path, and TLS closes in its own way. */
function canReset (socket: Socket | null): socket is Socket {
  return socket !== null && socket.remoteFamily !== undefined && !('encrypted' in socket)
}

/** A client that speaks HTTP/1. */
export const http1: Wire = {
  closing: ['Connection', 'close'],

  fields: client => client.rawHeaders,

  /** RFC 9112 section 6.3. */
  hasBody ({ headers }) {
    if (headers['transfer-encoding'] !== undefined) return true
    return Number(headers['content-length']) > 0
  },

  /** After an answer that closes the connection, what else stands in it must not be taken for a request. */
  isGone: ({ socket }) => socket.destroyed || isLingering(socket),

  /** A response that waits behind another one of its connection has no socket yet; interim answers may be left out. */
  inform (raw, status, reason, head) {
    if (raw.socket === null || raw.headersSent || raw.req.httpVersionMinor === 0) return
    // Written past Node's writer, which would refuse a reason that its parser lets pass.
    const words = /^[\t\x20-\x7e\x80-\xff]+$/.test(reason) ? reason : STATUS_CODES[status] ?? ''
    const lines = [`HTTP/1.1 ${status} ${words}`]
    eachField(head, (name, value) => lines.push(`${name}: ${value}`))
    raw.socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  },

  writeHead (raw, status, reason, head) {
    // A client of HTTP/1.0 finds the end of an answer by the end of the connection.
    if (raw.req.httpVersionMinor === 0) raw.shouldKeepAlive = false
    const names = raw.getHeaderNames()
    if (names.length === 0) {
      raw.writeHead(status, reason, head)
      return
    }
    // Something set fields on Node's own response (Fastify while it closes, a middleware); `head` has them too. Node
    // then takes a flat array field by field and lets the last of a name win: only one of three Set-Cookie would be left.
    for (const name of names) raw.removeHeader(name)
    eachField(head, (name, value) => raw.appendHeader(name, value))
    raw.writeHead(status, reason)
  },

  /** Not by `flushHeaders`, which sends the head as UTF-8: every byte beyond ASCII would become two. */
  flushHead: raw => raw.write(NOTHING),

  takesTrailers: raw => raw.chunkedEncoding,

  addTrailers: (raw, trailers) => raw.addTrailers(trailers),

  isWritten: raw => raw.writableFinished,

  /**
   * A client that reads slower than one buffer in the route's timeout still moves bytes, and so does one that still
   * reads the answer before this one (pipelining).
   */
  flushed: ({ req: { socket } }) => socket.bytesWritten - socket.writableLength,

  breakOff (raw, hasLength) {
    // Without Content-Length or chunks (HTTP/1.0) the end of the connection is the end of the answer: only a reset tells.
    if (!raw.chunkedEncoding && !hasLength && canReset(raw.socket)) raw.socket.resetAndDestroy()
    else raw.destroy()
  },

  /** The connection cannot be used again with half a body in it. */
  abandonBody (client) {
    client.resume()
    lingerAfterAnswer(client.socket)
  }
}
