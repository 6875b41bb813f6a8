import type { Identity } from '../proxy/identity.js'

/** Credentials of one method that are remembered. With one more, the oldest are forgotten. */
const MOST = 1_000

interface Known {
  readonly identity: Identity
  readonly version: number
  readonly until: number
}

/** Whose credentials were verified lately, by their digests: what takes a millisecond, or a hundred, is not done for each request. */
export class Verified {
  readonly #known = new Map<string, Known>()

  /** @param version of what they are verified by: after a change nothing counts that was verified before */
  find (digest: string, version: number): Identity | undefined {
    const known = this.#known.get(digest)
    if (known === undefined) return undefined
    if (known.version === version && Date.now() < known.until) return known.identity
    this.#known.delete(digest)
    return undefined
  }

  /** @param until milliseconds of the epoch */
  add (digest: string, version: number, until: number, identity: Identity): void {
    if (this.#known.size >= MOST) {
      const [oldest] = this.#known.keys()
      if (oldest !== undefined) this.#known.delete(oldest)
    }
    this.#known.set(digest, { identity, version, until })
  }
}
