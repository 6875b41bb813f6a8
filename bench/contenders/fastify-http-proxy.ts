import cors from '@fastify/cors'
import httpProxy from '@fastify/http-proxy'
import rateLimit from '@fastify/rate-limit'
import Fastify from 'fastify'
import { MAX_CONNECTIONS, MAX_REQUESTS, ORIGIN, PREFIX, TIME_WINDOW } from './duties.js'

// Arguments: its port, the upstream's port, and "log" where it writes Fastify's own access log.

const [, , port, upstreamPort, log] = process.argv

const app = Fastify({ logger: log === 'log' })
await app.register(cors, { origin: [ORIGIN] })
await app.register(rateLimit, { max: MAX_REQUESTS, timeWindow: TIME_WINDOW })
await app.register(httpProxy, {
  upstream: `http://127.0.0.1:${upstreamPort}`,
  prefix: PREFIX,
  rewritePrefix: PREFIX,
  disableRequestLogging: log !== 'log',
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
await app.listen({ host: '127.0.0.1', port: Number(port) })
