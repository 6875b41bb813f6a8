/** What a balancer sees of a target. */
export interface Candidate {
  readonly name: string
  /** Above 0; it grows while a target starts slowly. */
  readonly weight: number
  /** Requests that it works on. */
  readonly inFlight: number
}

/** Chooses among the targets that may have a request. It looks at nothing but them, and waits for nothing. */
export interface Balancer<Target extends Candidate> {
  /**
   * @param candidates at least one
   * @param key what a hash goes by; empty for balancers that ask for none
   * @throws RangeError for an empty list
   */
  pick (candidates: readonly Target[], key: string): Target
}

export function nobody (): RangeError {
  return new RangeError('there is no target to choose')
}
