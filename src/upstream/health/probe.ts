import type { Socket } from 'node:net'
import type { Dialer } from '../dial.js'

/** Bytes of a response that are read and thrown away, so that the service sees it arrive whole. */
const MAX_BODY = 65_536

/** What a check came to. */
export interface Verdict {
  readonly isHealthy: boolean
  /** A few words for the log. */
  readonly reason: string
}

/** Says on a connection, which is as yet to be made, what the check says, and tells the probe what it hears. */
export type Check = (socket: Socket, probe: Probe) => void

/** One check of one target on a connection of its own, from dialing to the connection's end. */
export class Probe {
  readonly #ended: (verdict: Verdict) => void
  readonly #timer: NodeJS.Timeout
  readonly #socket: Socket
  #verdict: Verdict | undefined
  #received = 0
  #isOver = false

  /**
   * @param timeout milliseconds for all of it
   * @param ended called once, unless it is stopped before
   */
  constructor (dialer: Dialer, check: Check, timeout: number, ended: (verdict: Verdict) => void) {
    this.#ended = ended
    // Before the one of the dialer, which may be as long: the reason that counts is this one.
    this.#timer = setTimeout(() => this.fail(`timeout after ${timeout} ms`), timeout).unref()
    this.#socket = dialer.dial()
    this.#socket.on('error', error => this.failBy(error))
    this.#socket.on('close', () => this.fail('the connection was closed'))
    check(this.#socket, this)
  }

  /** The first verdict counts: a body that stops coming changes nothing about the head before it. */
  decide (isHealthy: boolean, reason: string): void {
    this.#verdict ??= { isHealthy, reason }
  }

  fail (reason: string): void {
    this.decide(false, reason)
    this.end()
  }

  failBy ({ code, message }: NodeJS.ErrnoException): void {
    this.fail(code === undefined || code === 'ERR_CONNECT_TIMEOUT' ? message : code)
  }

  /** Some of a body that nobody wants. */
  discard (bytes: Buffer): void {
    this.#received += bytes.length
    if (this.#received > MAX_BODY) this.end()
  }

  /** There is nothing more to say or to hear. */
  end (): void {
    if (this.#isOver) return
    this.stop()
    this.#ended(this.#verdict ?? { isHealthy: false, reason: 'no response' })
  }

  /** Closes the connection, and tells nobody. */
  stop (): void {
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#socket.destroy()
  }
}
