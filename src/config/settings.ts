import type { Target } from './target.js'

/**
 * What a checked configuration comes down to: every default filled in, every
 * duration in milliseconds, every target taken apart, and for each route the
 * CORS and rate limit that are in force there.
 */
export interface Settings {
  server: ServerSettings
  /** The name of the gateway in Via; `false`: it is not entered there. */
  via: string | false
  /** Which fields tell a service of its client. */
  forwarded: 'x-forwarded' | 'rfc7239' | 'both'
  /** Absent when the file says nothing about CORS. */
  cors?: CorsSettings | false
  /** Absent when the file says nothing about rate limits. */
  rateLimit?: RateLimitSettings | false
  routes: RouteSettings[]
}

export interface ServerSettings {
  /** `false`: nobody. `true`: everybody. A list: addresses, CIDR ranges and the names proxy-addr knows. */
  trustProxy: boolean | string[]
  /** Milliseconds that requests under way get to finish. */
  shutdownTimeout: number
  accessLog: boolean
  /** Absent: without TLS. */
  tls?: ServerTlsSettings
  http2: boolean
  /** At each address that is listened at. */
  maxConnections: number
  /** 0: no bound. */
  maxRequestsPerConnection: number
  /** Bytes. */
  maxHeaderSize: number
  /** Milliseconds. */
  headersTimeout: number
  /** Milliseconds. */
  keepAliveTimeout: number
}

/** As they are written, paths or PEM: files are read again when they change. */
export interface ServerTlsSettings {
  cert: string
  key: string
  ca?: string
  minVersion?: 'TLSv1.2' | 'TLSv1.3'
}

/** Read, as PEM. */
export interface RouteTlsSettings {
  ca?: string
  cert?: string
  key?: string
  servername?: string
  rejectUnauthorized: boolean
  minVersion?: 'TLSv1.2' | 'TLSv1.3'
}

export interface CorsSettings {
  /** `true` reflects the asking origin; `false` answers no origin. */
  origin: boolean | string | string[]
  credentials: boolean
  methods: string[]
  allowedHeaders?: string[]
  exposedHeaders?: string[]
  /** Seconds that a browser may keep the answer to a preflight. */
  maxAge?: number
}

export interface RateLimitSettings {
  /** Requests that one client may make within `timeWindow`. */
  max: number
  /** Milliseconds. */
  timeWindow: number
  /** Client addresses that are never limited. */
  allowList?: string[]
}

export interface RouteSettings {
  prefix: string
  /** Where the service is, and how it is connected with. */
  target: Target & {
    /** Milliseconds. */
    connectTimeout: number
    /** Whether HTTP/2 is spoken; absent: no. */
    http2?: boolean
    /** For https. */
    tls?: RouteTlsSettings
  }
  pathRewrite?: { pattern: string, replacement: string }
  /** Milliseconds that the upstream has to answer. */
  timeout: number
  /** Milliseconds that a tunnel may be silent. */
  upgradeTimeout: number
  /** Bytes. */
  maxBodySize: number
  /** Bytes per second; 0: none. */
  minBodyRate: number
  /** Milliseconds over which `minBodyRate` is measured. */
  requestTimeout: number
  /**
   * The route's own keys laid over the global ones. `false`: switched off here,
   * or for all with the route silent. Absent: neither says anything.
   */
  cors?: CorsSettings | false
  /** What is in force for the route, resolved as `cors` is. */
  rateLimit?: RateLimitSettings | false
  /** `true`: the route configures a rate limit itself and counts apart. `false`: it shares the global counter. */
  ownRateLimit: boolean
}
