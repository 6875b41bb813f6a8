import type { Balancer } from './balance/candidate.js'
import { Condition } from './condition.js'
import type { TargetState } from './condition.js'
import { Ejections } from './ejections.js'
import type { EjectionOptions } from './ejections.js'
import type { PoolLimits } from './pool.js'
import { SlowStart } from './slow-start.js'
import { Sticky } from './sticky.js'
import type { StickyOptions } from './sticky.js'
import { Target } from './target.js'
import type { AttemptResult, TargetOptions, TargetOwner } from './target.js'
import type { PickRequest, Upstream, Waiter } from './upstream.js'
import { WaitingRoom } from './waiting-room.js'

/** An address with its place among the others. */
export type PlacedTarget = TargetOptions & {
  readonly weight: number
  /** Whether it is asked only when no other target is available. */
  readonly backup: boolean
}

/** What has happened to a target. */
export interface TargetChange {
  /** The upstream's name. */
  readonly upstream: string
  /** The target's name. */
  readonly target: string
  readonly state: TargetState
  readonly reason: string
}

export interface BalancedOptions {
  readonly name: string
  readonly balancer: Balancer<Target>
  /** What the balancer goes by; absent for one that goes by nothing of the request. */
  readonly keyOf?: (request: PickRequest) => string
  readonly sticky?: StickyOptions
  readonly ejection: EjectionOptions | false
  /** Milliseconds. */
  readonly slowStart: number
  /** Requests in progress at one target; absent: as many as its connections carry. */
  readonly maxConcurrent?: number
  /** Requests that wait. */
  readonly maxQueue: number
  /** Milliseconds. */
  readonly queueTimeout: number
  /** Of each target's connections. */
  readonly limits: PoolLimits
  /** Told of each change. */
  readonly changed: (change: TargetChange) => void
}

/** An upstream with any number of targets, which come and go, fail and recover. */
export class BalancedUpstream implements Upstream, TargetOwner {
  readonly #options: BalancedOptions
  readonly #ejections: Ejections | undefined
  readonly #slowStart: SlowStart
  readonly #sticky: Sticky | undefined
  readonly #room: WaitingRoom
  #targets: Target[] = []
  /** Who is asked: a target of the first list that has one with room. Made anew at each change, so that a pick makes nothing. */
  #tiers: readonly Target[][] = []
  #onProbation: readonly Target[] = []

  constructor (options: BalancedOptions, targets: readonly PlacedTarget[]) {
    const { ejection, slowStart, sticky, maxQueue, queueTimeout } = options
    this.#options = options
    this.#ejections = ejection === false ? undefined : new Ejections(ejection, () => this.#targets, (target, reason) => this.#changed(target, reason))
    this.#slowStart = new SlowStart(slowStart)
    this.#sticky = sticky && new Sticky(sticky)
    this.#room = new WaitingRoom(maxQueue, queueTimeout)
    this.setTargets(targets)
  }

  get name (): string {
    return this.#options.name
  }

  get targets (): readonly Target[] {
    return this.#targets
  }

  pick (request: PickRequest, tried?: readonly Target[]): Target | undefined {
    if (this.#onProbation.length > 0) {
      const target = this.#probe(request, tried)
      if (target !== undefined) return target
    }
    const kept = this.#sticky?.find(request.header('cookie'), this.#targets)
    if (kept?.condition?.isAvailable === true && this.#isFree(kept, tried)) return kept
    for (const tier of this.#tiers) {
      const candidates = this.#freeOf(tier, tried)
      const [first] = candidates
      if (first !== undefined) return candidates.length === 1 ? first : this.#options.balancer.pick(candidates, this.#options.keyOf?.(request) ?? '')
    }
    return undefined
  }

  /** One request at a time shows whether a target does again what it should; one that can be tried elsewhere when it does not. */
  #probe (request: PickRequest, tried: readonly Target[] | undefined): Target | undefined {
    const now = performance.now()
    for (const target of this.#onProbation) {
      const { condition } = target
      if (condition === undefined || condition.isProbed || !this.#isFree(target, tried)) continue
      // Where no such request comes, any will do in the end.
      if (!request.isRepeatable && now - condition.backSince < condition.lastEjection) continue
      condition.isProbed = true
      return target
    }
    return undefined
  }

  /** A list is made only where a target of it cannot be had. */
  #freeOf (tier: Target[], tried: readonly Target[] | undefined): Target[] {
    for (const target of tier) if (!this.#isFree(target, tried)) return tier.filter(target => this.#isFree(target, tried))
    return tier
  }

  #isFree (target: Target, tried: readonly Target[] | undefined): boolean {
    return target.inFlight < this.#mostAt(target) && tried?.includes(target) !== true
  }

