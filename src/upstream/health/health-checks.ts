import { Dialer } from '../dial.js'
import { authorityOf } from '../target.js'
import type { TargetOptions } from '../target.js'
import { grpcCheck } from './grpc-check.js'
import { http1Check } from './http1-check.js'
import { http2Check } from './http2-check.js'
import { Monitor } from './monitor.js'
import type { Pace } from './monitor.js'
import type { Check } from './probe.js'
import { tcpCheck } from './tcp-check.js'

/** How targets are checked. */
export interface HealthOptions extends Pace {
  readonly type: 'http' | 'grpc' | 'tcp'
  /**
   * Of HTTP: the path that is asked for, whatever the target's base path is.
   * @default '/'
   */
  readonly path?: string
  /**
   * Of HTTP and gRPC: the Host field.
   * @default that of the target
   */
  readonly host?: string
  /**
   * Of HTTP: the statuses of a healthy target.
   * @default from 200 to 399
   */
  readonly expect?: readonly number[]
  /**
   * Of gRPC: the service that is asked for.
   * @default '', the server as a whole
   */
  readonly service?: string
}

/** Who is told of a target's first verdict, and from then on of changes. */
export interface HealthListener<Target> {
  /** @param reason a few words for the log */
  healthy (target: Target, reason: string): void
  unhealthy (target: Target, reason: string): void
}

/**
 * The active checks of an upstream's targets. The first check of a target decides at once; later ones do when
 * `healthyAfter` or `unhealthyAfter` in a row say otherwise.
 */
export class HealthChecks<Target> {
  readonly #options: HealthOptions
  readonly #tell: HealthListener<Target>
  readonly #random: () => number
  readonly #monitors = new Map<Target, Monitor>()

  constructor (options: HealthOptions, tell: HealthListener<Target>, random: () => number = Math.random) {
    this.#options = options
    this.#tell = tell
    this.#random = random
  }

  /**
   * Checks a target, at once and from now on.
   *
   * @returns when its first check has come to its end, whichever way
   * @throws when something in the endpoint's `tls` cannot be used
   */
  async add (target: Target, endpoint: TargetOptions): Promise<void> {
    this.remove(target)
    const dialer = new Dialer(this.#options.type === 'grpc' ? { ...endpoint, http2: true } : endpoint)
    const monitor = new Monitor(dialer, checkOf(this.#options, endpoint), this.#options, this.#random, ({ isHealthy, reason }) => {
      if (isHealthy) this.#tell.healthy(target, reason)
      else this.#tell.unhealthy(target, reason)
    })
    this.#monitors.set(target, monitor)
    await monitor.checked
  }

  /** Breaks off a check that runs. */
  remove (target: Target): void {
    this.#monitors.get(target)?.stop()
    this.#monitors.delete(target)
  }

  close (): void {
    for (const target of this.#monitors.keys()) this.remove(target)
  }
}

function checkOf ({ type, path = '/', host: asked, expect, service = '', timeout }: HealthOptions, endpoint: TargetOptions): Check {
  const { protocol } = endpoint
  if (type === 'tcp') return tcpCheck(protocol === 'https')
  const host = asked ?? authorityOf(endpoint)
  if (type === 'grpc') return grpcCheck({ service, host, timeout }, protocol)
  return endpoint.http2 === true ? http2Check({ path, host, expect }, protocol) : http1Check({ path, host, expect })
}
