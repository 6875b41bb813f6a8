/** As far as so few values tell. */
const MOST_ALIKE = 0.9

/** A straight line through values, by least squares. */
export interface Slope {
  /** A minute. */
  readonly perMinute: number
  /** Twice the standard error of that, of values that resemble the last ones (first-order autocorrelation): what noise alone may make of a slope of nothing. */
  readonly noise: number
}

/** @param minutes when each value was taken */
export function slopeOf (minutes: readonly number[], values: readonly number[]): Slope {
  const middle = mean(minutes)
  const average = mean(values)
  const spread = sum(minutes.map(minute => (minute - middle) ** 2))
  const perMinute = products(minutes.map(minute => minute - middle), values.map(value => value - average)) / spread
  const rests = values.map((value, nth) => value - average - perMinute * (Number(minutes[nth]) - middle))
  const rest = sum(rests.map(value => value ** 2))
  return { perMinute, noise: 2 * Math.sqrt(rest / Math.max(1, minutes.length - 2) / spread * kinship(rests, rest)) }
}

/** How many values weigh as one: what is kept for a while, as connections are, makes each resemble the last. */
function kinship (rests: readonly number[], rest: number): number {
  const resemblance = rest === 0 ? 0 : products(rests.slice(1), rests) / rest
  const bounded = Math.min(MOST_ALIKE, Math.max(0, resemblance))
  return (1 + bounded) / (1 - bounded)
}

/** Of each value with the one in its place among the others, summed. */
function products (values: readonly number[], others: readonly number[]): number {
  return sum(values.map((value, nth) => value * Number(others[nth])))
}

function sum (values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function mean (values: readonly number[]): number {
  return sum(values) / values.length
}
