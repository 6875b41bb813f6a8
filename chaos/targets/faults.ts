/** What one of three targets suffers for a while. */
export const TARGET_FAULTS = ['dead', 'hung', 'resetting', 'slow'] as const

export type TargetFault = typeof TARGET_FAULTS[number]

export const TARGET_FAULT_MEANINGS: Record<TargetFault, string> = {
  dead: 'it is killed under load, and nothing listens there until it is started again',
  hung: 'it accepts connections and requests, and responds to none',
  resetting: 'it resets the connection of each request',
  slow: 'it takes a second longer for each response'
}

/** Milliseconds that a slow one takes longer. */
export const SLOWNESS = 1_000
