import type { AddressInfo } from 'node:net'
import cors from '@fastify/cors'
import httpProxy from '@fastify/http-proxy'
import rateLimit from '@fastify/rate-limit'
import Fastify from 'fastify'
import { childOptions, serve } from '../child.js'
import { MAX_CONNECTIONS, MAX_REQUESTS, ORIGIN, PREFIX, TIME_WINDOW } from './policy.js'
import type { ContenderOptions } from './policy.js'

const { upstreamPort } = childOptions<ContenderOptions>()

const app = Fastify({ logger: false })
await app.register(cors, { origin: [ORIGIN] })
await app.register(rateLimit, { max: MAX_REQUESTS, timeWindow: TIME_WINDOW })
await app.register(httpProxy, {
  upstream: `http://127.0.0.1:${upstreamPort}`,
  prefix: PREFIX,
  rewritePrefix: PREFIX,
  disableRequestLogging: true,
  undici: { connections: MAX_CONNECTIONS, pipelining: 1 },
  replyOptions: {
    rewriteRequestHeaders (request, headers) {
      // A copy already, so it may be changed in place.
      headers['x-forwarded-for'] = request.ip
      headers['x-forwarded-host'] = request.host
      headers['x-forwarded-proto'] = request.protocol
      return headers
    }
  }
})
await app.listen({ host: '127.0.0.1', port: 0 })
serve({ port: (app.server.address() as AddressInfo).port })
