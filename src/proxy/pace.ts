/** Milliseconds between two looks at all bodies under way. */
const INTERVAL = 1_000

/** A body that comes in from a client. */
export interface Paced {
  /** Bytes so far. */
  readonly received: number
  /** Whether the gateway itself holds the client back: the service reads slower than the client sends. */
  readonly isHeld: boolean
  tooSlow (): void
}

interface Window {
  since: number
  received: number
}

/**
 * Cuts off clients that send a body so slowly that it is an attack on the connections kept for it (slow POST). A
 * slow but steady upload lives, however long it takes. One timer for all bodies, and none while there is no body.
 */
export class Pace {
  readonly #bodies = new Map<Paced, Window>()
  readonly #window: number
  readonly #least: number
  #timer: NodeJS.Timeout | undefined

  /**
   * @param window milliseconds in which so much must come
   * @param rate bytes per second, as the mean over the window; 0 switches it off
   */
  constructor (window: number, rate: number) {
    this.#window = window
    this.#least = rate * window / 1000
  }

  watch (body: Paced): void {
    if (this.#least === 0) return
    this.#bodies.set(body, { since: Date.now(), received: 0 })
    this.#timer ??= setInterval(() => this.#look(), Math.min(INTERVAL, this.#window)).unref()
  }

  leave (body: Paced): void {
    if (!this.#bodies.delete(body) || this.#bodies.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look (): void {
    const now = Date.now()
    for (const [body, window] of this.#bodies) {
      if (!body.isHeld) {
        if (now - window.since < this.#window) continue
        if (body.received - window.received < this.#least) {
          body.tooSlow()
          continue
        }
      }
      window.since = now
      window.received = body.received
    }
  }
}
