import type { Target } from './target.js'

/** A named service and its addresses. */
export class Upstream {
  readonly #target: Target

  constructor (target: Target) {
    this.#target = target
  }

  /** The target for the next attempt. */
  pick (): Target {
    return this.#target
  }

  get targets (): readonly Target[] {
    return [this.#target]
  }

  /** Requests that it has room for. */
  get free (): number {
    return this.#target.pool.free
  }

  /** Requests that it takes at once. */
  get capacity (): number {
    return this.#target.pool.capacity
  }

  /** Closes what is idle; what is in use is closed when it is released. */
  close (): void {
    this.#target.pool.close()
  }
}
