import type { HashedRequest } from './balance/hash-key.js'
import type { Target } from './target.js'

/** What an upstream sees of the request that it finds a target for. */
export interface PickRequest extends HashedRequest {
  /** Whether it may be tried elsewhere when it fails, so that it can be sent to a target that is on probation. */
  readonly isRepeatable: boolean
}

/** A request that waits until a target has room for it. */
export interface Waiter extends PickRequest {
  targetFree (target: Target): void
  /** It has waited as long as it may. */
  waitedTooLong (): void
}

/** A named service and its addresses. */
export interface Upstream {
  /** `undefined` for one that is a route's own. */
  readonly name: string | undefined
  /**
   * The target for the next attempt; `undefined` where none has room, or all were tried.
   *
   * @param tried those that the same exchange has tried already; `undefined` before the first attempt
   */
  pick (request: PickRequest, tried?: readonly Target[]): Target | undefined
  /** Has a request wait. @returns `false` where too many wait already */
  wait (waiter: Waiter): boolean
  /** A request no longer waits. */
  leave (waiter: Waiter): void
  readonly targets: readonly Target[]
  /** Requests that wait for a target; those that wait for a connection to one, its pool has. */
  readonly waiting: number
  /** Requests that it has room for. */
  readonly free: number
  /** Requests that it takes at once. */
  readonly capacity: number
  /** The Set-Cookie that keeps a client with its target; `undefined` where it is there already, or is not wanted. */
  cookieFor (request: PickRequest, target: Target): string | undefined
  /** Closes what is idle; what is in use is closed when it is released. */
  close (): void
}

/** An upstream with one target that never changes, which is the case without any cost. Its pool has the waiting room. */
export class SingleUpstream implements Upstream {
  readonly name = undefined
  readonly waiting = 0
  readonly #target: Target

  constructor (target: Target) {
    this.#target = target
  }

  pick (_request: PickRequest, tried?: readonly Target[]): Target | undefined {
    return tried === undefined ? this.#target : undefined
  }

  wait (): boolean {
    return false
  }

  /* c8 ignore next -- nobody waits here */
  leave (): void {}

  get targets (): readonly Target[] {
    return [this.#target]
  }

  get free (): number {
    return this.#target.pool.free
  }

  get capacity (): number {
    return this.#target.pool.capacity
  }

  cookieFor (): undefined {}

  close (): void {
    this.#target.pool.close()
  }
}
