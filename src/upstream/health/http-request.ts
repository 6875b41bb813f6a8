/** What is asked over HTTP, and what is to come back. */
export interface HttpRequest {
  readonly path: string
  /** The Host field. */
  readonly host: string
  /** Statuses; absent: from 200 to 399. */
  readonly expect: readonly number[] | undefined
}

/** By which a service's log tells checks from requests. */
export const USER_AGENT = 'fastify-stream-gateway (health check)'

/** A redirect counts as well by default, as it does for HAProxy and Traefik: whoever sends one is alive. */
export function healthyStatus (status: number, expect: readonly number[] | undefined): boolean {
  return expect === undefined ? status >= 200 && status < 400 : expect.includes(status)
}
