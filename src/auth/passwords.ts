/** What is used of bcrypt. */
export type Compare = (password: string, hash: string) => Promise<boolean>

/** Comparisons at once: each has a thread of Node's four, which files and names of hosts need as well. */
const MOST_AT_ONCE = 2

/** That wait for their turn. At 50 ms for each the last one waits for three seconds. */
const MOST_WAITING = 128

/** Compares passwords with their hashes, in threads beside the loop, and no more of them at once than those can bear. */
export class Passwords {
  readonly #compare: Compare
  readonly #waiting: Array<() => void> = []
  #running = 0

  constructor (compare: Compare) {
    this.#compare = compare
  }

  /** @returns `undefined` where too many wait */
  async match (password: string, hash: string): Promise<boolean | undefined> {
    if (this.#running >= MOST_AT_ONCE) {
      if (this.#waiting.length >= MOST_WAITING) return undefined
      await new Promise<void>(resolve => { this.#waiting.push(resolve) })
    } else {
      this.#running++
    }
    try {
      // The letter tells which program has made the hash; bcrypt itself knows one of its own.
      return await this.#compare(password, hash.replace(/^\$2[ay]/, '$2b'))
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next()
    }
  }
}
