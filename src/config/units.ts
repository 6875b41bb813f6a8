/** A duration in text: a number and its unit, such as `500ms`, `1.5s`, `1m`, `1h`, `1d`. */
export const DURATION = /^\d+(\.\d+)?(ms|s|m|h|d)$/

/** A size in text: a number and its unit, such as `512b`, `10kb`, `10mb`, `1gb`. */
export const SIZE = /^\d+(\.\d+)?[kKmMgG]?[bB]$/

/** The longest wait that `setTimeout` can keep, in milliseconds: about 24.8 days. */
export const LONGEST_TIMEOUT = 2 ** 31 - 1

const MILLISECONDS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const BYTES: Record<string, number> = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 }

/**
 * Reads a duration, which must be a number of milliseconds or match {@link DURATION}.
 *
 * @returns milliseconds, rounded to a whole number
 */
export function parseDuration (value: number | string): number {
  return parse(value, MILLISECONDS)
}

/**
 * Reads a size, which must be a number of bytes or match {@link SIZE}. Units count in 1024s.
 *
 * @returns bytes, rounded to a whole number
 */
export function parseSize (value: number | string): number {
  return parse(value, BYTES)
}

function parse (value: number | string, units: Record<string, number>): number {
  if (typeof value === 'number') return value
  const unit = value.replace(/^[\d.]+/, '').toLowerCase()
  return Math.round(parseFloat(value) * Number(units[unit]))
}
