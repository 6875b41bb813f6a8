import type { Endpoint } from './dial.js'
import { Http2Pool } from './http2-pool.js'
import { Pool } from './http1-pool.js'
import type { PoolLimits } from './http1-pool.js'
import type { Connections } from './request.js'

const DEFAULT_PORT = { http: 80, https: 443 }

/** One place where a service listens, and the connections that are kept to it. */
export class Target {
  /** How the log names it: `http://localhost:3001`, `unix:/run/app.sock`. */
  readonly name: string
  /** The Host field of a request to it. */
  readonly hostField: string
  readonly connections: Connections

  constructor (endpoint: Endpoint, limits?: PoolLimits) {
    this.hostField = hostField(endpoint)
    this.name = 'socketPath' in endpoint ? `unix:${endpoint.socketPath}` : `${endpoint.protocol}://${this.hostField}`
    this.connections = endpoint.http2 === true ? new Http2Pool(endpoint, limits) : new Pool(endpoint, limits)
  }
}

function hostField (endpoint: Endpoint): string {
  // A path is no host; most services compare the field with nothing, and those that do expect this name.
  if ('socketPath' in endpoint) return 'localhost'
  const { protocol, host, port } = endpoint
  const authority = host.includes(':') ? `[${host}]` : host
  return port === DEFAULT_PORT[protocol] ? authority : `${authority}:${port}`
}
