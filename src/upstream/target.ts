import type { Condition } from './condition.js'
import type { Endpoint } from './dial.js'
import { Http2Pool } from './http2-pool.js'
import { Http1Pool } from './http1-pool.js'
import type { Pool, PoolLimits } from './pool.js'

const DEFAULT_PORT = { http: 80, https: 443 }

/** An address, and what requests to it have of it. */
export type TargetOptions = Endpoint & {
  /** Stands before the path of each request; without a slash at its end. */
  readonly basePath?: string
}

/** What an attempt says of its target when it has ended. `abandoned`: nothing, as its client left, or it was never sent. */
export type AttemptResult = 'succeeded' | 'failed' | 'abandoned'

/** What a status says of the target that responded with it, be the response passed on, thrown away or tried elsewhere. */
export function resultOfStatus (status: number): AttemptResult {
  return status >= 500 ? 'failed' : 'succeeded'
}

/** Who wants to know how a target does. */
export interface TargetOwner {
  /** A response has begun that is no 5xx. */
  responded (target: Target): void
  /** @param reason of a failure, for the log */
  ended (target: Target, result: AttemptResult, reason: string): void
  /** It asked to be left alone. */
  rest (target: Target, milliseconds: number): void
}

/** One address of an upstream, and the connections that are kept to it. */
export class Target {
  /** How the log names it: `http://localhost:3001`, `unix:/run/app.sock`. */
  readonly name: string
  /** The Host field of a request to it, where the route does not say otherwise. */
  readonly hostField: string
  /** Stands before the path of each request to it; empty for none. */
  readonly basePath: string
  readonly pool: Pool
  /** How connections to it are made. */
  readonly endpoint: TargetOptions
  /** Attempts that have not ended. */
  inFlight = 0
  /** Those that have, by how they did. */
  readonly results: Record<AttemptResult, number> = { succeeded: 0, failed: 0, abandoned: 0 }
  /** Whether the latest of them that says anything of the target failed, */
  isFailing = false
  /** why the last failure was, and when, by `Date.now()`. */
  lastFailure: string | undefined
  failedAt = 0
  /** Its share of the requests, beside those of the other targets. */
  weight = 1
  /** Of a target that stands among others. */
  condition: Condition | undefined
  readonly #owner: TargetOwner | undefined

  constructor (options: TargetOptions, limits?: PoolLimits, owner?: TargetOwner) {
    this.endpoint = options
    this.hostField = authorityOf(options)
    this.basePath = basePathOf(options)
    this.name = nameOf(options)
    this.pool = options.http2 === true ? new Http2Pool(options, limits) : new Http1Pool(options, limits)
    this.#owner = owner
  }

  /** Whether it is left alone for a while. */
  get isEjected (): boolean {
    return this.condition?.ejection === 'ejected'
  }

  began (): void {
    this.inFlight++
  }

  responded (status: number): void {
    if (this.#owner !== undefined && resultOfStatus(status) === 'succeeded') this.#owner.responded(this)
  }

  rest (milliseconds: number): void {
    this.#owner?.rest(this, milliseconds)
  }

  ended (result: AttemptResult, reason: string): void {
    this.inFlight--
    this.results[result]++
    if (result === 'failed') this.#failed(reason)
    else if (result === 'succeeded') this.isFailing = false
    this.#owner?.ended(this, result, reason)
  }

  #failed (reason: string): void {
    this.isFailing = true
    this.lastFailure = reason
    this.failedAt = Date.now()
  }
}

/** How the log names an address: by what is connected to, not by the name that stands for it. */
export function nameOf (endpoint: Endpoint): string {
  if ('socketPath' in endpoint) return `unix:${endpoint.socketPath}`
  const { protocol, address } = endpoint
  return `${protocol}://${authorityOf(address === undefined ? endpoint : { ...endpoint, host: address })}`
}

/** What stands before the path of each request to an address; empty for nothing. */
export function basePathOf ({ basePath = '' }: TargetOptions): string {
  return basePath
}

/** What a request to an address has as its Host. */
export function authorityOf (endpoint: Endpoint): string {
  // A path is no host; most services compare the field with nothing, and those that do expect this name.
  if ('socketPath' in endpoint) return 'localhost'
  const { protocol, host, port } = endpoint
  const authority = host.includes(':') ? `[${host}]` : host
  return port === DEFAULT_PORT[protocol] ? authority : `${authority}:${port}`
}
