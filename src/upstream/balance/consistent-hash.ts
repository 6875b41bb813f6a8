import { nobody } from './candidate.js'
import type { Balancer, Candidate } from './candidate.js'
import { hash, mix } from './hash.js'

/**
 * The same target for the same key: weighted rendezvous hashing. Each target and key have a score that depends on no
 * other target; the best one wins. So a target that goes moves its own keys alone, one that comes takes only what will
 * be its own, and a weight that changes moves the difference.
 */
export class ConsistentHash<Target extends Candidate> implements Balancer<Target> {
  readonly #maxLoad: number
  /** Of the targets' names. */
  readonly #hashes = new WeakMap<Target, number>()

  /**
   * @param maxLoad How much of its share of the requests in flight a target may have, above 1, such as 1.25. One that has more is
   * passed over for the next in the key's order ("Consistent Hashing with Bounded Loads", 2017). Infinity: any.
   */
  constructor (maxLoad = Infinity) {
    this.#maxLoad = maxLoad
  }

  pick (candidates: readonly Target[], key: string): Target {
    const keyHash = hash(key)
    const perWeight = this.#maxLoad === Infinity ? Infinity : this.#maxLoad * loadWithOneMore(candidates)
    let best: Target | undefined
    let least = Infinity
    for (const candidate of candidates) {
      const { weight, inFlight } = candidate
      // Never all of them: together they may have more than there is.
      if (inFlight >= perWeight * weight) continue
      // Exponentially distributed with the weight as its rate: each is the least in proportion to its weight.
      const score = -Math.log((mix(keyHash ^ this.#hashOf(candidate)) + 0.5) / 0x1_0000_0000) / weight
      if (score < least) {
        least = score
        best = candidate
      }
    }
    if (best === undefined) throw nobody()
    return best
  }

  #hashOf (candidate: Target): number {
    const known = this.#hashes.get(candidate)
    if (known !== undefined) return known
    const computed = hash(candidate.name)
    this.#hashes.set(candidate, computed)
    return computed
  }
}

/** Requests in flight by weight, once the one that a target is chosen for is among them. */
function loadWithOneMore (candidates: readonly Candidate[]): number {
  let requests = 1
  let weights = 0
  for (const { inFlight, weight } of candidates) {
    requests += inFlight
    weights += weight
  }
  return requests / weights
}
