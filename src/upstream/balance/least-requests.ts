import type { Balancer, Candidate } from './candidate.js'
import { draw } from './draw.js'

/**
 * Of two targets that are drawn, the one with fewer requests in flight for its weight ("the power of two choices",
 * Mitzenmacher 2001). All gateways that compare all targets would send to the same one at the same moment; two drawn
 * ones are nearly as even, and cost the same with a hundred targets as with two.
 *
 * The two differ, or of two targets a slow one would still get every fourth request unseen. They are drawn by weight: drawn
 * evenly, none could ever get more than 2 of n requests, whatever its weight.
 */
export class LeastRequests<Target extends Candidate> implements Balancer<Target> {
  readonly #random: () => number

  constructor (random: () => number) {
    this.#random = random
  }

  pick (candidates: readonly Target[]): Target {
    const first = draw(candidates, this.#random)
    if (candidates.length === 1) return first
    const second = draw(candidates, this.#random, first)
    return isBetter(second, first) ? second : first
  }
}

/**
 * Whether it would be no busier with the request than the first is without it: with equal weights, whether it has fewer
 * in flight. The first is left only for that, since it was drawn by weight. Compared by `inFlight / weight` alone, the
 * lighter of two targets that are mostly idle would get as much as the heavier one, and by `(inFlight + 1) / weight` nothing.
 */
function isBetter (second: Candidate, first: Candidate): boolean {
  return (second.inFlight + 1) * first.weight <= first.inFlight * second.weight
}
