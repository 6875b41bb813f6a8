/** Numbers that look random and are always the same for the same seeds (xorshift, 32 bits). */
export class Random {
  #state = 0x9e3779b9

  constructor (...seeds: number[]) {
    for (const seed of seeds) {
      this.#state = Math.imul(this.#state ^ seed, 0x85ebca6b) || 1
      this.#next()
      this.#next()
    }
  }

  #next (): number {
    let state = this.#state
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    this.#state = state
    return state >>> 0
  }

  /** A whole number from 0 to `limit - 1`. */
  below (limit: number): number {
    return this.#next() % limit
  }

  chance (probability: number): boolean {
    return this.#next() < probability * 0x100000000
  }

  /** @throws RangeError for an empty list */
  pick<T> (list: readonly T[]): T {
    const item = list[this.below(list.length)]
    if (item === undefined) throw new RangeError('nothing to choose from')
    return item
  }

  /** Bytes of any value, as latin-1. */
  bytes (length: number): string {
    let text = ''
    while (text.length < length) text += String.fromCharCode(this.below(256))
    return text
  }

  text (alphabet: string, length: number): string {
    let text = ''
    while (text.length < length) text += alphabet.charAt(this.below(alphabet.length))
    return text
  }
}
