/** Counts the exchanges of a service, so that it can close when the last one has ended. */
export class Drain {
  /** Set at the end of the service's life: nothing new is taken. */
  draining = false
  #inFlight = 0
  #onEmpty: (() => void) | undefined

  enter (): void {
    this.#inFlight++
  }

  leave (): void {
    this.#inFlight--
    if (this.#inFlight === 0) this.#onEmpty?.()
  }

  /**
   * Takes nothing new and waits for what is in flight.
   *
   * @param timeout milliseconds
   * @returns the number of exchanges that were not over by then
   */
  async finish (timeout: number): Promise<number> {
    this.draining = true
    if (this.#inFlight > 0) {
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, timeout)
        this.#onEmpty = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    return this.#inFlight
  }
}
