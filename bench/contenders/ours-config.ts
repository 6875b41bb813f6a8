import type { GatewayConfig } from '../../src/index.js'
import { MAX_REQUESTS, ORIGIN, PREFIX, routePath, TIME_WINDOW } from './policy.js'
import type { ContenderOptions } from './policy.js'

/** The routes.json of ours. */
export function configuration ({ upstreamPort, routePorts = [], accessLog = false }: ContenderOptions): GatewayConfig {
  return {
    server: { accessLog },
    cors: { origin: [ORIGIN] },
    rateLimit: { max: MAX_REQUESTS, timeWindow: TIME_WINDOW },
    routes: [
      { prefix: PREFIX, target: `http://127.0.0.1:${upstreamPort}` },
      ...routePorts.map((port, index) => ({ prefix: routePath(index), target: `http://127.0.0.1:${port}` }))
    ]
  }
}
