import type { BodySink } from '../upstream/pool.js'

/** Bytes of a body that are read and thrown away. With more, a new connection is cheaper. */
const MOST = 65_536

/** Takes a body that nobody wants, so that its connection can carry the next request. */
export class Discard implements BodySink {
  readonly #attempt: { drop (): void }
  #left = MOST

  constructor (attempt: { drop (): void }) {
    this.#attempt = attempt
  }

  write (chunk: Buffer): boolean {
    this.#left -= chunk.length
    if (this.#left < 0) this.#attempt.drop()
    return true
  }

  flush (): void {}

  end (): void {}

  fail (): void {}
}
