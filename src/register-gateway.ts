import type { FastifyInstance } from 'fastify'
import cors from '../plugins/cors.js'
import gateway from '../plugins/gateway.js'
import rateLimit from '../plugins/rate-limit.js'
import tracing from '../plugins/tracing.js'
import upgrade from '../plugins/upgrade.js'
import type { AccessLogSettings, Settings } from './config/index.js'
import type { Observer } from './proxy/observers.js'
import type { GivenRoute } from './server/hooks.js'
import type { Policy } from './server/policy.js'
import { reloadUpstreamCertificates } from './server/upstream-certificates.js'

export interface GatewayRegistration extends Pick<Settings, 'routes' | 'upstreams' | 'cors' | 'rateLimit' | 'via' | 'forwarded' | 'requestId' | 'tracing'> {
  /** One line per request, and how. */
  accessLog: AccessLogSettings
  /** Whether the app is the gateway alone: no routes of others stand among its own, nobody's hooks write to a request's log. */
  isService?: boolean
  /** Milliseconds that a closing service waits for what is in flight; absent: the host decides. */
  shutdownTimeout?: number
  /** What a program gave for each of the routes; absent for the service. */
  given?: readonly GivenRoute[]
}

/**
 * The gateway in an app: each capability is a plugin, registered in the order in which a request meets it. Used by the
 * service, by the plugin, and by tests.
 */
export async function registerGateway (fastify: FastifyInstance, settings: GatewayRegistration): Promise<void> {
  const policies: Policy[] = []
  const observers: Observer[] = []
  await fastify.register(tracing, { ...settings, observers })
  await fastify.register(cors, { ...settings, policies })
  await fastify.register(rateLimit, { ...settings, policies })
  await fastify.register(upgrade, settings)
  await fastify.register(gateway, { ...settings, policies, observers })
  const targets = settings.routes.flatMap(({ target }) => target ?? [])
  reloadUpstreamCertificates(fastify, [...targets, ...Object.values(settings.upstreams)].flatMap(({ tls }) => tls ?? []))
}
