import { promises } from 'node:dns'
import { isIP } from 'node:net'
import { ordered, placeOf, textOf } from './address.js'
import type { Address } from './address.js'
import { addressLookUp, serviceLookUp, systemLookUp } from './look-up.js'
import type { DnsResolver, Found, LookUp } from './look-up.js'

export interface DiscoveryOptions {
  /** A name; an address stands for itself, and is not looked up. */
  readonly host: string
  /** Of the addresses; with `srv`, each record has its own. */
  readonly port: number
  /** Absent: as the system does it. */
  readonly type?: 'a' | 'aaaa' | 'srv'
  /** Milliseconds from one look-up to the next at most; a shorter time to live counts. */
  readonly refresh: number
  /**
   * Milliseconds that a look-up may take.
   * @default 5000
   */
  readonly timeout?: number
  /**
   * Milliseconds from one look-up to the next at least.
   * @default 1000
   */
  readonly leastPause?: number
  /**
   * Makes what DNS is asked by, anew for each look-up: Node's reads once which servers there are, when it is made, and
   * would ask those for ever (nodejs/node#49485).
   * @default a resolver of Node's own
   */
  readonly resolver?: () => DnsResolver
}

/** Who is told what a name stands for. */
export interface DiscoveryListener {
  /** What it stands for has changed. */
  found (addresses: readonly Address[]): void
  /** A look-up failed; what was found before counts still. Told once until one succeeds. */
  failed (error: Error): void
  /** A look-up succeeded after one that failed; called before `found`. */
  recovered? (): void
}

/** Of a pause, either way: the gateways that were started together part. */
const JITTER = 0.1
const TIMEOUT = 5_000
const LEAST_PAUSE = 1_000

/** Keeps looking up what a name stands for. */
export class Discovery {
  readonly #options: DiscoveryOptions
  readonly #tell: DiscoveryListener
  readonly #lookUp: LookUp
  readonly #random: () => number
  /** What was found last, and for how many milliseconds that counts. */
  #known = ''
  #ttl = Infinity
  /** Look-ups that failed, in a row. */
  #failures = 0
  #giveUp: (() => void) | undefined
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor (options: DiscoveryOptions, tell: DiscoveryListener, random: () => number = Math.random) {
    this.#options = options
    this.#tell = tell
    this.#lookUp = lookUpOf(options)
    this.#random = random
  }

  /** Looks up at once and from now on. Resolves when the first look-up has come to its end, whichever way. */
  async start (): Promise<void> {
    const { host, port } = this.#options
    if (isIP(host) !== 0) {
      this.#tell.found([{ address: host, port, weight: 1, backup: false }])
      return
    }
    await this.#look()
    if (!this.#isClosed) this.#timer = setTimeout(() => this.start(), this.#pause()).unref()
  }

  /** Breaks off a look-up that is under way. */
  close (): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#giveUp?.()
  }

  async #look (): Promise<void> {
    const found = await this.#ask().catch(asError)
    if (this.#isClosed) return
    if (found instanceof Error) this.#failed(found)
    else if (found.addresses.length === 0) this.#failed(new Error(`no address of ${this.#options.host} was found`))
    else this.#succeeded(found)
  }

  #failed (error: Error): void {
    this.#failures++
    if (this.#failures === 1) this.#tell.failed(error)
  }

  #succeeded ({ addresses, ttl }: Found): void {
    if (this.#failures > 0) this.#tell.recovered?.()
    this.#failures = 0
    this.#ttl = ttl
    this.#learn(ordered(addresses, placeOf))
  }

  #learn (addresses: readonly Address[]): void {
    const found = textOf(addresses)
    if (found === this.#known) return
    this.#known = found
    this.#tell.found(addresses)
  }

  /** Milliseconds until the next look-up: soon after one that failed, and ever later. */
  #pause (): number {
    const { refresh, leastPause = LEAST_PAUSE } = this.#options
    const wanted = this.#failures === 0 ? this.#ttl : leastPause * 2 ** (this.#failures - 1)
    return Math.max(leastPause, Math.min(refresh, wanted) * (1 - JITTER + 2 * JITTER * this.#random()))
  }

  /** Bounds a look-up: Node's own bound is several tries of several seconds for each server. */
  async #ask (): Promise<Found> {
    const { host, timeout = TIMEOUT, resolver: makeResolver = nodeResolver } = this.#options
    const resolver = makeResolver()
    return await new Promise((resolve, reject) => {
      const giveUp = (): void => {
        reject(new Error(`the look-up of ${host} had no response within ${timeout} ms`))
        resolver.cancel()
      }
      const timer = setTimeout(giveUp, timeout).unref()
      this.#giveUp = giveUp
      this.#lookUp(resolver).then(resolve, reject).finally(() => {
        clearTimeout(timer)
        this.#giveUp = undefined
      })
    })
  }
}

function nodeResolver (): DnsResolver {
  return new promises.Resolver()
}

function lookUpOf ({ host, port, type }: DiscoveryOptions): LookUp {
  if (type === undefined) return systemLookUp(host, port)
  return type === 'srv' ? serviceLookUp(host) : addressLookUp(host, port, type)
}

function asError (thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
