import type { Outcome } from '../proxy/observers.js'

/** A request that the gateway or the service failed. */
export interface Failure {
  /** By `Date.now()`. */
  readonly time: number
  /** Of the request, as its access line has it. */
  readonly id: string
  readonly method: string
  /** Without its query. */
  readonly path: string
  readonly route: string
  readonly upstream: string
  readonly target: string | undefined
  readonly attempts: number
  readonly status: number
  readonly outcome: Outcome
  /** What the client was told, or would have been. */
  readonly reason: string
  /** What was beneath it: a code such as ECONNREFUSED. */
  readonly cause: string | undefined
}

/** Failures that are kept. */
const MOST = 100

/** The last failures. */
export class RecentFailures {
  readonly #failures: Failure[] = []

  add (failure: Failure): void {
    this.#failures.push(failure)
    if (this.#failures.length > MOST) this.#failures.shift()
  }

  /** The latest first. */
  get list (): Failure[] {
    return this.#failures.toReversed()
  }
}
