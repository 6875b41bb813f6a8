import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { createServer as createNetServer } from 'node:net'
import type { AddressInfo, ListenOptions, Server as NetServer } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import { readCertificates, reloadOnChange } from './certificates.js'
import type { ServerSettings } from '../config/index.js'
import { createHttp2Server } from './http2-server.js'
import { answerConnect } from './error-responses.js'

/** Milliseconds between two lines about refused connections: a flood of them must not become one of lines. */
const DROP_LINE_INTERVAL = 1_000

/** What one connection, and all together, may cost. Under the names of Node's options and properties. */
export type Limits = ReturnType<typeof limitsOf>

function limitsOf ({ maxConnections, maxHeaderSize, headersTimeout, keepAliveTimeout, maxRequestsPerConnection }: ServerSettings) {
  return {
    maxConnections,
    maxHeaderSize,
    headersTimeout,
    connectionsCheckingInterval: Math.max(50, Math.round(headersTimeout / 5)),
    // A slow but steady upload lives; what is slower is for the exchange to cut off.
    requestTimeout: 0,
    keepAliveTimeout,
    maxRequestsPerSocket: maxRequestsPerConnection,
    // A request without Host is refused in the gateway's own words.
    requireHostHeader: false,
    insecureHTTPParser: false
  }
}

/** The service's server, whatever it speaks. Fastify hands its own handler to it. */
export function serverFactory (settings: ServerSettings): (handler: RequestListener) => Server {
  const limits = limitsOf(settings)
  const tls = settings.tls && { ...readCertificates(settings.tls), handshakeTimeout: limits.headersTimeout }

  function create (handler: RequestListener): Server {
    if (tls === undefined) return createServer(limits, handler)
    if (!settings.http2) return createHttpsServer({ ...tls, ...limits }, handler)
    // Fastify's types know HTTP/1 alone; this one has all that is used of such a server.
    const server: object = createHttp2Server(tls, limits, handler)
    return server as Server
  }

  // As properties, too: some limits are no options, and Node's HTTP/2 server takes none of its HTTP/1 side as options.
  return handler => Object.assign(create(handler), limits)
}

/** What the server needs beside its limits, once Fastify has it. */
export function attend (fastify: FastifyInstance, { tls }: ServerSettings): void {
  const { server, log } = fastify
  server.on('connect', answerConnect.bind(fastify))
  server.on('drop', countDrops(fastify))
  listenOnBothLoopbacks(fastify)
  if (tls !== undefined && isTlsServer(server)) {
    const stop = reloadOnChange(server, tls, log)
    fastify.addHook('onClose', async () => stop())
  }
}

function isTlsServer (server: object): server is TlsServer {
  return server instanceof TlsServer
}

function isAddress (address: AddressInfo | string): address is AddressInfo {
  return typeof address === 'object'
}

function countDrops ({ server, log }: FastifyInstance): () => void {
  let dropped = 0
  return () => {
    dropped++
    if (dropped > 1) return
    setTimeout(() => {
      log.warn({ dropped, maxConnections: server.maxConnections }, 'connections were refused: as many as are allowed are open')
      dropped = 0
    }, DROP_LINE_INTERVAL).unref()
  }
}

/**
 * Fastify listens on `localhost` where it is told no address, and Node on the first of a name's addresses alone. For
 * the other one Fastify would make a second server, with nothing of what is set on the first: limits, listeners,
 * certificates. Here one server has the connections of both.
 */
function listenOnBothLoopbacks (fastify: FastifyInstance): void {
  const { server, log } = fastify
  const { listen, close } = server
  const others: NetServer[] = []

  Object.assign(server, {
    listen (options: ListenOptions) {
      if (options.host === 'localhost') server.once('listening', listenOnOther)
      return listen.call(server, options)
    },
    close (done?: (error?: Error) => void) {
      for (const other of others) other.close()
      return close.call(server, done)
    }
  })

  function listenOnOther (): void {
    for (const { address, port } of fastify.addresses().filter(isAddress)) {
      const host = address === '::1' ? '127.0.0.1' : '::1'
      const other = createNetServer({ allowHalfOpen: !isTlsServer(server), noDelay: true }, socket => server.emit('connection', socket))
      other.maxConnections = server.maxConnections
      other.on('drop', data => server.emit('drop', data))
      // The port is another's there, or the machine has no IPv6.
      other.on('error', ({ message }) => log.info(`not listening at both loopback addresses: ${message}`))
      other.listen({ host, port }, () => log.info(`Server listening at ${host} port ${port}, too`))
      // The first one keeps the process alive.
      other.unref()
      others.push(other)
    }
  }
}
