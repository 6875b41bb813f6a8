/**
 * What a checked configuration comes down to: every default filled in, every
 * duration in milliseconds, every target taken apart, and for each route the
 * CORS and rate limit that are in force there.
 */
export interface Settings {
  server: {
    /** `false`: nobody. `true`: everybody. A list: addresses, CIDR ranges and the names proxy-addr knows. */
    trustProxy: boolean | string[]
    /** Milliseconds that requests under way get to finish. */
    shutdownTimeout: number
    accessLog: boolean
  }
  /** Absent when the file says nothing about CORS. */
  cors?: CorsSettings | false
  /** Absent when the file says nothing about rate limits. */
  rateLimit?: RateLimitSettings | false
  routes: RouteSettings[]
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
  /** `host` is without brackets also for an IPv6 address. */
  target: { protocol: 'http' | 'https', host: string, port: number }
  pathRewrite?: { pattern: string, replacement: string }
  /** Milliseconds that the upstream has to answer. */
  timeout: number
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
