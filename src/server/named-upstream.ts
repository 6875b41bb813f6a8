import type { Connecting, UpstreamSettings } from '../config/index.js'
import { balancerOf } from '../upstream/balance/balancer.js'
import { compileHashKey } from '../upstream/balance/hash-key.js'
import { BalancedUpstream } from '../upstream/balanced-upstream.js'
import type { PlacedTarget, TargetChange } from '../upstream/balanced-upstream.js'
import { HealthChecks } from '../upstream/health/health-checks.js'
import { HTTP1_LIMITS, HTTP2_LIMITS } from '../upstream/pool.js'
import type { PoolLimits } from '../upstream/pool.js'
import type { Target } from '../upstream/target.js'
import { DiscoveredTargets } from './discovered-targets.js'
import { logTarget } from './log-target.js'
import type { Logger } from './log-target.js'

/** An upstream of the configuration with all that keeps it up to date. */
export class NamedUpstream {
  readonly upstream: BalancedUpstream
  readonly settings: UpstreamSettings
  readonly #health: HealthChecks<Target> | undefined
  readonly #discovered: DiscoveredTargets | undefined
  #isStarted = false

  /** @param listener is told of each change, beside the log */
  constructor (name: string, settings: UpstreamSettings, log: Logger, listener: (change: TargetChange) => void) {
    const { balance, sticky, ejection, slowStart, maxConcurrent, maxQueue, queueTimeout, targets } = settings
    this.settings = settings
    const placed = targets.map(target => this.#placed(target))
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
        logTarget(log, change)
        listener(change)
      }
    }, placed)
    this.#health = settings.health && new HealthChecks(settings.health, this.upstream)
    if (settings.dns !== undefined) this.#discovered = new DiscoveredTargets({ name, targets: placed, dns: settings.dns }, log, found => this.#change(found))
  }

  #placed (target: UpstreamSettings['targets'][number]): PlacedTarget {
    return { ...connectingOf(this.settings), ...target }
  }

  /** Looks its names up, and checks its targets. Resolves when that was done once, whichever way. */
  async start (): Promise<void> {
    await this.#discovered?.start()
    this.#isStarted = true
    await this.#check(this.upstream.targets)
  }

  /** What a program gives stays, whatever its names come to stand for. */
  setTargets (targets: UpstreamSettings['targets']): void {
    this.#discovered?.close()
    this.#change(targets.map(target => this.#placed(target)))
  }

  #change (targets: readonly PlacedTarget[]): void {
    const before = this.upstream.targets
    // Before the start nobody is asked: the first check is yet to come.
    this.upstream.setTargets(targets, this.#health === undefined || !this.#isStarted)
    const after = this.upstream.targets
    for (const target of before) if (!after.includes(target)) this.#health?.remove(target)
    if (this.#isStarted) this.#check(after.filter(target => !before.includes(target)))
  }

  async #check (targets: readonly Target[]): Promise<void> {
    const health = this.#health
    if (health !== undefined) await Promise.all(targets.map(async target => await health.add(target, target.endpoint)))
  }

  close (): void {
    this.#discovered?.close()
    this.#health?.close()
    this.upstream.close()
  }
}

/** How connections are made. */
export function connectingOf ({ connectTimeout, http2 = false, tls }: Connecting): Connecting {
  return { connectTimeout, http2, ...(tls && { tls }) }
}

function limitsOf ({ http2, maxConnections, keepAlive }: UpstreamSettings): PoolLimits {
  const limits = http2 === true ? HTTP2_LIMITS : HTTP1_LIMITS
  return { ...limits, maxConnections: maxConnections ?? limits.maxConnections, idleTimeout: keepAlive }
}
