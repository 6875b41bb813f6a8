import type { Connecting, UpstreamSettings } from '../config/index.js'
import { balancerOf } from '../upstream/balance/balancer.js'
import { compileHashKey } from '../upstream/balance/hash-key.js'
import { BalancedUpstream } from '../upstream/balanced-upstream.js'
import type { PlacedTarget, TargetChange } from '../upstream/balanced-upstream.js'
import { HealthChecks } from '../upstream/health/health-checks.js'
import { HTTP1_LIMITS, HTTP2_LIMITS } from '../upstream/pool.js'
import type { PoolLimits } from '../upstream/pool.js'
import type { Target } from '../upstream/target.js'

/** What is used of a pino logger. */
export interface Logger {
  info (line: object, message: string): void
  warn (line: object, message: string): void
}

/** An upstream of the configuration with all that keeps it up to date. */
export class NamedUpstream {
  readonly upstream: BalancedUpstream
  readonly settings: UpstreamSettings
  readonly #health: HealthChecks<Target> | undefined

  /** @param listener is told of each change, beside the log */
  constructor (name: string, settings: UpstreamSettings, log: Logger, listener: (change: TargetChange) => void) {
    const { balance, sticky, ejection, slowStart, maxConcurrent, maxQueue, queueTimeout, targets } = settings
    this.settings = settings
    this.upstream = new BalancedUpstream({
      name,
      balancer: balancerOf(balance),
      ...(typeof balance === 'object' && { keyOf: compileHashKey(balance.hash) }),
      ...(sticky && { sticky }),
      ejection,
      slowStart,
      ...(maxConcurrent !== undefined && { maxConcurrent }),
      maxQueue,
      queueTimeout,
      limits: limitsOf(settings),
      changed (change) {
        logChange(log, change)
        listener(change)
      }
    }, targets.map(target => this.#placed(target)))
    this.#health = settings.health && new HealthChecks(settings.health, this.upstream)
  }

  #placed (target: UpstreamSettings['targets'][number]): PlacedTarget {
    return { ...connectingOf(this.settings), ...target }
  }

  /** Checks its targets. Resolves when each was checked once, whichever way. */
  async start (): Promise<void> {
    await this.#check(this.upstream.targets)
  }

  setTargets (targets: UpstreamSettings['targets']): void {
    const before = this.upstream.targets
    this.upstream.setTargets(targets.map(target => this.#placed(target)), this.#health === undefined)
    const after = this.upstream.targets
    for (const target of before) if (!after.includes(target)) this.#health?.remove(target)
    this.#check(after.filter(target => !before.includes(target)))
  }

  async #check (targets: readonly Target[]): Promise<void> {
    const health = this.#health
    if (health !== undefined) await Promise.all(targets.map(async target => await health.add(target, target.endpoint)))
  }

  close (): void {
    this.#health?.close()
    this.upstream.close()
  }
}

/** How connections are made. */
export function connectingOf ({ connectTimeout, http2 = false, tls }: Connecting): Connecting {
  return { connectTimeout, http2, ...(tls && { tls }) }
}

/** One line for each change: a target that gets no requests is a warning. */
function logChange (log: Logger, { upstream, target, state, reason }: TargetChange): void {
  const line = { upstream, target, state, reason }
  if (state === 'unhealthy' || state === 'ejected') log.warn(line, 'a target is left alone')
  else log.info(line, state === 'draining' ? 'a target has left' : 'a target is available')
}

function limitsOf ({ http2, maxConnections, keepAlive }: UpstreamSettings): PoolLimits {
  const limits = http2 === true ? HTTP2_LIMITS : HTTP1_LIMITS
  return { ...limits, maxConnections: maxConnections ?? limits.maxConnections, idleTimeout: keepAlive }
}
