import type { CorsSettings, RouteSettings } from '../config/index.js'
import { compileOrigins } from '../proxy/origins.js'
import type { OriginTest } from '../proxy/origins.js'

/** A policy as @fastify/cors takes it. */
export function corsOptions (settings: CorsSettings): Omit<CorsSettings, 'origin'> & { origin: OriginTest } {
  return { ...settings, origin: compileOrigins(settings.origin) }
}

/** Whether the routes of one prefix have one policy: only then can Fastify's route for the prefix have it. */
export function haveOneCors (routes: readonly RouteSettings[]): boolean {
  return new Set(routes.map(({ cors }) => JSON.stringify(cors))).size === 1
}
