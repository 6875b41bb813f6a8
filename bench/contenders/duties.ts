// What every contender is asked to do beside forwarding.

/** The only origin allowed, and the one that all clients send. */
export const ORIGIN = 'https://app.example.com'
/** Counted for each request, and never reached. */
export const MAX_REQUESTS = 1_000_000_000
export const TIME_WINDOW = 3_600_000
export const PREFIX = '/api'
/** Connections to the upstream: as many as there are clients in the widest scenario, where a contender has to know. */
export const MAX_CONNECTIONS = 4_096
/** Clients' connections: more than any scenario opens. */
export const MAX_CLIENTS = 16_384
/** Milliseconds that a client's connection is kept: longer than any scenario leaves one idle. */
export const KEEP_ALIVE = 72_000

/** What a contender is configured with. */
export interface Place {
  /** Its own, for whatever it writes. */
  directory: string
  port: number
  upstreamPort: number
  /** One more route to each, at `routePath` of its index; in ours and nginx. */
  routePorts: readonly number[]
  /** Further targets of the one upstream; in ours and nginx. */
  targetPorts: readonly number[]
  accessLog: boolean
  /** Of ours, under a supervisor; undefined: the service as one process. */
  workers: number | undefined
}

/** The prefixes that a contender mounts, and the upstream's port behind each. */
export function mountsOf ({ upstreamPort, routePorts }: Place): Array<{ prefix: string, target: number }> {
  return [{ prefix: PREFIX, target: upstreamPort }, ...routePorts.map((target, index) => ({ prefix: routePath(index), target }))]
}

export function routePath (index: number): string {
  return `${PREFIX}/routes/${index}`
}
