import type { AccessLog } from './access-log-schema.js'
import type { Admin } from './admin-schema.js'
import type { Cors } from './cors-schema.js'
import type { HeaderRules } from './header-rules.js'
import type { Normalized } from './normalize-by-schema.js'
import type { PemSources } from './pem.js'
import type { RateLimit } from './rate-limit-schema.js'
import type { Retry } from './retry-schema.js'
import type { Route } from './route-schema.js'
import type { GatewayConfigSchema } from './schema.js'
import type { Server } from './server-schema.js'
import type { Target, WeightedTarget } from './target.js'
import type { ServerTls, UpstreamTls } from './tls-schema.js'
import type { Upstream } from './upstream-schema.js'

// The configuration that runs: the keys of the schema, normalized, and beside them what a schema cannot express.

type Global = Normalized<typeof GatewayConfigSchema>

/** Every default is filled in, every target parsed, and each route has the CORS and the rate limit that are in force for it. */
export interface Settings extends Omit<Global, '$schema' | 'server' | 'via' | 'headers' | 'securityHeaders' | 'routes' | 'upstreams'> {
  server: ServerSettings
  /** The name of the gateway in Via; `false`: it is not added there. */
  via: string | false
  routes: RouteSettings[]
  upstreams: Record<string, UpstreamSettings>
}

export interface ServerSettings extends Omit<Normalized<typeof Server>, 'trustProxy' | 'health'> {
  /** Paths; `false`: nobody asks. */
  health: { alive: string, ready: string } | false
  /** `false`: nobody. `true`: everybody. A list: addresses, CIDR ranges and the names that proxy-addr knows. */
  trustProxy: boolean | string[]
}

export type AdminSettings = Normalized<typeof Admin>

/** Paths or PEM, as they are written: files are read again when they change. */
export type ServerTlsSettings = Normalized<typeof ServerTls>

/** Certificates and keys are read, they are PEM. What came from files is replaced in here when these change. */
export type UpstreamTlsSettings = Normalized<typeof UpstreamTls> & {
  /** The paths of what was read. */
  readonly files: PemSources
}

/** How connections to a target are made. */
export interface Connecting {
  connectTimeout: number
  /** Absent: HTTP/1.1. */
  http2?: boolean
  /** For https. */
  tls?: UpstreamTlsSettings
}

export type NormalizedUpstream = Normalized<typeof Upstream>

/** Every target is an address with a weight. */
export interface UpstreamSettings extends Omit<NormalizedUpstream, 'targets' | 'connectTimeout' | 'http2' | 'tls'>, Connecting {
  targets: WeightedTarget[]
}

export type AccessLogSettings = Normalized<typeof AccessLog>

export type RetrySettings = Normalized<typeof Retry>

export type CorsSettings = Normalized<typeof Cors>

export type RateLimitSettings = Normalized<typeof RateLimit>

export type NormalizedRoute = Normalized<typeof Route>

export interface RouteSettings extends Omit<NormalizedRoute, 'target' | 'retry' | 'connectTimeout' | 'http2' | 'tls' | 'cors' | 'rateLimit' | 'headers' | 'securityHeaders'> {
  /** Where the service listens, and how connections to it are made. Absent with an `upstream`, or where the gateway responds itself. */
  target?: Target & Connecting
  /** Of a route with an `upstream`. `false`: nothing is tried again. */
  retry?: RetrySettings | false
  /**
   * The route's own keys laid over the global ones. `false`: switched off here, or for all with the route silent.
   * Absent: neither says anything.
   */
  cors?: CorsSettings | false
  /** What is in force for the route, resolved as `cors` is. */
  rateLimit?: RateLimitSettings | false
  /** `true`: the route configures a rate limit itself and counts apart. `false`: it shares the global counter. */
  ownRateLimit: boolean
  /** The route's own rules laid over the global ones, and the request's id among them. */
  headers: {
    request?: HeaderRules
    response?: HeaderRules
  }
  securityHeaders: boolean
}
