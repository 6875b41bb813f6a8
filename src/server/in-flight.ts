import { setTimeout as pass } from 'node:timers/promises'
import type { Observer } from '../proxy/observers.js'

/** Counts the exchanges of a service, so that it can close when the last one has ended. */
export class InFlight implements Observer {
  /** Set at the end of the service's life: nothing new is taken. */
  isClosing = false
  #count = 0
  readonly #onEmpty = new Set<() => void>()

  began (): void {
    this.#count++
  }

  ended (): void {
    this.#count--
    if (this.#count > 0) return
    for (const onEmpty of this.#onEmpty) onEmpty()
    this.#onEmpty.clear()
  }

  get count (): number {
    return this.#count
  }

  /** Takes nothing new. Resolves when what is in flight has ended. */
  async stop (): Promise<void> {
    this.isClosing = true
    if (this.#count > 0) await new Promise<void>(resolve => { this.#onEmpty.add(resolve) })
  }

  /**
   * Takes nothing new and waits for what is in flight.
   *
   * @param timeout milliseconds
   * @returns the number of exchanges that were not over by then
   */
  async finish (timeout: number): Promise<number> {
    const late = new AbortController()
    await Promise.race([this.stop().then(() => late.abort()), pass(timeout, undefined, late).catch(ignore)])
    return this.#count
  }
}

function ignore (): void {}
