/** Milliseconds between two looks at all bodies under way. */
const INTERVAL = 1_000

/** A body that comes from a client, or goes to one. */
export interface RatedBody {
  /** Bytes so far. */
  readonly moved: number
  /** Whether it is the client that is waited for, and not the upstream. */
  readonly awaitsClient: boolean
  tooSlow (): void
  /** For BodyRate alone: when the present window began, as `Date.now` has it; 0 for one that no look has seen. */
  since: number
  /** For BodyRate alone: bytes up to there. */
  before: number
}

/**
 * Cuts off clients that send or read a body so slowly that it is an attack on the connections kept for it (slow POST,
 * slow read). A slow but steady transfer lives, however long it takes. One timer for all bodies, and none while there is no body.
 */
export class BodyRate {
  readonly #bodies = new Set<RatedBody>()
  readonly #window: number
  readonly #least: number
  #timer: NodeJS.Timeout | undefined

  /**
   * @param window milliseconds in which so much must move
   * @param rate bytes per second, as the mean over the window; 0 switches it off
   */
  constructor (window: number, rate: number) {
    this.#window = window
    this.#least = rate * window / 1000
  }

  watch (body: RatedBody): void {
    if (this.#least === 0) return
    this.#bodies.add(body)
    this.#timer ??= setInterval(() => this.#look(), Math.min(INTERVAL, this.#window)).unref()
  }

  /** The timer is left to its next look: most bodies are over by then, and the next one would only start it again. */
  leave (body: RatedBody): void {
    this.#bodies.delete(body)
  }

  #look (): void {
    if (this.#bodies.size === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
      return
    }
    const now = Date.now()
    for (const body of this.#bodies) {
      if (body.since !== 0 && body.awaitsClient) {
        if (now - body.since < this.#window) continue
        if (body.moved - body.before < this.#least) {
          body.tooSlow()
          continue
        }
      }
      body.since = now
      body.before = body.moved
    }
  }
}
