// Durations and sizes, as a person writes them.

/** A duration in text: a number and its unit, such as `500ms`, `1.5s`, `1m`, `1h`, `1d`. */
export const DURATION = /^\d+(\.\d+)?(ms|s|m|h|d)$/

/** A size in text: a number and its unit, such as `512b`, `10kb`, `10mb`, `1gb`. */
export const SIZE = /^\d+(\.\d+)?(b|kb|mb|gb)$/i

/** The longest wait that `setTimeout` can keep, in milliseconds: about 24.8 days. */
export const LONGEST_TIMEOUT = 2 ** 31 - 1

const MILLISECONDS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const BYTES: Record<string, number> = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 }

/**
 * Reads a duration.
 *
 * @param value whole milliseconds, or text such as `"30s"`
 * @returns milliseconds, rounded to a whole number
 * @throws RangeError when it is neither
 */
export function parseDuration (value: number | string): number {
  return parse(value, DURATION, MILLISECONDS, 'a duration such as 30000 (milliseconds), "500ms", "30s" or "1m"')
}

/**
 * Reads a size. Units count in 1024s and may be written in capitals.
 *
 * @param value whole bytes, or text such as `"10mb"`
 * @returns bytes, rounded to a whole number
 * @throws RangeError when it is neither
 */
export function parseSize (value: number | string): number {
  return parse(value, SIZE, BYTES, 'a size such as 1024 (bytes), "10kb", "10mb" or "1gb"')
}

function parse (value: number | string, format: RegExp, units: Record<string, number>, expected: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  if (typeof value === 'string' && format.test(value)) {
    const unit = value.replace(/^[\d.]+/, '').toLowerCase()
    const result = Math.round(parseFloat(value) * Number(units[unit]))
    if (Number.isSafeInteger(result)) return result
  }
  throw new RangeError(`${JSON.stringify(value)} is not ${expected}`)
}
