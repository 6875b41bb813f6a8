import { nobody } from './candidate.js'
import type { Balancer, Candidate } from './candidate.js'

/** How far a target is ahead of its turn; below 0 it has had more than its share. */
interface Turn { credit: number }

/**
 * In turn, by weight, and smoothly: with the weights 5, 1 and 1 it is a a b a c a a, never five times a in a row. With
 * each request every target is credited its weight; the one with the most credit is chosen, and pays for all. It is
 * nginx's algorithm (ngx_http_upstream_round_robin.c). A weight may change between any two requests.
 */
export class RoundRobin<Target extends Candidate> implements Balancer<Target> {
  /** Held by the targets themselves, so that nothing stays of one that is gone. */
  readonly #turns = new WeakMap<Target, Turn>()

  pick (candidates: readonly Target[]): Target {
    let total = 0
    let best: Target | undefined
    let turn: Turn | undefined
    let areAllKnown = true
    for (const candidate of candidates) {
      const own = this.#turns.get(candidate)
      if (own === undefined) {
        areAllKnown = false
        continue
      }
      total += candidate.weight
      own.credit += candidate.weight
      if (turn === undefined || own.credit > turn.credit) {
        turn = own
        best = candidate
      }
    }
    if (turn !== undefined) turn.credit -= total
    if (!areAllKnown) this.#join(candidates)
    if (best !== undefined) return best
    if (candidates.length === 0) throw nobody()
    return this.pick(candidates)
  }

  /**
   * A new target starts at the mean of the others, from the next request on. What the credits add up to drifts away
   * from 0 as targets go that were ahead or behind: at 0 a new one would get a burst of requests, or none for a while.
   */
  #join (candidates: readonly Target[]): void {
    let sum = 0
    let known = 0
    for (const candidate of candidates) {
      const turn = this.#turns.get(candidate)
      if (turn === undefined) continue
      sum += turn.credit
      known++
    }
    const credit = known === 0 ? 0 : sum / known
    for (const candidate of candidates) {
      if (!this.#turns.has(candidate)) this.#turns.set(candidate, { credit })
    }
  }
}
