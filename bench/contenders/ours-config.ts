import type { GatewayConfig } from '../../src/index.js'
import { MAX_REQUESTS, mountsOf, ORIGIN, TIME_WINDOW } from './policy.js'
import type { ContenderOptions } from './policy.js'

/** The routes.json of ours. */
export function configuration (options: ContenderOptions): GatewayConfig {
  return {
    server: { accessLog: options.accessLog ?? false },
    cors: { origin: [ORIGIN] },
    rateLimit: { max: MAX_REQUESTS, timeWindow: TIME_WINDOW },
    routes: mountsOf(options).map(({ prefix, service }) => ({ prefix, target: `http://127.0.0.1:${service}` }))
  }
}
