import type { Balancer, Candidate } from './candidate.js'
import { draw } from './draw.js'

/** Each request goes to any target, in proportion to the weights. */
export class WeightedRandom<Target extends Candidate> implements Balancer<Target> {
  readonly #random: () => number

  constructor (random: () => number) {
    this.#random = random
  }

  pick (candidates: readonly Target[]): Target {
    return draw(candidates, this.#random)
  }
}
