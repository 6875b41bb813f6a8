import type { Observer } from '../proxy/observers.js'

/** Counts the exchanges of a service, so that it can close when the last one has ended. */
export class InFlight implements Observer {
  /** Set at the end of the service's life: nothing new is taken. */
  isClosing = false
  #count = 0
  #onEmpty: (() => void) | undefined

  /** An exchange begins. */
  begun (): void {
    this.#count++
  }

  ended (): void {
    this.#count--
    if (this.#count === 0) this.#onEmpty?.()
  }

  /**
   * Takes nothing new and waits for what is in flight.
   *
   * @param timeout milliseconds
   * @returns the number of exchanges that were not over by then
   */
  async finish (timeout: number): Promise<number> {
    this.isClosing = true
    if (this.#count > 0) {
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, timeout)
        this.#onEmpty = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    return this.#count
  }
}
