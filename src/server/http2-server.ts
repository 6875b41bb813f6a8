import { METHODS } from 'node:http'
import type { RequestListener } from 'node:http'
import { createSecureServer } from 'node:http2'
import type { SecureServerOptions } from 'node:http2'
import type { Socket } from 'node:net'
import { BoundSession, LOOK_INTERVAL } from './http2-session.js'
import type { Limits } from './limits.js'

/** Requests that a session may have open at once. */
const MAX_STREAMS = 128

/**
 * Bytes of a head beyond `maxHeaderSize` that are read, so that its client can be told (431); of what is larger still
 * Node rejects the stream. Node counts 32 more for each field (RFC 9113 section 6.5.2), where HTTP/1 has 4 more.
 */
const HEADROOM = 131_072

/** Fields of a head that are read, so that its client can be told (431); Node rejects the stream of one that has more. */
const MAX_FIELDS = 2_000

/** What a session may do that costs its client nothing and us something. Node ends the session that does more. */
const FLOOD_LIMITS = {
  maxSessionInvalidFrames: 100,
  maxSessionRejectedStreams: 100,
  maxOutstandingPings: 10,
  maxOutstandingSettings: 10,
  // Streams that are reset (CVE-2023-44487): at once, and then per second. A Node that does not know the two has
  // nghttp2's own 1000 and 33.
  streamResetBurst: 200,
  streamResetRate: 33
}

const KNOWN_METHODS = new Set(METHODS)

/** A server for HTTP/2 and, by ALPN, HTTP/1.1, which is closed as Node's HTTP/1 servers are. */
export function createHttp2Server (tls: SecureServerOptions, limits: Limits, handler: RequestListener) {
  const server = createSecureServer({
    ...tls,
    ...FLOOD_LIMITS,
    allowHTTP1: true,
    maxHeaderListPairs: MAX_FIELDS,
    settings: { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: limits.maxHeaderSize + HEADROOM }
  })
  server.on('request', (request, response) => {
    // Over HTTP/1 the parser rejects the others. Fastify's router takes them for a bug of its own.
    server.emit(KNOWN_METHODS.has(request.method) ? 'knownMethod' : 'unknownMethod', request, response)
  })
  // Not as an argument: Node's types have other requests there.
  server.on('knownMethod', handler)
  const sockets = new Set<Socket>()
  const sessions = new Set<BoundSession>()
  const timer = setInterval(() => { for (const session of sessions) session.look() }, LOOK_INTERVAL).unref()
  server.on('secureConnection', socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('session', session => {
    session.once('connect', (_session, socket) => {
      const bound = new BoundSession(session, socket, limits)
      sessions.add(bound)
      session.once('close', () => sessions.delete(bound))
    })
  })
  server.on('closeAnnounced', () => { for (const session of sessions) session.announceClose() })
  server.once('close', () => clearInterval(timer))
  const { close } = server
  return Object.assign(server, {
    close (done?: (error?: Error) => void) {
      for (const session of sessions) session.close()
      return close.call(server, done)
    },
    closeAllConnections () {
      for (const socket of sockets) socket.destroy()
    }
  })
}
