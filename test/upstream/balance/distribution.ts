import { Random } from '../../../fuzz/random.js'
import type { Balancer, Candidate } from '../../../src/upstream/balance/candidate.js'

/** A target as a test has it, whose numbers change. */
export interface Target extends Candidate {
  weight: number
  inFlight: number
}

export function target (name: string, weight = 1): Target {
  return { name, weight, inFlight: 0 }
}

/** Targets `a`, `b` and so on with these weights. */
export function targets (...weights: number[]): Target[] {
  return weights.map((weight, index) => target(String.fromCharCode(97 + index), weight))
}

/** The same numbers for the same seed, from 0 up to but not including 1. */
export function randomOf (seed: number): () => number {
  const random = new Random(seed)
  return () => random.below(2 ** 32) / 2 ** 32
}

/** How often each of the candidates is picked, in their order. */
export function picks (balancer: Balancer<Target>, candidates: readonly Target[], times: number, keyOf: (nth: number) => string = () => ''): number[] {
  const counts = new Map(candidates.map(candidate => [candidate, 0]))
  for (let nth = 0; nth < times; nth++) {
    const picked = balancer.pick(candidates, keyOf(nth))
    counts.set(picked, (counts.get(picked) ?? NaN) + 1)
  }
  return [...counts.values()]
}

/**
 * Pearson's statistic for these counts where each should be in proportion to its weight. By chance it is above 13.8 for
 * three targets in one of 1,000 runs, and above 18.5 for five.
 */
export function chiSquared (counts: readonly number[], weights: readonly number[]): number {
  const all = sum(counts)
  return sum(counts.map((count, index) => {
    const expected = all * (weights[index] ?? NaN) / sum(weights)
    return (count - expected) ** 2 / expected
  }))
}

/**
 * Picks for clients that each send their next request when the last one has ended, where all take equally long: as many
 * are in flight as there are clients.
 */
export function shares (balancer: Balancer<Target>, candidates: readonly Target[], clients: number, times: number): number[] {
  const inFlight: Target[] = []
  const recording: Balancer<Target> = {
    pick (all, key) {
      const picked = balancer.pick(all, key)
      picked.inFlight++
      inFlight.push(picked)
      const ended = inFlight.length === clients ? inFlight.shift() : undefined
      if (ended !== undefined) ended.inFlight--
      return picked
    }
  }
  return picks(recording, candidates, times).map(count => count / times)
}

function sum (numbers: readonly number[]): number {
  return numbers.reduce((all, number) => all + number, 0)
}
