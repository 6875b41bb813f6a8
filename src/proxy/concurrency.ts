import { GatewayError } from './errors.js'

/** Seconds after which a client may try again. */
export const RETRY_AFTER = '1'

/** Of an upstream that is more than half full: the part of what is free that one connection of a client's may hold, */
const SHARE = 1 / 32

/** and how many it may hold in any case. */
const LEAST = 8

/** Requests that an upstream takes at once. */
export interface Room {
  readonly free: number
  readonly capacity: number
}

/** What an exchange holds while it is under way. */
export interface Slot {
  /** That carries several requests at once. */
  readonly connection: object | undefined
  /** Where it is counted. */
  readonly address: string | undefined
}

/**
 * Keeps an upstream's connections for all: bounds how many requests of one client are in progress at once, by its
 * connection, where that carries several (HTTP/2), and by its address.
 *
 * While an upstream has room a connection may have what its number allows. From half full on it may hold a share of
 * what is free alone, which shrinks as the upstream fills: who wants to take all of it needs far more connections than
 * streams alone would, and a client that has few requests is never rejected here.
 */
export class Concurrency {
  readonly #perConnection: number
  readonly #perClient: number
  readonly #connections = new WeakMap<object, number>()
  readonly #addresses = new Map<string, number>()

  /**
   * @param perConnection 0 sets no bound
   * @param perClient by address; 0 sets no bound
   */
  constructor (perConnection: number, perClient: number) {
    this.#perConnection = perConnection
    this.#perClient = perClient
  }

  /**
   * @param connection where it carries several requests at once
   * @param upstream that the request is for
   * @returns what is to be given back by `leave`; the error where there is no room; `undefined` where nothing is counted
   */
  enter (connection: object | undefined, address: string, upstream: Room): Slot | GatewayError | undefined {
    const counted = this.#perConnection === 0 ? undefined : connection
    if (counted === undefined && this.#perClient === 0) return undefined
    if (counted !== undefined) {
      const held = this.#connections.get(counted) ?? 0
      if (held >= this.#mostFor(upstream)) return new GatewayError('SERVICE_UNAVAILABLE', 'Too many requests of this connection are in progress')
      this.#connections.set(counted, held + 1)
    }
    if (this.#perClient === 0) return { connection: counted, address: undefined }
    const held = this.#addresses.get(address) ?? 0
    if (held >= this.#perClient) {
      this.leave({ connection: counted, address: undefined })
      return new GatewayError('TOO_MANY_REQUESTS', 'Too many requests of this client are in progress')
    }
    this.#addresses.set(address, held + 1)
    return { connection: counted, address }
  }

  #mostFor ({ free, capacity }: Room): number {
    return free * 2 > capacity ? this.#perConnection : Math.min(this.#perConnection, Math.max(LEAST, free * SHARE))
  }

  leave ({ connection, address }: Slot): void {
    if (connection !== undefined) this.#connections.set(connection, Number(this.#connections.get(connection)) - 1)
    if (address === undefined) return
    const held = Number(this.#addresses.get(address)) - 1
    // Addresses that are gone must not pile up.
    if (held === 0) this.#addresses.delete(address)
    else this.#addresses.set(address, held)
  }
}
