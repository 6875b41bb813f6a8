import type { ClientKey, Headed } from './client-key.js'
import { GatewayError, rejectedBy } from './errors.js'

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
  /** Under which it is counted. */
  readonly client: string | undefined
}

export interface ConcurrencyLimits {
  /** Requests in progress of one connection that carries several; 0 sets no bound. */
  readonly perConnection: number
  /** Requests in progress of one client. */
  readonly perClient?: number | undefined
  /** Requests in progress of all. */
  readonly max?: number | undefined
  /** Under which a client is counted. */
  readonly keyOf: ClientKey
}

/**
 * Keeps an upstream's connections for all: bounds how many requests are in progress at once, of one connection of a
 * client's, where that carries several (HTTP/2), of one client, and of all.
 *
 * While an upstream has room a connection may have what its number allows. From half full on it may hold a share of
 * what is free alone, which shrinks as the upstream fills: who wants to take all of it needs far more connections than
 * streams alone would, and a client that has few requests is never rejected here.
 */
export class Concurrency {
  readonly #limits: ConcurrencyLimits
  readonly #connections = new WeakMap<object, number>()
  readonly #clients = new Map<string, number>()
  #inProgress = 0

  constructor (limits: ConcurrencyLimits) {
    this.#limits = limits
  }

  /**
   * @param connection where it carries several requests at once
   * @param ip of the client
   * @param upstream that the request is for
   * @returns what is to be given back by `leave`; the error where there is no room; `undefined` where nothing is counted
   */
  enter (connection: object | undefined, ip: string, request: Headed, upstream: Room): Slot | GatewayError | undefined {
    const { perConnection, perClient, max, keyOf } = this.#limits
    const counted = perConnection === 0 ? undefined : connection
    if (counted === undefined && perClient === undefined && max === undefined) return undefined
    const ofConnection = counted === undefined ? 0 : this.#connections.get(counted) ?? 0
    if (counted !== undefined && ofConnection >= mostFor(perConnection, upstream)) {
      return rejectedBy('concurrency', new GatewayError('SERVICE_UNAVAILABLE', 'Too many requests of this connection are in progress'))
    }
    const client = perClient === undefined ? undefined : keyOf(ip, request)
    const ofClient = client === undefined ? 0 : this.#clients.get(client) ?? 0
    if (perClient !== undefined && ofClient >= perClient) return rejectedBy('concurrency', new GatewayError('TOO_MANY_REQUESTS', 'Too many requests of this client are in progress'))
    if (max !== undefined && this.#inProgress >= max) return rejectedBy('concurrency', new GatewayError('SERVICE_UNAVAILABLE', 'Too many requests are in progress'))
    if (counted !== undefined) this.#connections.set(counted, ofConnection + 1)
    if (client !== undefined) this.#clients.set(client, ofClient + 1)
    this.#inProgress++
    return { connection: counted, client }
  }

  leave ({ connection, client }: Slot): void {
    this.#inProgress--
    if (connection !== undefined) this.#connections.set(connection, Number(this.#connections.get(connection)) - 1)
    if (client === undefined) return
    const held = Number(this.#clients.get(client)) - 1
    // Clients that are gone must not pile up.
    if (held === 0) this.#clients.delete(client)
    else this.#clients.set(client, held)
  }
}

function mostFor (perConnection: number, { free, capacity }: Room): number {
  return free * 2 > capacity ? perConnection : Math.min(perConnection, Math.max(LEAST, free * SHARE))
}