  #mostAt ({ pool }: Target): number {
    const { maxConcurrent = Infinity } = this.#options
    return Math.min(maxConcurrent, pool.capacity)
  }

  wait (waiter: Waiter): boolean {
    return this.#targets.length > 0 && this.#room.enter(waiter)
  }

  leave (waiter: Waiter): void {
    this.#room.leave(waiter)
  }

  get waiting (): number {
    return this.#room.length
  }

  get free (): number {
    return this.#targets.reduce((sum, target) => target.condition?.isAvailable === true ? sum + Math.max(0, this.#mostAt(target) - target.inFlight) : sum, 0)
  }

  get capacity (): number {
    return this.#targets.reduce((sum, target) => sum + this.#mostAt(target), 0)
  }

  cookieFor (request: PickRequest, target: Target): string | undefined {
    return this.#sticky?.cookieFor(request.header('cookie'), target)
  }

  /** Whether there is a target that is available. */
  get isAvailable (): boolean {
    return this.#targets.some(({ condition }) => condition?.isAvailable)
  }

  // What requests tell of their targets.

  responded (target: Target): void {
    const { condition } = target
    if (condition?.ejection === 'probation') this.#ejections?.recovered(target, condition)
  }

  ended (target: Target, result: AttemptResult, reason: string): void {
    const { condition } = target
    /* c8 ignore next -- for the types: every target here has one */
    if (condition === undefined) return
    condition.isProbed = false
    if (result === 'succeeded') condition.failures = 0
    else if (result === 'failed' && !condition.isDraining) this.#ejections?.failed(target, condition, reason)
    if (this.#room.length > 0) this.#serve()
  }

  rest (target: Target, milliseconds: number): void {
    if (target.condition !== undefined) this.#ejections?.rest(target, target.condition, milliseconds)
  }

  #serve (): void {
    this.#room.serve(waiter => this.pick(waiter))
  }

  // What active checks tell of them.

  healthy (target: Target, reason: string): void {
    this.#setHealth(target, true, reason)
  }

  unhealthy (target: Target, reason: string): void {
    this.#setHealth(target, false, reason)
  }

  #setHealth (target: Target, isHealthy: boolean, reason: string): void {
    const { condition } = target
    if (condition === undefined || condition.isHealthy === isHealthy) return
    condition.isHealthy = isHealthy
    this.#changed(target, reason)
  }

  // What the targets are.

  /**
   * Those that are there already stay as they are; those that are gone end what is in progress.
   *
   * @param areHealthy whether new ones are taken to be well before they are checked
   */
  setTargets (placed: readonly PlacedTarget[], areHealthy = true): void {
    const before = new Map(this.#targets.map(target => [keyOf(target), target]))
    this.#targets = placed.map(options => {
      const made = new Target(options, this.#options.limits, this)
      const target = before.get(keyOf(made)) ?? made
      before.delete(keyOf(target))
      this.#place(target, options, areHealthy)
      return target
    })
    this.#arrange()
    for (const target of before.values()) this.#drain(target)
    if (this.#room.length > 0) this.#serve()
  }

  #place (target: Target, { weight, backup }: PlacedTarget, isHealthy: boolean): void {
    const known = target.condition
    if (known === undefined) {
      target.condition = new Condition(weight, backup)
      target.condition.isHealthy = isHealthy
      target.weight = weight
      return
    }
    known.isBackup = backup
    if (known.weight === weight) return
    known.weight = weight
    this.#slowStart.end(target)
    target.weight = weight
  }

  #drain (target: Target): void {
    const { condition } = target
    if (condition === undefined) return
    clearTimeout(condition.timer)
    this.#slowStart.end(target)
    condition.isDraining = true
    target.pool.close()
    this.#tell(target, 'it is no longer a target')
  }

  #changed (target: Target, reason: string): void {
    const { condition } = target
    this.#arrange()
    if (condition?.isAvailable === true) this.#slowStart.begin(target, condition.weight)
    else if (condition !== undefined) this.#slowStart.end(target)
    // That its probation begins is no news.
    if (reason !== '') this.#tell(target, reason)
    if (this.#room.length > 0) this.#serve()
  }

  #tell (target: Target, reason: string): void {
    const { changed, name: upstream } = this.#options
    const { condition } = target
    if (condition === undefined) return
    condition.reason = reason
    condition.changedAt = Date.now()
    changed({ upstream, target: target.name, state: condition.state, reason })
  }

  #arrange (): void {
    const available = this.#targets.filter(({ condition }) => condition?.isAvailable)
    const isBackup = ({ condition }: Target): boolean => condition?.isBackup === true
    const tiers = [available.filter(target => !isBackup(target)), available.filter(isBackup)]
    // Of none that is known to do well any may do: a wrong health check must not take everything down.
    this.#tiers = available.length > 0 ? tiers : [this.#targets]
    this.#onProbation = this.#targets.filter(({ condition }) => condition?.isOnProbation)
  }

  close (): void {
    for (const target of this.#targets) {
      clearTimeout(target.condition?.timer)
      this.#slowStart.end(target)
      target.pool.close()
    }
  }
}

/** By which a target is known again. */
function keyOf ({ name, hostField, basePath }: Target): string {
  return JSON.stringify([name, hostField, basePath])
}
