import type { Explained, GivenRequest } from './given.js'
import { LONGEST_TRIAL } from './given.js'
import type { Trial } from './try-out.js'

/** Says where requests would go, in the process whose gateway it is. */
export class Explainer {
  readonly #trial: Trial
  readonly #longest: number

  /** @param longest milliseconds that it may take */
  constructor (trial: Trial, longest = LONGEST_TRIAL) {
    this.#trial = trial
    this.#longest = longest
  }

  /** Rejects where it fails for another reason than the request, or than the time that it takes. */
  async explain (given: GivenRequest): Promise<Explained> {
    // Loaded when somebody asks first: most never do.
    const { explain } = await import('./explanation.js')
    const { UnreadableRequest } = await import('./asked-request.js')
    const { readGiven } = await import('./read-given.js')
    const end = AbortSignal.timeout(this.#longest)
    try {
      return { explanation: await explain(this.#trial, readGiven(given), end) }
    } catch (error) {
      if (error instanceof UnreadableRequest) return { mistake: error.message }
      if (end.aborted) return { failed: 'late' }
      throw error
    }
  }
}
