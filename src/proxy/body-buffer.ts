/** Bodies of one route that are kept at once. Whoever comes beyond them gets a 503: memory is bounded by this number of the largest. */
const MOST = 128

/** The room of a route for bodies that are collected before they are sent on. */
export class BodyBuffer {
  #kept = 0

  /** @param size bytes of the largest body that is kept */
  constructor (readonly size: number) {}

  /** @returns whether there was room for one more, for which `leave` is called later */
  enter (): boolean {
    if (this.#kept === MOST) return false
    this.#kept++
    return true
  }

  leave (): void {
    this.#kept--
  }
}
