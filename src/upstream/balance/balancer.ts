import type { Balancer, Candidate } from './candidate.js'
import { ConsistentHash } from './consistent-hash.js'
import { LeastRequests } from './least-requests.js'
import { WeightedRandom } from './random.js'
import { RoundRobin } from './round-robin.js'

/** How targets are chosen, as the configuration says it. */
export type BalanceSettings = 'round-robin' | 'least-requests' | 'random' | HashSettings

export interface HashSettings {
  /** What {@link compileHashKey} takes. */
  readonly hash: string
  /**
   * How much of its share of the requests in flight a target may have.
   * @default Infinity
   */
  readonly maxLoad?: number
}

/** @param random from 0 up to but not including 1 */
export function balancerOf<Target extends Candidate> (settings: BalanceSettings, random: () => number = Math.random): Balancer<Target> {
  if (typeof settings === 'object') return new ConsistentHash(settings.maxLoad)
  if (settings === 'round-robin') return new RoundRobin()
  return settings === 'random' ? new WeightedRandom(random) : new LeastRequests(random)
}
