import { devNull } from 'node:os'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import gateway from '../../src/index.js'
import { childOptions, serve } from '../child.js'
import { MAX_REQUESTS, ORIGIN, PREFIX, TIME_WINDOW } from './policy.js'
import type { ContenderOptions } from './policy.js'

const { upstreamPort, accessLog = false } = childOptions<ContenderOptions>()

const app = Fastify({
  // As the service logs, only that nobody reads it: JSON lines, written as they come.
  logger: accessLog ? { level: 'info', file: devNull } : false,
  logController: new Fastify.LogController({ disableRequestLogging: true })
})
await app.register(gateway, {
  accessLog,
  cors: { origin: [ORIGIN] },
  rateLimit: { max: MAX_REQUESTS, timeWindow: TIME_WINDOW },
  routes: [{ prefix: PREFIX, target: `http://127.0.0.1:${upstreamPort}` }]
})
await app.listen({ host: '127.0.0.1', port: 0 })
serve((app.server.address() as AddressInfo).port)
