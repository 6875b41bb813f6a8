import { numbersOf } from './measure.js'
import type { Result, Row } from './measure.js'
import type { Metric } from './scenarios/scenario.js'
import { spreadOf } from './statistics.js'
import type { Spread } from './statistics.js'

export function rowOf (results: readonly Result[], scenario: string, name: string): Row | undefined {
  return results.find(({ id }) => id === scenario)?.rows.find(row => row.name === name)
}

export function ratioOf (metric: Metric, one: Row, other: Row): Spread | undefined {
  return byRound(metric, one, other, (number, divisor) => number / divisor)
}

/** Round by round, so that what else the machine did in one of them is in both numbers. */
export function byRound (metric: Metric, one: Row, other: Row, compare: (number: number, other: number) => number): Spread | undefined {
  const others = numbersOf(other.rounds, metric)
  const compared = numbersOf(one.rounds, metric).map((number, round) => compare(number, others[round] ?? NaN))
  return spreadOf(compared.filter(number => Number.isFinite(number)))
}
