import type { Target } from './target.js'
import type { Waiter } from './upstream.js'

/** Requests that wait for a target with room, first in, first out. */
export class WaitingRoom {
  readonly #size: number
  readonly #timeout: number
  readonly #waiting = new Map<Waiter, NodeJS.Timeout>()

  /** @param timeout milliseconds that a request may wait */
  constructor (size: number, timeout: number) {
    this.#size = size
    this.#timeout = timeout
  }

  get length (): number {
    return this.#waiting.size
  }

  /** @returns `false` where it is full */
  enter (waiter: Waiter): boolean {
    if (this.#waiting.size >= this.#size) return false
    this.#waiting.set(waiter, setTimeout(() => {
      this.leave(waiter)
      waiter.waitedTooLong()
    }, this.#timeout))
    return true
  }

  leave (waiter: Waiter): void {
    clearTimeout(this.#waiting.get(waiter))
    this.#waiting.delete(waiter)
  }

  /** Lets those go that there is a target for. */
  serve (find: (waiter: Waiter) => Target | undefined): void {
    for (const waiter of this.#waiting.keys()) {
      const target = find(waiter)
      if (target === undefined) return
      this.leave(waiter)
      waiter.targetFree(target)
    }
  }
}
