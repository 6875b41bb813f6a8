import type { RatedBody } from './body-rate.js'

/** The exchange that a response belongs to. */
export interface DeliveryOwner {
  /** Bytes that left for the client. */
  readonly flushed: number
  /** Whether what there is of the response waits for its client alone. */
  readonly awaitsClient: boolean
  readTooSlowly (): void
}

/** A response that its client has to take, as its rate is measured. Made when it is first waited for. */
export class Delivery implements RatedBody {
  since = 0
  before = 0
  readonly #owner: DeliveryOwner

  constructor (owner: DeliveryOwner) {
    this.#owner = owner
  }

  get moved (): number {
    return this.#owner.flushed
  }

  get awaitsClient (): boolean {
    return this.#owner.awaitsClient
  }

  tooSlow (): void {
    this.#owner.readTooSlowly()
  }
}
