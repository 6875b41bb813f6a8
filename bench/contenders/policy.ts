/** What every contender is asked to do beside forwarding. */

/** The only origin allowed, and the one that the load generator sends. */
export const ORIGIN = 'https://app.example.com'
/** Counted for each request, and never reached. */
export const MAX_REQUESTS = 1_000_000_000
export const TIME_WINDOW = 3_600_000
export const PREFIX = '/api'
/** Connections to the service: as many as there are clients in the widest scenario, where a contender has to know. */
export const MAX_CONNECTIONS = 4_096
/** Clients' connections: more than any scenario opens. */
export const MAX_CLIENTS = 16_384
/** Milliseconds that a client's connection is kept: longer than any scenario leaves one idle. */
export const KEEP_ALIVE = 72_000

/** Given to each contender's process. */
export interface ContenderOptions {
  upstreamPort: number
  /** One line per request, in the contenders that can. */
  accessLog?: boolean
  /** In ours and nginx: one more route to each, at `routePath` of its index. */
  routePorts?: readonly number[]
  /** In ours: where another build of it lies, as the URL of its `dist/`. */
  source?: string
  /** In the cluster of ours. */
  processes?: number
  /** The core that a contender without a process of its own kind pins its workers to. */
  cpu?: number
}

/** The prefixes that a contender mounts, and the port behind each. */
export function mountsOf ({ upstreamPort, routePorts = [] }: ContenderOptions): Array<{ prefix: string, service: number }> {
  return [{ prefix: PREFIX, service: upstreamPort }, ...routePorts.map((service, index) => ({ prefix: routePath(index), service }))]
}

export function routePath (index: number): string {
  return `${PREFIX}/routes/${index}`
}
