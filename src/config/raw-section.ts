/** An object of a configuration whose values may be wrong still. */
export type RawSection = Record<string, unknown>

export function isSection (value: unknown): value is RawSection {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
