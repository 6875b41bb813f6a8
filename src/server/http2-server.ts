import { METHODS } from 'node:http'
import type { RequestListener } from 'node:http'
import { createSecureServer } from 'node:http2'
import type { SecureServerOptions, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { Limits } from './limits.js'

/** Requests that a session may have open at once. */
const MAX_STREAMS = 128

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
    settings: { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: limits.maxHeaderSize }
  })
  server.on('request', (request, response) => {
    // Over HTTP/1 the parser rejects the others. Fastify's router takes them for a bug of its own.
    server.emit(KNOWN_METHODS.has(request.method) ? 'knownMethod' : 'unknownMethod', request, response)
  })
  // Not as an argument: Node's types have other requests there.
  server.on('knownMethod', handler)
  const sockets = new Set<Socket>()
  const closers = new Set<() => void>()
  server.on('secureConnection', socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('session', session => {
    session.once('connect', (_session, socket) => {
      const close = bound(session, socket, limits)
      closers.add(close)
      session.once('close', () => closers.delete(close))
    })
  })
  const { close } = server
  return Object.assign(server, {
    close (done?: (error?: Error) => void) {
      for (const closeSession of closers) closeSession()
      return close.call(server, done)
    },
    closeAllConnections () {
      for (const socket of sockets) socket.destroy()
    }
  })
}

/**
 * Bounds what Node leaves unbounded: silence, the number of requests, and the wait for a client that does not hang up.
 *
 * @returns tells the client to take its next requests elsewhere, and lets those under way end
 */
function bound (session: ServerHttp2Session, socket: Socket, { headersTimeout, keepAliveTimeout, maxRequestsPerSocket }: Limits): () => void {
  const streams = new Set<ServerHttp2Stream>()
  let requests = 0

  session.setTimeout(headersTimeout)
  session.on('stream', stream => {
    streams.add(stream)
    stream.once('close', onStreamClose)
    requests++
    if (requests === 1) session.setTimeout(keepAliveTimeout)
    if (requests === maxRequestsPerSocket) close()
  })
  session.on('timeout', () => {
    if (hasOpenStream()) {
      // An exchange may be silent for longer: its route says how long.
      session.setTimeout(keepAliveTimeout)
    } else {
      session.destroy()
      linger()
    }
  })

  function onStreamClose (this: ServerHttp2Stream): void {
    streams.delete(this)
    if (session.closed && streams.size === 0) linger()
  }

  /** A stream that was closed here stays among them when its last frame cannot leave: the client does not read. */
  function hasOpenStream (): boolean {
    for (const stream of streams) {
      if (!stream.closed) return true
    }
    return false
  }

  function close (): void {
    session.close()
    if (streams.size === 0) linger()
  }

  /** The client may take what is left of its answers, and has to end its side. */
  function linger (): void {
    setTimeout(destroy, keepAliveTimeout, socket).unref()
  }

  return close
}

function destroy (socket: Socket): void {
  socket.destroy()
}
