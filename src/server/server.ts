import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { Server as TlsServer } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import { readCertificates, reloadOnChange } from './certificates.js'
import type { ServerSettings } from '../config/index.js'
import { CountedResponse } from './counted-response.js'
import { logSessionError, respondToConnect, respondToDropped, respondToUnknownMethod } from './error-responses.js'
import { boundHead } from './head-size.js'
import { createHttp2Server } from './http2-server.js'
import { limitsOf } from './limits.js'
import { listenOnBothLoopbacks } from './loopback.js'

/** Milliseconds between two lines about connections that were not taken: a flood of them must not become one of lines. */
const DROP_LINE_INTERVAL = 1_000

/** The service's server, whatever it speaks. Fastify hands its own handler to it. */
export function serverFactory (settings: ServerSettings): (handler: RequestListener) => Server {
  const limits = limitsOf(settings)
  const tls = settings.tls && { ...readCertificates(settings.tls), handshakeTimeout: limits.headersTimeout }

  // A response that can be found costs a little for each request.
  const counted = limits.maxRequestsPerSocket > 0 && { ServerResponse: CountedResponse }

  function create (handler: RequestListener): Server {
    if (tls === undefined) return createServer({ ...limits, ...counted }, handler)
    if (!settings.http2) return createHttpsServer({ ...tls, ...limits, ...counted }, handler)
    // Fastify's types know HTTP/1 alone; this one has all that is used of such a server.
    const server: object = createHttp2Server({ ...tls, ...(counted && { Http1ServerResponse: CountedResponse }) }, limits, handler)
    return server as Server
  }

  // As properties, too: some limits are no options, and Node's HTTP/2 server takes none of its HTTP/1 side as options.
  return handler => Object.assign(create(handler), limits)
}

/** What the server needs beside its limits, once Fastify has it. */
export function prepareServer (fastify: FastifyInstance, { tls, http2, maxHeaderSize }: ServerSettings): void {
  const { server, log } = fastify
  server.on('connect', respondToConnect.bind(fastify))
  server.on('dropRequest', respondToDropped.bind(fastify))
  server.on('unknownMethod', respondToUnknownMethod.bind(fastify))
  server.on('sessionError', logSessionError.bind(fastify))
  // It is rejected on the way of all requests. Where nobody listens, Node writes a bare 417.
  server.on('checkExpectation', (request, response) => { server.emit('request', request, response) })
  server.on('drop', countDrops(fastify))
  listenOnBothLoopbacks(fastify)
  // Behind the policies of the route, so that a browser's script can read the rejection, too.
  if (http2) fastify.addHook('preValidation', boundHead(maxHeaderSize))
  if (tls !== undefined && isTlsServer(server)) {
    const stop = reloadOnChange(server, tls, log)
    fastify.addHook('onClose', async () => stop())
  }
}

function isTlsServer (server: object): server is TlsServer {
  return server instanceof TlsServer
}

function countDrops ({ server, log }: FastifyInstance): () => void {
  let dropped = 0
  return () => {
    dropped++
    if (dropped > 1) return
    setTimeout(() => {
      log.warn({ dropped, maxConnections: server.maxConnections }, 'connections were closed without a response: as many as are allowed are open')
      dropped = 0
    }, DROP_LINE_INTERVAL).unref()
  }
}
