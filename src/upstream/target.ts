import type { Endpoint } from './dial.js'
import { Http2Pool } from './http2-pool.js'
import { Http1Pool } from './http1-pool.js'
import type { Pool, PoolLimits } from './pool.js'

const DEFAULT_PORT = { http: 80, https: 443 }

/** An address, and what requests to it have of it. */
export type TargetOptions = Endpoint & {
  /** Stands before the path of each request; without a slash at its end. */
  readonly basePath?: string
  /**
   * The Host field of a request to it.
   * @default the address
   */
  readonly hostField?: string
}

/** One address of an upstream, and the connections that are kept to it. */
export class Target {
  /** How the log names it: `http://localhost:3001`, `unix:/run/app.sock`. */
  readonly name: string
  /** The Host field of a request to it. */
  readonly hostField: string
  /** Stands before the path of each request to it; empty for none. */
  readonly basePath: string
  readonly pool: Pool

  constructor (endpoint: TargetOptions, limits?: PoolLimits) {
    const address = authorityOf(endpoint)
    this.hostField = endpoint.hostField ?? address
    this.basePath = endpoint.basePath ?? ''
    this.name = 'socketPath' in endpoint ? `unix:${endpoint.socketPath}` : `${endpoint.protocol}://${address}`
    this.pool = endpoint.http2 === true ? new Http2Pool(endpoint, limits) : new Http1Pool(endpoint, limits)
  }
}

function authorityOf (endpoint: Endpoint): string {
  // A path is no host; most services compare the field with nothing, and those that do expect this name.
  if ('socketPath' in endpoint) return 'localhost'
  const { protocol, host, port } = endpoint
  const authority = host.includes(':') ? `[${host}]` : host
  return port === DEFAULT_PORT[protocol] ? authority : `${authority}:${port}`
}
