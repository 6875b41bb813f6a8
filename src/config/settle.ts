import { defaults, type CorsConfig, type GatewayConfig, type RateLimitConfig, type RouteConfig } from './schema.js'
import type { CorsSettings, RateLimitSettings, RouteSettings, Settings } from './settings.js'
import { bareHost, parseTarget, type Target } from './target.js'
import { parseDuration } from './units.js'

/** Fills in the defaults and puts every value into the one form that the gateway works with. The input must have been checked. */
export function settle (config: GatewayConfig): Settings {
  const { trustProxy, shutdownTimeout, accessLog } = config.server ?? {}
  const cors = settleCors(config.cors, undefined)
  const rateLimit = settleRateLimit(config.rateLimit, undefined)
  return {
    server: {
      trustProxy: typeof trustProxy === 'string' ? trustProxy.split(',').map((part) => part.trim()) : trustProxy ?? defaults.trustProxy,
      shutdownTimeout: parseDuration(shutdownTimeout ?? defaults.shutdownTimeout),
      accessLog: accessLog ?? defaults.accessLog
    },
    ...(cors !== undefined && { cors }),
    ...(rateLimit !== undefined && { rateLimit }),
    routes: config.routes.map((route) => settleRoute(config, route))
  }
}

function settleRoute (config: GatewayConfig, route: RouteConfig): RouteSettings {
  const cors = settleCors(config.cors, route.cors)
  const rateLimit = settleRateLimit(config.rateLimit, route.rateLimit)
  return {
    prefix: route.prefix,
    target: settleTarget(route.target),
    ...(route.pathRewrite && { pathRewrite: { ...route.pathRewrite } }),
    timeout: parseDuration(route.timeout ?? defaults.timeout),
    ...(cors !== undefined && { cors }),
    ...(rateLimit !== undefined && { rateLimit }),
    ownRateLimit: typeof route.rateLimit === 'object'
  }
}

function settleTarget (target: RouteConfig['target']): Target {
  if (typeof target === 'object') {
    return { protocol: target.protocol ?? defaults.protocol, host: bareHost(target.host), port: target.port }
  }
  const parsed = parseTarget(target)
  if (typeof parsed === 'string') throw new TypeError(`${target} ${parsed}`)
  return parsed
}

// In both sections a required key that is on neither level means that neither
// level says anything: half a section has been refused before.

function settleCors (global: GatewayConfig['cors'], own: RouteConfig['cors']): CorsSettings | false | undefined {
  if (own === false || (own === undefined && global === false)) return false
  const under: Partial<CorsConfig> = global || {}
  const over = own ?? {}
  const origin = over.origin ?? under.origin
  if (origin === undefined) return undefined
  const allowedHeaders = over.allowedHeaders ?? under.allowedHeaders
  const exposedHeaders = over.exposedHeaders ?? under.exposedHeaders
  const maxAge = over.maxAge ?? under.maxAge
  return {
    origin,
    credentials: over.credentials ?? under.credentials ?? defaults.credentials,
    methods: over.methods ?? under.methods ?? [...defaults.methods],
    ...(allowedHeaders && { allowedHeaders }),
    ...(exposedHeaders && { exposedHeaders }),
    ...(maxAge !== undefined && { maxAge })
  }
}

function settleRateLimit (global: GatewayConfig['rateLimit'], own: RouteConfig['rateLimit']): RateLimitSettings | false | undefined {
  if (own === false || (own === undefined && global === false)) return false
  const under: Partial<RateLimitConfig> = global || {}
  const over = own ?? {}
  const max = over.max ?? under.max
  if (max === undefined) return undefined
  const allowList = over.allowList ?? under.allowList
  return {
    max,
    timeWindow: parseDuration(over.timeWindow ?? under.timeWindow ?? defaults.timeWindow),
    ...(allowList && { allowList })
  }
}
