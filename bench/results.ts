/** Everything that can be in a column. */
export type Metric = 'rps' | 'cpu' | 'p50' | 'p99' | 'p50One' | 'p99One' | 'memory' | 'memoryEach' | 'heapEach'
export type Values = Partial<Record<Metric, number>>

/** One case of one scenario. */
export interface Row {
  name: string
  /** The version of Node that it ran under, if any. */
  node: string | undefined
  /** One for each round. */
  rounds: Values[]
  errors: string[]
}

export interface Result {
  id: string
  title: string
  /** What the table does not say by itself. */
  remark: string
  columns: readonly Metric[]
  /** Metrics of which the table also says how many times the contender's value ours is. */
  compared: readonly Metric[]
  rows: Row[]
}

/** What the rounds say of one number. */
export interface Spread {
  median: number
  lowest: number
  highest: number
}

/** Undefined where nothing was measured. */
function spreadOf (numbers: readonly number[]): Spread | undefined {
  const sorted = numbers.filter(number => Number.isFinite(number)).sort((a, b) => a - b)
  const half = sorted.length / 2
  const [lowest, low, high, highest] = [sorted[0], sorted[Math.ceil(half) - 1], sorted[Math.floor(half)], sorted.at(-1)]
  if (lowest === undefined || low === undefined || high === undefined || highest === undefined) return undefined
  return { median: (low + high) / 2, lowest, highest }
}

/** (highest - lowest) / median */
export function width ({ median, lowest, highest }: Spread): number {
  return (highest - lowest) / median
}

export function rowOf (results: readonly Result[], scenario: string, name: string): Row | undefined {
  return results.find(({ id }) => id === scenario)?.rows.find(row => row.name === name)
}

export function valueOf (row: Row | undefined, metric: Metric): Spread | undefined {
  return spreadOf(row?.rounds.map(round => round[metric] ?? NaN) ?? [])
}

/** Round by round, so that what else the machine did in one of them is in both numbers. */
export function ratioOf (metric: Metric, one: Row | undefined, other: Row | undefined): Spread | undefined {
  return spreadOf(one?.rounds.map((round, index) => (round[metric] ?? NaN) / (other?.rounds[index]?.[metric] ?? NaN)) ?? [])
}
