import { Agent } from 'node:http'
import type { ClientRequest } from 'node:http'
import type { Socket } from 'node:net'
import { Dialer } from './dial.js'
import type { Endpoint } from './dial.js'

/** Whoever a connection is lent to. */
export interface Lessee {
  /** Milliseconds without a byte in either direction, waiting and connecting included, after which `onSilence` is called. */
  readonly timeout: number
  onSilence (): void
}

/** What `http.request` passes on to its agent beside its own options. */
export interface Lease {
  lessee: Lessee
  /** Asks for a new connection: the request was lost on a kept one. */
  fresh: boolean
}

export interface PoolLimits {
  /** Connections open at once. */
  readonly maxConnections: number
  /** Requests that wait for a connection; one more throws {@link QueueFullError}. */
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

/** As many connections as are allowed are in use, and as many requests as are allowed wait for one. */
export class QueueFullError extends Error {
  constructor ({ maxConnections, maxQueue }: PoolLimits) {
    super(`${maxConnections} connections are in use and ${maxQueue} requests wait`)
    this.name = 'QueueFullError'
  }
}

const kLoan = Symbol('loan')

/** A connection's state in the pool. */
interface Loan {
  readonly pool: Pool
  readonly bornAt: number
  /** `undefined` while the connection is idle. */
  lessee: Lessee | undefined
  /** Whether the service sent a byte since the connection was lent. */
  answered: boolean
  idleSince: number
}

/** What Node's client and net hang on a socket: the parser while an answer is read, the last request, libuv's handle. */
type Connection = Socket & {
  [kLoan]: Loan
  parser?: object | null
  _httpMessage?: ClientRequest | null
  _handle?: { asyncReset? (resource: object): void } | null
}

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
export class Pool extends Agent {
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
   * Called by `http.request`, which throws what this throws.
   *
   * @throws QueueFullError
   */
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
    for (const connection of this.#idle) connection.destroy()
    this.#idle.length = 0
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
    const loan: Loan = { pool: this, bornAt: Date.now(), lessee: undefined, answered: false, idleSince: 0 }
    const connection: Connection = Object.assign(this.#dialer.dial(), { [kLoan]: loan })
    this.#open.add(connection)
    connection.on('data', onData)
    connection.on('timeout', onTimeout)
    connection.on('error', onError)
    connection.on('free', onFree)
    connection.on('close', onClose)
    return connection
  }

  #wait (request: ClientRequest, lessee: Lessee, fresh: boolean): void {
    if (this.#waiting.size >= this.#limits.maxQueue) throw new QueueFullError(this.#limits)
    const timer = setTimeout(() => lessee.onSilence(), lessee.timeout)
    this.#waiting.set(request, { request, lessee, fresh, timer })
  }

  /** Takes a request out of the queue that is given up: Node's client tells nobody when it has no socket yet. */
  leave (request: ClientRequest): void {
    const waiting = this.#waiting.get(request)
    if (waiting === undefined) return
    clearTimeout(waiting.timer)
    this.#waiting.delete(request)
  }

  /** Gives the request that waited longest its connection; `false` leaves a kept one to the caller. */
  #serve (kept: Connection | undefined): boolean {
    const [first] = this.#waiting.values()
    if (first === undefined) return false
    this.leave(first.request)
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

function lend (connection: Connection, request: ClientRequest, lessee: Lessee): void {
  const loan = connection[kLoan]
  loan.lessee = lessee
  loan.answered = false
  // Kept as it is from loan to loan where it can be: arming it anew costs a timer, a write on the socket does not.
  if (connection.timeout !== lessee.timeout) connection.setTimeout(lessee.timeout)
  // What happens on the socket belongs to this request now, for AsyncLocalStorage and tracers, not to its first one.
  if (request.reusedSocket) connection._handle?.asyncReset?.(request)
  // Node's ClientRequest takes any socket here; @types/node declares the method for every stream.
  request.onSocket(connection)
}

/** Whether the service sent anything on the connection that this request has. */
export function wasAnswered (request: ClientRequest): boolean {
  const socket: (Socket & { [kLoan]?: Loan }) | null = request.socket
  return socket?.[kLoan]?.answered ?? false
}

/**
 * Node's client listens only while it reads an answer. What a service sends when nothing was asked would be
 * dropped or, worse, taken for the start of the next answer: another client's.
 */
function onData (this: Connection): void {
  if (this.parser == null) this.destroy()
  this[kLoan].answered = true
}

function onTimeout (this: Connection): void {
  this[kLoan].lessee?.onSilence()
}

/** Node listens for errors only while a request has the socket; 'close' follows in any case. */
function onError (): void {}

function onFree (this: Connection): void {
  this[kLoan].pool.giveBack(this)
}

function onClose (this: Connection): void {
  this[kLoan].pool.forget(this)
}
