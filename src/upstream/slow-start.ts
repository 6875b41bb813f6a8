import type { Target } from './target.js'

const STEPS = 10

/** Gives a target that comes back its share little by little: what it had in its memory is cold. */
export class SlowStart {
  readonly #duration: number
  readonly #timers = new Map<Target, NodeJS.Timeout>()

  /** @param duration milliseconds until it has its whole share; 0: at once */
  constructor (duration: number) {
    this.#duration = duration
  }

  /** @param weight its whole share */
  begin (target: Target, weight: number): void {
    this.end(target)
    if (this.#duration === 0) {
      target.weight = weight
      return
    }
    let step = 1
    target.weight = weight / STEPS
    this.#timers.set(target, setInterval(() => {
      step++
      target.weight = weight * step / STEPS
      if (step === STEPS) this.end(target)
    }, this.#duration / STEPS).unref())
  }

  /** Leaves the target with the share that it has. */
  end (target: Target): void {
    clearInterval(this.#timers.get(target))
    this.#timers.delete(target)
  }
}
