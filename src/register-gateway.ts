import type { FastifyInstance } from 'fastify'
import access from '../plugins/access.js'
import auth from '../plugins/auth.js'
import cors from '../plugins/cors.js'
import gateway from '../plugins/gateway.js'
import rateLimit from '../plugins/rate-limit.js'
import tracing from '../plugins/tracing.js'
import upgrade from '../plugins/upgrade.js'
import { ProcessSource } from './admin/process-source.js'
import { loadPrometheus } from './admin/prometheus.js'
import { hideSecrets } from './config/index.js'
import type { AccessLogSettings, Settings } from './config/index.js'
import { Explainer } from './explain/explainer.js'
import type { Trial } from './explain/try-out.js'
import type { Observer } from './proxy/observers.js'
import type { GivenRoute } from './server/hooks.js'
import type { CountingPolicy, Policy } from './server/policy.js'
import { reloadUpstreamCertificates } from './server/upstream-certificates.js'

export interface GatewayRegistration extends Pick<Settings, 'routes' | 'upstreams' | 'cors' | 'rateLimit' | 'via' | 'forwarded' | 'requestId' | 'admin' | 'tracing'> {
  /** One line per request, and how. */
  accessLog: AccessLogSettings
  /** Whether the app is the gateway alone: no routes of others stand among its own, nobody's hooks write to a request's log. */
  isService?: boolean
  /** Milliseconds that a closing service waits for what is in flight; absent: the host decides. */
  shutdownTimeout?: number
  /** What a program gave for each of the routes; absent for the service. */
  given?: readonly GivenRoute[]
  /** What the admin listener shows as the one that runs. */
  configuration?: object
  /** How it says where requests would go: the same gateway again, in an app of its own. */
  trial: Trial
  /** Takes what is known for the admin listener, where another process has it; absent: this one has. */
  report?: (source: ProcessSource) => void
}

/**
 * The gateway in an app: each capability is a plugin, registered in the order in which a request meets it. Used by the
 * service, by the plugin, and by tests.
 */
export async function registerGateway (fastify: FastifyInstance, settings: GatewayRegistration): Promise<void> {
  const policies: Policy[] = []
  const counting: CountingPolicy[] = []
  const observers: Observer[] = []
  await fastify.register(tracing, { ...settings, observers })
  await fastify.register(cors, { ...settings, policies })
  await fastify.register(access, { policies })
  await fastify.register(rateLimit, { ...settings, policies, counting })
  await fastify.register(auth, { ...settings, policies, counting })
  policies.push(...counting)
  await fastify.register(upgrade, settings)
  const counts = settings.admin && await countFor(fastify, settings.admin, settings)
  await fastify.register(gateway, { ...settings, policies, observers, ...(counts && { counts }) })
  const targets = settings.routes.flatMap(({ target }) => target ?? [])
  reloadUpstreamCertificates(fastify, [...targets, ...Object.values(settings.upstreams)].flatMap(({ tls }) => tls ?? []))
}

async function countFor (fastify: FastifyInstance, settings: NonNullable<Settings['admin']>, { configuration, trial, report }: GatewayRegistration): Promise<ProcessSource> {
  const prometheus = await loadPrometheus()
  const source = new ProcessSource(fastify, prometheus, hideSecrets(configuration), new Explainer(trial))
  // Loaded where there is one alone, with its page.
  if (report === undefined) await fastify.register(import('../plugins/admin.js'), { admin: settings, source, prometheus })
  else report(source)
  return source
}
