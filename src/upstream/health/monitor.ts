import type { Dialer } from '../dial.js'
import { Probe } from './probe.js'
import type { Check, Verdict } from './probe.js'

/** When checks are due, and how many in a row count. */
export interface Pace {
  /** Milliseconds from one check to the next. */
  readonly interval: number
  /** Milliseconds that a check may take. */
  readonly timeout: number
  /** Checks in a row that a target must pass to be healthy again. */
  readonly healthyAfter: number
  /** Checks in a row that a target must fail to be unhealthy. */
  readonly unhealthyAfter: number
}

/** Of an interval, either way. */
const JITTER = 0.1

/** Checks one target again and again, one check at a time. */
export class Monitor {
  /** Resolves when the first check has come to its end, or is not wanted any more. */
  readonly checked: Promise<void>
  readonly #dialer: Dialer
  readonly #check: Check
  readonly #pace: Pace
  readonly #random: () => number
  readonly #changed: (verdict: Verdict) => void
  #resolveChecked: (() => void) | undefined
  #isHealthy: boolean | undefined
  /** Verdicts in a row that say otherwise than `#isHealthy`. */
  #against = 0
  #probe: Probe | undefined
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  /** @param changed called with the first verdict, and from then on with each that changes it */
  constructor (dialer: Dialer, check: Check, pace: Pace, random: () => number, changed: (verdict: Verdict) => void) {
    this.#dialer = dialer
    this.#check = check
    this.#pace = pace
    this.#random = random
    this.#changed = changed
    this.checked = new Promise(resolve => { this.#resolveChecked = resolve })
    // The first one is due at once, the second anywhere in the interval: so the targets that came together part.
    this.#run(pace.interval * random())
  }

  stop (): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
    this.#probe?.stop()
    this.#resolveChecked?.()
  }

  /** @param next milliseconds until the next check is due; one that takes longer is followed at once */
  #run (next: number): void {
    const due = performance.now() + next
    this.#probe = new Probe(this.#dialer, this.#check, this.#pace.timeout, verdict => {
      this.#probe = undefined
      this.#count(verdict)
      this.#resolveChecked?.()
      if (!this.#isStopped) this.#timer = setTimeout(() => this.#run(this.#jittered()), Math.max(0, due - performance.now())).unref()
    })
  }

  #jittered (): number {
    return this.#pace.interval * (1 - JITTER + 2 * JITTER * this.#random())
  }

  #count (verdict: Verdict): void {
    const { isHealthy } = verdict
    if (isHealthy === this.#isHealthy) {
      this.#against = 0
      return
    }
    this.#against++
    const needed = isHealthy ? this.#pace.healthyAfter : this.#pace.unhealthyAfter
    if (this.#isHealthy !== undefined && this.#against < needed) return
    this.#against = 0
    this.#isHealthy = isHealthy
    this.#changed(verdict)
  }
}
