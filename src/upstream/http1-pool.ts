import { Agent, ClientRequest } from 'node:http'
import type { RequestOptions } from 'node:http'
import { adopt, kLoan, lend, receive, wasAnswered } from './connection.js'
import type { Connection, Loan } from './connection.js'
import { Dialer } from './dial.js'
import type { Endpoint } from './dial.js'
import { QueueFullError } from './request.js'
import type { Connections, Lessee, Order } from './request.js'

export interface PoolLimits {
  /** Connections open at once. */
  readonly maxConnections: number
  /** Requests that wait for a connection; one more throws QueueFullError. */
  readonly maxQueue: number
  /** Milliseconds that a connection is kept idle, unless the service's Keep-Alive field says less. */
  readonly idleTimeout: number
  /** Milliseconds after which a connection is not used again, so that a name that moved is looked up anew. */
  readonly maxLifetime: number
}

export const DEFAULT_LIMITS: PoolLimits = { maxConnections: 4096, maxQueue: 1024, idleTimeout: 30_000, maxLifetime: 600_000 }

/** How long before the service's own limit a kept connection is given up: its FIN may be on the way already. */
const HINT_MARGIN = 1_000
const SWEEP_INTERVAL = 1_000
/** Bytes of an answer's head. */
const MAX_ANSWER_HEAD = 65_536

/** What `http.request` passes on to its agent beside its own options. */
export type Lease = Pick<Order, 'lessee' | 'fresh'>

interface Waiting extends Lease {
  readonly request: ClientRequest
  readonly timer: NodeJS.Timeout
}

/**
 * The connections to one target, as the agent that native `http.request` asks for a socket. Node's own Agent does
 * more (options per request, names, queues by host) and costs more than the request itself.
 *
 * Kept connections are used last in, first out, so that those not needed fall idle and are closed; requests that
 * wait get theirs first in, first out.
 */
export class Pool extends Agent implements Connections {
  /** `http.request` compares it with the protocol asked for. */
  readonly protocol: string
  readonly #limits: PoolLimits
  readonly #dialer: Dialer
  readonly #open = new Set<Connection>()
  readonly #idle: Connection[] = []
  readonly #waiting = new Map<ClientRequest, Waiting>()
  #sweep: NodeJS.Timeout | undefined
  #idleTimeout: number
  #hint: string | undefined
  #closed = false

  constructor (endpoint: Endpoint, limits: PoolLimits = DEFAULT_LIMITS) {
    super({ keepAlive: true })
    this.protocol = `${endpoint.protocol}:`
    this.#dialer = new Dialer(endpoint)
    this.#limits = limits
    this.#idleTimeout = limits.idleTimeout
  }

  /**
   * `http.request` itself: the function only makes this object.
   *
   * @throws QueueFullError
   * @throws TypeError when Node's writer refuses the head
   */
  request ({ method, path, head, lessee, fresh }: Order): ClientRequest {
    const options: RequestOptions & Lease = {
      agent: this, protocol: this.protocol, method, path, headers: head, maxHeaderSize: MAX_ANSWER_HEAD, insecureHTTPParser: false, lessee, fresh
    }
    return new ClientRequest(options)
  }

  /**
   * A service may close a kept connection at the very moment that a request is sent on it: nothing came back, so
   * nothing was done, as far as that can be told.
   */
  wasUntouched (request: ClientRequest, { code }: NodeJS.ErrnoException): boolean {
    return request.reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE') && !wasAnswered(request)
  }

