import { createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { algorithmsOf } from '../config/index.js'
import { fetchText } from './fetch-text.js'
import type { Log } from './log.js'

/** Milliseconds of which keys are so old that they are looked for again; who waits for no new one, does not wait. */
const MAX_AGE = 300_000
/** Milliseconds from one look for a key that is not known to the next: tokens that name made-up keys cost no more than that. */
const COOLDOWN = 10_000
/** As long as there are no keys at all. */
const COOLDOWN_WITHOUT_KEYS = 1_000
/** Of all keys in one set. */
const MOST_KEYS = 100

const AWAY = 'the keys of tokens cannot be fetched'
const BACK = 'the keys of tokens can be fetched again'

/** What a token says of its key. */
export interface TokenHeader {
  readonly alg?: string
  readonly kid?: string
}

/** What tokens are verified by. */
export interface TokenKeys {
  /** Another one whenever keys have changed. */
  readonly version: number
  /** `undefined` where there is no such key, `'away'` where nobody knows. */
  keyFor (header: TokenHeader): Key | Promise<Key>
  start? (): void
  close? (): void
}

export type Key = KeyObject | Uint8Array | undefined | 'away'

interface PublicKey {
  readonly id: string | undefined
  readonly algorithms: readonly string[]
  readonly key: KeyObject
}

export interface JwksTimes {
  readonly maxAge: number
  readonly cooldown: number
}

/**
 * The keys of an issuer, at an address (RFC 7517). They are fetched when they are needed, by one request for all who
 * wait, and kept however long the address does not respond, or not with keys.
 */
export class Jwks implements TokenKeys {
  version = 0
  readonly #url: string
  readonly #log: Log
  readonly #times: JwksTimes
  #keys: readonly PublicKey[] = []
  /** That the keys were read of. */
  #text = ''
  #fetchedAt = -Infinity
  #askedAt = -Infinity
  #pending: Promise<void> | undefined
  #isAway = false

  constructor (url: string, log: Log, times: JwksTimes = { maxAge: MAX_AGE, cooldown: COOLDOWN }) {
    this.#url = url
    this.#log = log
    this.#times = times
  }

  start (): void {
    this.#renew()
  }

  keyFor (header: TokenHeader): Key | Promise<Key> {
    const known = choose(this.#keys, header)
    const now = performance.now()
    const hasKeys = this.#keys.length > 0
    const mayAsk = now - this.#askedAt >= (hasKeys ? this.#times.cooldown : Math.min(this.#times.cooldown, COOLDOWN_WITHOUT_KEYS))
    if (known !== undefined) {
      if (mayAsk && now - this.#fetchedAt >= this.#times.maxAge) this.#renew()
      return known
    }
    if (this.#pending === undefined && !mayAsk) return this.#missing
    return this.#renew().then(() => choose(this.#keys, header) ?? this.#missing)
  }

  /** Where there are no keys nobody knows whether a token is good. */
  get #missing (): Key {
    return this.#keys.length === 0 ? 'away' : undefined
  }

  /** One look for all who wait. Never fails. */
  async #renew (): Promise<void> {
    this.#pending ??= this.#fetch()
    await this.#pending
  }

  async #fetch (): Promise<void> {
    this.#askedAt = performance.now()
    try {
      const text = await fetchText(this.#url)
      // A set that says the same changes nothing, nor what was verified by it.
      if (text !== this.#text) {
        this.#keys = readKeys(text)
        this.#text = text
        this.version++
      }
      this.#fetchedAt = performance.now()
      if (this.#isAway) this.#log.info({ url: this.#url }, BACK)
      this.#isAway = false
    } catch (error) {
      if (!this.#isAway) this.#log.warn({ url: this.#url, cause: String(error) }, AWAY)
      this.#isAway = true
    } finally {
      this.#pending = undefined
    }
  }
}

/**
 * Of the keys for the algorithm the one that the token names. Of one that names none, or where the set has no names, it is
 * the only one for the algorithm.
 */
function choose (keys: readonly PublicKey[], { alg = '', kid }: TokenHeader): KeyObject | undefined {
  const fitting = keys.filter(({ algorithms }) => algorithms.includes(alg))
  const named = kid === undefined ? [] : fitting.filter(({ id }) => id === kid)
  const candidates = kid === undefined ? fitting : named.length > 0 ? named : fitting.filter(({ id }) => id === undefined)
  return candidates.length === 1 ? candidates[0]?.key : undefined
}

/** @throws Error for what is no set of keys, or one without a key that may verify a signature */
function readKeys (text: string): PublicKey[] {
  const set = parse(text)
  const given: unknown = typeof set === 'object' && set !== null && 'keys' in set ? set.keys : undefined
  if (!Array.isArray(given) || given.length > MOST_KEYS) throw new Error('the response has no set of keys')
  const keys = given.flatMap(readKey)
  if (keys.length === 0) throw new Error('the response has no key that may be used')
  return keys
}

/** What JSON.parse says has a piece of the text. */
function parse (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error('the response is not JSON')
  }
}

/** A key of a kind that is not known here is no reason to reject the others (RFC 7517 section 5). */
function readKey (jwk: unknown): PublicKey[] {
  if (typeof jwk !== 'object' || jwk === null) return []
  const { kid, alg, use = 'sig', key_ops: operations = ['verify'] }: Record<string, unknown> = { ...jwk }
  if (use !== 'sig' || !Array.isArray(operations) || !operations.includes('verify')) return []
  const key = publicKeyOf(jwk)
  const algorithms = key === undefined ? [] : algorithmsOf(key).filter(algorithm => alg === undefined || alg === algorithm)
  return key === undefined || algorithms.length === 0 ? [] : [{ id: typeof kid === 'string' ? kid : undefined, algorithms, key }]
}

/** A shared secret (`oct`) is no public key: that would be one which everybody has. */
function publicKeyOf (jwk: object): KeyObject | undefined {
  try {
    return createPublicKey({ key: { ...jwk }, format: 'jwk' })
  } catch {
    return undefined
  }
}
