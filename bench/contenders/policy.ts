/** What every contender is asked to do beside forwarding. */

/** The only origin allowed, and the one that the load generator sends. */
export const ORIGIN = 'https://app.example.com'
/** Counted for each request, and never reached. */
export const MAX_REQUESTS = 1_000_000_000
export const TIME_WINDOW = 3_600_000
export const PREFIX = '/api'
/** More than there are clients in any scenario, where a contender has to know. */
export const MAX_CONNECTIONS = 512

/** Given to each contender's process. */
export interface ContenderOptions {
  upstreamPort: number
  /** One line per request, in the contenders that can. */
  accessLog?: boolean
  /** The core that a contender without a process of its own kind pins its workers to. */
  cpu?: number
}
