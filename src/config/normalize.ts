import { randomBytes } from 'node:crypto'
import { readPem } from './pem.js'
import type { CorsConfig, GatewayConfig, RateLimitConfig, RouteConfig } from './schema.js'
import { defaults } from './schema-parts.js'
import type { CorsSettings, RateLimitSettings, RouteSettings, RouteTlsSettings, ServerSettings, Settings } from './settings.js'
import { bareHost, parseTarget, type Target } from './target.js'
import { parseDuration, parseSize } from './units.js'

/** Fills in the defaults and puts every value into the one form that the gateway works with. The input must have been checked. */
export function normalize (config: GatewayConfig): Settings {
  const cors = normalizeCors(config.cors, undefined)
  const rateLimit = normalizeRateLimit(config.rateLimit, undefined)
  return {
    server: normalizeServer(config.server ?? {}),
    via: normalizeVia(config.via ?? defaults.via),
    forwarded: config.forwarded ?? defaults.forwarded,
    ...(cors !== undefined && { cors }),
    ...(rateLimit !== undefined && { rateLimit }),
    routes: config.routes.map((route) => normalizeRoute(config, route))
  }
}

function normalizeServer (server: NonNullable<GatewayConfig['server']>): ServerSettings {
  const { trustProxy, tls } = server
  return {
    trustProxy: typeof trustProxy === 'string' ? trustProxy.split(',').map((part) => part.trim()) : trustProxy ?? defaults.trustProxy,
    shutdownTimeout: parseDuration(server.shutdownTimeout ?? defaults.shutdownTimeout),
    accessLog: server.accessLog ?? defaults.accessLog,
    ...(tls && { tls: { ...tls } }),
    http2: server.http2 ?? defaults.http2,
    maxConnections: server.maxConnections ?? defaults.maxConnections,
    maxRequestsPerConnection: server.maxRequestsPerConnection ?? defaults.maxRequestsPerConnection,
    maxHeaderSize: parseSize(server.maxHeaderSize ?? defaults.maxHeaderSize),
    headersTimeout: parseDuration(server.headersTimeout ?? defaults.headersTimeout),
    keepAliveTimeout: parseDuration(server.keepAliveTimeout ?? defaults.keepAliveTimeout)
  }
}

function normalizeRoute (config: GatewayConfig, route: RouteConfig): RouteSettings {
  const cors = normalizeCors(config.cors, route.cors)
  const rateLimit = normalizeRateLimit(config.rateLimit, route.rateLimit)
  return {
    prefix: route.prefix,
    target: {
      ...normalizeTarget(route.target),
      connectTimeout: parseDuration(route.connectTimeout ?? defaults.connectTimeout),
      ...(route.http2 === true && { http2: true }),
      ...(route.tls && { tls: normalizeTls(route.tls) })
    },
    ...(route.pathRewrite && { pathRewrite: { ...route.pathRewrite } }),
    timeout: parseDuration(route.timeout ?? defaults.timeout),
    upgradeTimeout: parseDuration(route.upgradeTimeout ?? defaults.upgradeTimeout),
    maxBodySize: parseSize(route.maxBodySize ?? defaults.maxBodySize),
    minBodyRate: parseSize(route.minBodyRate ?? defaults.minBodyRate),
    requestTimeout: parseDuration(route.requestTimeout ?? defaults.requestTimeout),
    ...(cors !== undefined && { cors }),
    ...(rateLimit !== undefined && { rateLimit }),
    ownRateLimit: typeof route.rateLimit === 'object'
  }
}

/** Replicas of one configuration need names of their own: a request may pass through two of them and be no loop. */
function normalizeVia (via: boolean | string): string | false {
  return via === true ? `gateway-${randomBytes(6).toString('hex')}` : via
}

function normalizeTarget (target: RouteConfig['target']): Target {
  if (typeof target === 'object') {
    return { protocol: target.protocol ?? defaults.protocol, host: bareHost(target.host), port: target.port }
  }
  return parseTarget(target)
}

function normalizeTls ({ ca, cert, key, ...tls }: NonNullable<RouteConfig['tls']>): RouteTlsSettings {
  return {
    rejectUnauthorized: defaults.rejectUnauthorized,
    ...tls,
    ...(ca !== undefined && { ca: readPem(ca) }),
    ...(cert !== undefined && { cert: readPem(cert) }),
    ...(key !== undefined && { key: readPem(key) })
  }
}

// In both sections a required key that is on neither level means that neither
// level says anything: half a section has been refused before.

function normalizeCors (global: GatewayConfig['cors'], own: RouteConfig['cors']): CorsSettings | false | undefined {
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

function normalizeRateLimit (global: GatewayConfig['rateLimit'], own: RouteConfig['rateLimit']): RateLimitSettings | false | undefined {
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