  /** Node's client tells nobody of a request that is given up before it has a socket. */
  drop (request: ClientRequest): void {
    request.destroy()
    if (this.#waiting.size > 0) this.#leave(request)
  }

  /** Called by Node's `ClientRequest`, which throws what this throws. */
  addRequest (request: ClientRequest, { lessee, fresh }: Lease): void {
    const kept = fresh ? undefined : this.#take()
    if (kept !== undefined) {
      request.reusedSocket = true
      lend(kept, request, lessee)
    } else if (this.#open.size < this.#limits.maxConnections) {
      lend(this.#connect(), request, lessee)
    } else {
      this.#wait(request, lessee, fresh)
    }
  }

  /** Learns from an answer's Keep-Alive field when the service closes idle connections. */
  keepAliveHint (value: string): void {
    if (value === this.#hint) return
    this.#hint = value
    const seconds = /timeout=(\d{1,6})/i.exec(value)?.[1]
    if (seconds === undefined) return
    const hinted = Number(seconds) * 1000
    this.#idleTimeout = Math.min(this.#limits.idleTimeout, Math.max(hinted - HINT_MARGIN, hinted / 2))
  }

  /** Open connections, those lent included. */
  get size (): number {
    return this.#open.size
  }

  get idle (): number {
    return this.#idle.length
  }

  get waiting (): number {
    return this.#waiting.size
  }

  /** Closes what is idle; what is lent is closed when it comes back. */
  close (): void {
    this.#closed = true
    clearInterval(this.#sweep)
    for (const connection of this.#idle.splice(0)) connection.destroy()
  }

  /** Takes a connection back whose exchange ended well. */
  giveBack (connection: Connection): void {
    const loan = connection[kLoan]
    // Idle already: lent from here it could be lent twice.
    if (loan.lessee === undefined) return
    loan.lessee = undefined
    // As Node's own Agent does, so that the last request is not kept alive by an idle socket.
    connection._httpMessage = null
    const now = Date.now()
    const isUsable = connection.writable && !connection.connecting && now - loan.bornAt < this.#limits.maxLifetime
    if (this.#closed || !isUsable) {
      connection.destroy()
      return
    }
    if (this.#waiting.size > 0 && this.#serve(connection)) return
    loan.idleSince = now
    this.#idle.push(connection)
    this.#sweep ??= setInterval(() => this.#closeExpired(), SWEEP_INTERVAL).unref()
  }

  /** A connection is closed: whoever waits may have a new one. */
  forget (connection: Connection): void {
    this.#open.delete(connection)
    const at = this.#idle.lastIndexOf(connection)
    if (at !== -1) this.#idle.splice(at, 1)
    if (this.#waiting.size > 0) this.#serve(undefined)
  }

  #take (): Connection | undefined {
    const latest = Date.now() - this.#idleTimeout
    let connection = this.#idle.pop()
    while (connection !== undefined) {
      // A FIN that has arrived leaves the socket unwritable some ticks before it is closed.
      if (connection.writable && connection.readable && connection[kLoan].idleSince > latest) return connection
      connection.destroy()
      connection = this.#idle.pop()
    }
    return undefined
  }

  #connect (): Connection {
    const loan: Loan = { pool: this, bornAt: Date.now(), lessee: undefined, answered: false, idleSince: 0, isGiven: false }
    const connection: Connection = adopt(this.#dialer.dial(bytes => receive(connection, bytes)), loan)
    this.#open.add(connection)
    return connection
  }

  #wait (request: ClientRequest, lessee: Lessee, fresh: boolean): void {
    if (this.#waiting.size >= this.#limits.maxQueue) throw new QueueFullError(this.#limits.maxConnections, this.#limits.maxQueue)
    const timer = setTimeout(() => { if (lessee.onSilence()) timer.refresh() }, lessee.timeout)
    this.#waiting.set(request, { request, lessee, fresh, timer })
  }

  #leave (request: ClientRequest): void {
    const waiting = this.#waiting.get(request)
    if (waiting === undefined) return
    clearTimeout(waiting.timer)
    this.#waiting.delete(request)
  }

  /** Gives the request that waited longest its connection; `false` leaves a kept one to the caller. */
  #serve (kept: Connection | undefined): boolean {
    const [first] = this.#waiting.values()
    if (first === undefined) return false
    this.#leave(first.request)
    if (kept !== undefined && !first.fresh) {
      first.request.reusedSocket = true
      lend(kept, first.request, first.lessee)
      return true
    }
    kept?.destroy()
    lend(this.#connect(), first.request, first.lessee)
    return true
  }

  /** The oldest stand first. */
  #closeExpired (): void {
    const latest = Date.now() - this.#idleTimeout
    const firstToStay = this.#idle.findIndex(connection => connection[kLoan].idleSince > latest)
    const expired = this.#idle.splice(0, firstToStay === -1 ? this.#idle.length : firstToStay)
    for (const connection of expired) connection.destroy()
    if (this.#idle.length === 0) {
      clearInterval(this.#sweep)
      this.#sweep = undefined
    }
  }
}
