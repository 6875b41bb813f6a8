/** A complaint where something does not hold that must. */
export function unless (holds: boolean, complaint: string): string[] {
  return holds ? [] : [complaint]
}
