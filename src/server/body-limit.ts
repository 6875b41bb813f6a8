import type { FastifyInstance } from 'fastify'
import type { RouteSettings } from '../config/index.js'

/** Bytes, where a host says nothing. */
const FASTIFYS_OWN = 1_048_576

/** Tells a host that has set a `bodyLimit` where it does not hold: Fastify's parsers see to it, and none of them runs here. */
export function warnOfBodyLimit ({ initialConfig: { bodyLimit }, log }: FastifyInstance, settings: readonly RouteSettings[]): void {
  if (bodyLimit === undefined || bodyLimit === FASTIFYS_OWN) return
  const routes = settings.filter(({ maxBodySize }) => maxBodySize !== bodyLimit).map(({ prefix, maxBodySize }) => ({ prefix, maxBodySize }))
  if (routes.length > 0) log.warn({ bodyLimit, routes }, 'bodyLimit does not hold for the gateway\'s routes, which have a maxBodySize')
}
