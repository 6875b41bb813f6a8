import { once } from 'node:events'
import { Agent } from 'node:http'
import type { AddressInfo } from 'node:net'
import cors from 'cors'
import express from 'express'
import { rateLimit } from 'express-rate-limit'
import { createProxyMiddleware } from 'http-proxy-middleware'
import { childOptions, serve } from '../child.js'
import { KEEP_ALIVE, MAX_REQUESTS, ORIGIN, PREFIX, TIME_WINDOW } from './policy.js'
import type { ContenderOptions } from './policy.js'

const { upstreamPort } = childOptions<ContenderOptions>()

const app = express()
app.disable('x-powered-by')
app.use(cors({ origin: [ORIGIN] }))
app.use(rateLimit({ limit: MAX_REQUESTS, windowMs: TIME_WINDOW }))
app.use(createProxyMiddleware({
  target: `http://127.0.0.1:${upstreamPort}`,
  pathFilter: PREFIX,
  xfwd: true,
  // Without one every request opens a connection of its own.
  agent: new Agent({ keepAlive: true })
}))
const server = app.listen(0, '127.0.0.1')
// Node's own five seconds are less than an idle client is left alone.
server.keepAliveTimeout = KEEP_ALIVE
await once(server, 'listening')
serve({ port: (server.address() as AddressInfo).port })
