import type { Endpoint } from './dial.js'
import { Pool } from './pool.js'
import type { PoolLimits } from './pool.js'

const DEFAULT_PORT = { http: 80, https: 443 }

/** One host and port of a service, and the connections that are kept to it. */
export class Target {
  /** How the log names it: `http://localhost:3001`. */
  readonly name: string
  /** The Host field of a request to it. */
  readonly hostField: string
  readonly pool: Pool

  constructor (endpoint: Endpoint, limits?: PoolLimits) {
    const { protocol, host, port } = endpoint
    const authority = host.includes(':') ? `[${host}]` : host
    this.hostField = port === DEFAULT_PORT[protocol] ? authority : `${authority}:${port}`
    this.name = `${protocol}://${this.hostField}`
    this.pool = new Pool(endpoint, limits)
  }
}
