import type { FastifyInstance, RegisterOptions } from 'fastify'
import fp from 'fastify-plugin'
import { checkConfig } from './config/index.js'
import type { GatewayConfig } from './config/index.js'
import type { Trial } from './explain/try-out.js'
import { registerGateway } from './register-gateway.js'
import { splitHooks } from './server/hooks.js'
import type { GatewayHooks, RouteOptions } from './server/hooks.js'

export type { GatewayConfig } from './config/index.js'
export { ConfigError } from './config/index.js'
export type { EndedExchange, GatewayFailure, ServiceResponse, TargetChoice } from './proxy/hooks.js'
export type { GivenHeaders, Headers } from './proxy/field-changes.js'
export type { Gateway, GatewayState, GivenTarget, RegisteredRoute, TargetChange, TargetView, UpstreamView } from './server/gateway.js'
export type { GatewayHooks, RouteOptions } from './server/hooks.js'

/** What routes.json says, less `server`, which is the host's own; and hooks, for all routes here, for one in it. */
export interface GatewayOptions extends Omit<GatewayConfig, '$schema' | 'server' | 'routes'>, GatewayHooks {
  /** The mounted prefixes; at least one. */
  routes: RouteOptions[]
  /**
   * One line per request in the host's log, at level info, and at warn when it went wrong; as an object, how: the keys of
   * `server.accessLog`.
   * @default true
   */
  accessLog?: NonNullable<GatewayConfig['server']>['accessLog']
}

/**
 * The gateway as a plugin of a larger app. Encapsulated: the host keeps its parsers, its error and 404 handlers, its
 * hooks and its CORS, and its hooks run before a request is forwarded. May be registered more than once.
 *
 * @throws ConfigError, which names every mistake in the options
 */
async function streamGateway (fastify: FastifyInstance, options: GatewayOptions & RegisterOptions): Promise<void> {
  // Fastify's own options of a registration stand beside the gateway's.
  const { accessLog = true, prefix, logLevel, logSerializers, ...given } = options
  const source = 'fastify-stream-gateway options'
  const { config, hooks } = splitHooks(given, source)
  const { server, ...settings } = checkConfig(Object.assign({}, config, { server: { accessLog } }), { source })
  const trial: Trial = {
    settings: { ...settings, server },
    prefix: fastify.prefix,
    isHosted: true,
    register: async (app, tried) => await registerGateway(app, { ...tried, ...tried.server, trial })
  }
  await registerGateway(fastify, {
    ...settings, configuration: settings, trial, accessLog: server.accessLog, given: given.routes.map((options, nth) => ({ options, hooks: hooks[nth] }))
  })
}

export default fp(streamGateway, { name: 'fastify-stream-gateway', fastify: '5.x', encapsulate: true })
