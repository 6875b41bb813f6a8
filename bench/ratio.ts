import { numbersOf } from './measure.js'
import type { Result, Row } from './measure.js'
import type { Metric } from './scenarios/scenario.js'
import { spreadOf } from './statistics.js'
import type { Spread } from './statistics.js'

export function rowOf (results: readonly Result[], scenario: string, name: string): Row | undefined {
  return results.find(({ id }) => id === scenario)?.rows.find(row => row.name === name)
}

/** Round by round, so that what else the machine did in one of them is in both numbers. */
export function ratioOf (metric: Metric, one: Row, other: Row): Spread | undefined {
  const divisors = numbersOf(other.rounds, metric)
  const ratios = numbersOf(one.rounds, metric).map((number, round) => number / (divisors[round] ?? NaN))
  return spreadOf(ratios.filter(ratio => Number.isFinite(ratio)))
}
