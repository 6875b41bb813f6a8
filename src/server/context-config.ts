import type { FastifyContextConfig } from 'fastify'
import type { RouteSettings } from '../config/index.js'
import type { Group } from '../proxy/choice.js'
import { corsOptions, haveOneCors } from './cors-options.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The policy of the route, for a host's @fastify/cors. */
    cors?: ReturnType<typeof corsOptions> | false
    /** Whether requests for the route have access lines. */
    accessLog?: boolean
  }
}

/** Read by a host's @fastify/cors and @fastify/rate-limit; the gateway's own policies are hooks of the route. */
export function contextConfig (routes: Group<RouteSettings>['routes']): FastifyContextConfig {
  const config: FastifyContextConfig = {}
  const [{ cors }] = routes
  if (!haveOneCors(routes)) config.cors = false
  else if (cors !== undefined) config.cors = cors && corsOptions(cors)
  if (routes.some(({ rateLimit }) => rateLimit !== undefined)) config.rateLimit = false
  return config
}
