import { Agent } from 'node:http'
import cors from 'cors'
import express from 'express'
import { rateLimit } from 'express-rate-limit'
import { createProxyMiddleware } from 'http-proxy-middleware'
import { KEEP_ALIVE, MAX_REQUESTS, ORIGIN, PREFIX, TIME_WINDOW } from './duties.js'

// Arguments: its port, the upstream's port.

const [, , port, upstreamPort] = process.argv

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
// Node's own five seconds are less than an idle client is left alone.
app.listen(Number(port), '127.0.0.1').keepAliveTimeout = KEEP_ALIVE
