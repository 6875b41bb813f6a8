/** What the rounds say of one number. */
export interface Spread {
  median: number
  lowest: number
  highest: number
}

/** (highest - lowest) / median from which on a number is called noisy. */
export const NOISY = 0.15

/** Undefined where nothing was measured. */
export function spreadOf (numbers: readonly number[]): Spread | undefined {
  const sorted = numbers.toSorted((a, b) => a - b)
  const half = sorted.length / 2
  const [lowest, low, high, highest] = [sorted[0], sorted[Math.ceil(half) - 1], sorted[Math.floor(half)], sorted.at(-1)]
  if (lowest === undefined || low === undefined || high === undefined || highest === undefined) return undefined
  return { median: (low + high) / 2, lowest, highest }
}

export function width ({ median, lowest, highest }: Spread): number {
  return (highest - lowest) / median
}
