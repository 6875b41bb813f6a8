/** A straight line through values, by least squares. */
export interface Slope {
  /** A minute. */
  readonly perMinute: number
  /** Twice the standard error of that: what noise alone may make of a slope of nothing. */
  readonly noise: number
}

/** @param minutes when each value was taken */
export function slopeOf (minutes: readonly number[], values: readonly number[]): Slope {
  const middle = mean(minutes)
  const average = mean(values)
  const spread = sum(minutes.map(minute => (minute - middle) ** 2))
  const perMinute = sum(minutes.map((minute, nth) => (minute - middle) * ((values[nth] ?? 0) - average))) / spread
  const rest = sum(minutes.map((minute, nth) => ((values[nth] ?? 0) - average - perMinute * (minute - middle)) ** 2))
  return { perMinute, noise: 2 * Math.sqrt(rest / Math.max(1, minutes.length - 2) / spread) }
}

function sum (values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function mean (values: readonly number[]): number {
  return sum(values) / values.length
}
