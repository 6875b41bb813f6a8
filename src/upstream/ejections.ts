import type { Condition } from './condition.js'
import type { Target } from './target.js'

export interface EjectionOptions {
  /** Failures in a row after which a target is ejected. */
  readonly after: number
  /** Milliseconds. */
  readonly for: number
  /** The part of the targets that may be out, from 0 to 1. It is rounded down. */
  readonly maxEjected: number
}

/** The longest ejection, in times the first one: each that follows at once is twice the last. */
const LONGEST = 16

/** Leaves targets alone for a while that fail again and again. */
export class Ejections {
  readonly #options: EjectionOptions
  readonly #targets: () => readonly Target[]
  readonly #changed: (target: Target, reason: string) => void

  /** @param changed is told of each change of a target's state, and of the begin of its probation with an empty reason */
  constructor (options: EjectionOptions, targets: () => readonly Target[], changed: (target: Target, reason: string) => void) {
    this.#options = options
    this.#targets = targets
    this.#changed = changed
  }

  failed (target: Target, condition: Condition, reason: string): void {
    condition.failures++
    if (condition.ejection === 'probation') this.#eject(target, condition, this.#next(condition), reason)
    else if (condition.ejection === 'none' && condition.failures >= this.#options.after && this.#mayEject()) {
      this.#eject(target, condition, this.#next(condition), `${condition.failures} failures in a row, the last: ${reason}`)
    }
  }

  /** The target asked for some time without requests. */
  rest (target: Target, condition: Condition, milliseconds: number): void {
    if (condition.ejection !== 'none' || !this.#mayEject()) return
    const longest = this.#options.for * LONGEST
    this.#eject(target, condition, Math.min(milliseconds, longest), 'status 503 with Retry-After')
  }

  /** A response on probation has begun that is no failure. */
  recovered (target: Target, condition: Condition): void {
    condition.ejection = 'none'
    condition.failures = 0
    condition.isProbed = false
    condition.backSince = performance.now()
    this.#changed(target, 'it responds again')
  }

  /** With too few left those that are would break down as well. */
  #mayEject (): boolean {
    const targets = this.#targets()
    const out = targets.filter(({ condition }) => condition?.isAvailable === false).length
    return out + 1 <= Math.floor(targets.length * this.#options.maxEjected)
  }

  /** Milliseconds of the next ejection. */
  #next (condition: Condition): number {
    // One that did well for as long as it was out begins anew.
    if (condition.ejection === 'none' && performance.now() - condition.backSince > condition.lastEjection) condition.ejections = 0
    return this.#options.for * Math.min(2 ** condition.ejections, LONGEST)
  }

  #eject (target: Target, condition: Condition, milliseconds: number, reason: string): void {
    condition.ejection = 'ejected'
    condition.ejections++
    condition.ejected++
    condition.failures = 0
    condition.isProbed = false
    condition.lastEjection = milliseconds
    condition.timer = setTimeout(() => this.#endEjection(target, condition), milliseconds).unref()
    this.#changed(target, reason)
  }

  #endEjection (target: Target, condition: Condition): void {
    condition.ejection = 'probation'
    condition.backSince = performance.now()
    this.#changed(target, '')
  }
}
