/** One of the upstreams, and how it is reached. */
export interface UpstreamAddress {
  readonly name: string
  readonly protocol: 'http1' | 'http2'
  /** URLs. */
  readonly targets: readonly string[]
}

/** Milliseconds of silence until the gateway gives up. */
export const TIMEOUT = 1_500

/** The gateway's configuration: a route for each upstream, with timeouts that let a run have many rounds. */
export function configFor (upstreams: readonly UpstreamAddress[], tls: object | undefined): object {
  const several = upstreams.filter(({ targets }) => targets.length > 1)
  return {
    // What is kept for later is given back while the gateway is watched.
    server: { shutdownTimeout: '1s', keepAliveTimeout: '3s', ...(tls !== undefined && { tls, http2: true }) },
    ...(several.length > 0 && { upstreams: Object.fromEntries(several.map(({ name, protocol, targets }) => [name, { targets, http2: protocol === 'http2' }])) }),
    routes: upstreams.map(({ name, protocol, targets }) => ({
      prefix: `/${name}`,
      ...(targets.length > 1 ? { upstream: name } : { target: targets[0], http2: protocol === 'http2', connectTimeout: TIMEOUT }),
      timeout: TIMEOUT,
      upgradeTimeout: TIMEOUT,
      requestTimeout: 2 * TIMEOUT
    }))
  }
}
