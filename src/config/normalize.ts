import { randomBytes } from 'node:crypto'
import { keptBack } from './auth-settings.js'
import { Cors } from './cors-schema.js'
import { headerRules } from './header-rules.js'
import { normalizeHost } from './hosts.js'
import { type Normalized, normalizeBySchema } from './normalize-by-schema.js'
import { pathsOf, readPems } from './pem.js'
import { RateLimit } from './rate-limit-schema.js'
import { type GatewayConfig, GatewayConfigSchema } from './schema.js'
import { HEALTH_PATHS } from './server-schema.js'
import { Retry } from './retry-schema.js'
import type { Connecting, CorsSettings, NormalizedRoute, NormalizedUpstream, RateLimitSettings, RouteSettings, ServerSettings, Settings, UpstreamSettings, UpstreamTlsSettings } from './settings.js'
import type { UpstreamTls } from './tls-schema.js'
import { bareHost, parseTarget, type Target } from './target.js'

/** What holds for all routes that do not say otherwise. */
type Globals = Pick<Normalized<typeof GatewayConfigSchema>, 'cors' | 'rateLimit' | 'headers' | 'securityHeaders' | 'requestId' | 'auth' | 'access'>

/** Turns a valid configuration into the one that runs. What the schema says is done by the walk over it; the rest is here. */
export function normalize (config: GatewayConfig): Settings {
  const { $schema, server, via, routes, upstreams, headers, securityHeaders, admin, ...plain } = normalizeBySchema(GatewayConfigSchema, config)
  const globals = { ...plain, securityHeaders, ...(headers && { headers }) }
  return {
    ...plain,
    ...(admin && { admin: { ...admin, host: bareHost(admin.host) } }),
    server: { ...server, trustProxy: splitProxies(server.trustProxy), health: server.health === true ? HEALTH_PATHS : server.health },
    via: nameInVia(via),
    routes: routes.map((route) => normalizeRoute(route, globals)),
    upstreams: Object.fromEntries(Object.entries(upstreams).map(([name, upstream]) => [name, normalizeUpstream(upstream)]))
  }
}

function normalizeRoute (route: NormalizedRoute, globals: Globals): RouteSettings {
  const { target, retry, connectTimeout, http2, tls, hosts, cors: ownCors, rateLimit: ownRateLimit, headers, securityHeaders = globals.securityHeaders, auth = globals.auth, access = globals.access, ...plain } = route
  const cors = inheritCors(globals.cors, ownCors)
  const rateLimit = inheritRateLimit(globals.rateLimit, ownRateLimit)
  return {
    ...plain,
    ...(hosts !== undefined && { hosts: hosts.map(normalizeHost) }),
    ...(target !== undefined && {
      target: { ...normalizeTarget(target), ...connecting({ connectTimeout, http2, ...(tls && { tls }) }) }
    }),
    // With several targets a failure to connect need not be the client's.
    ...(plain.upstream !== undefined && { retry: retry ?? normalizeBySchema(Retry, {}) }),
    ...(cors !== undefined && { cors }),
    ...(rateLimit !== undefined && { rateLimit }),
    ownRateLimit: typeof ownRateLimit === 'object',
    headers: inheritHeaders(globals, headers),
    securityHeaders,
    ...(auth !== undefined && { auth }),
    ...(access !== undefined && { access }),
    keptBack: keptBack(auth)
  }
}

function normalizeUpstream ({ targets, connectTimeout, http2, tls, ...plain }: NormalizedUpstream): UpstreamSettings {
  return {
    ...plain,
    ...connecting({ connectTimeout, http2, ...(tls && { tls }) }),
    targets: targets.map(target => {
      const { url, weight, backup } = typeof target === 'string' ? { url: target, weight: 1, backup: false } : target
      return { ...parseTarget(url), weight, backup }
    })
  }
}

function connecting ({ connectTimeout, http2, tls }: { connectTimeout: number, http2: boolean, tls?: Normalized<typeof UpstreamTls> }): Connecting {
  return { connectTimeout, ...(http2 && { http2 }), ...(tls && { tls: readFiles(tls) }) }
}

function splitProxies (trustProxy: boolean | string | string[]): ServerSettings['trustProxy'] {
  return typeof trustProxy === 'string' ? trustProxy.split(',').map((part) => part.trim()) : trustProxy
}

/** Replicas of one configuration need names of their own: a request may pass through two of them and be no loop. */
function nameInVia (via: boolean | string): string | false {
  return via === true ? `gateway-${randomBytes(6).toString('hex')}` : via
}

function normalizeTarget (target: NonNullable<NormalizedRoute['target']>): Target {
  return typeof target === 'string' ? parseTarget(target) : { ...target, host: bareHost(target.host) }
}

function readFiles (tls: Normalized<typeof UpstreamTls>): UpstreamTlsSettings {
  const files = pathsOf(tls)
  return { ...tls, ...readPems(files), files }
}

// A required key that is on neither level means that neither level says anything: half a section has been rejected
// before. Laid over one another, the keys are normalized once more, for the defaults of a route without a global section.

function inheritCors (global: CorsSettings | false | undefined, own: NormalizedRoute['cors']): CorsSettings | false | undefined {
  if (isOff(global, own)) return false
  const { origin, ...keys } = { ...global || undefined, ...own || undefined }
  return origin === undefined ? undefined : normalizeBySchema(Cors, { origin, ...keys })
}

function inheritRateLimit (global: RateLimitSettings | false | undefined, own: NormalizedRoute['rateLimit']): RateLimitSettings | false | undefined {
  if (isOff(global, own)) return false
  const { max, ...keys } = { ...global || undefined, ...own || undefined }
  return max === undefined ? undefined : normalizeBySchema(RateLimit, { max, ...keys })
}

/** The id goes to the service as any other header that is set, and may be overridden as one. */
function inheritHeaders ({ headers: global, requestId }: Globals, own: NormalizedRoute['headers']): RouteSettings['headers'] {
  const request = headerRules(requestId && { set: { [requestId.header]: ID } }, global?.request, own?.request)
  const response = headerRules(global?.response, own?.response)
  return { ...(request && { request }), ...(response && { response }) }
}

/** As a header's value has it. */
const ID = '${request.id}' // eslint-disable-line no-template-curly-in-string -- a template of ours

function isOff (global: object | false | undefined, own: object | false | undefined): boolean {
  return own === false || (own === undefined && global === false)
}
