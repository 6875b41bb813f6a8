import { Agent } from 'node:http'
import type { ClientRequest } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

/** Whoever a connection is lent to. */
export interface Lessee {
  /** Milliseconds without a byte in either direction, the connecting included, after which `onSilence` is called. */
  readonly timeout: number
  onSilence (): void
}

/** What `http.request` passes on to its agent beside its own options. */
export interface Lease {
  lessee: Lessee
  /** Asks for a new connection: the request was lost on a kept one. */
  fresh: boolean
}

export interface PoolOptions {
  protocol: 'http' | 'https'
  host: string
  port: number
}

/** Idle connections that are kept at most; one more replaces none and is closed. */
const MAX_IDLE = 256
/** Milliseconds that a connection is kept idle unless the service's Keep-Alive field says less. */
const MAX_IDLE_TIME = 30_000
/** How long before the service's own limit a kept connection is given up: its FIN may be on the way already. */
const HINT_MARGIN = 1_000
const SWEEP_INTERVAL = 1_000

const kLoan = Symbol('loan')

/** A connection's state in the pool. */
interface Loan {
  pool: Pool
  lessee: Lessee | undefined
  /** Whether the service sent a byte since the connection was lent. */
  answered: boolean
  idleSince: number
}

/** A socket with what Node's client hangs on it: the parser while an answer is read, and the last request. */
type Connection = Socket & { [kLoan]: Loan, parser?: object | null, _httpMessage?: ClientRequest | null }

/**
 * The connections to one target, as the agent that native `http.request` asks for a socket. Node's own Agent does
 * more (options per request, names, queues by host) and costs more than the request itself.
 *
 * Kept connections are used last in, first out, so that those not needed fall idle and are closed.
 */
export class Pool extends Agent {
  /** `http.request` compares it with the protocol asked for. */
  readonly protocol: string
  readonly #options: PoolOptions
  readonly #open = new Set<Connection>()
  readonly #idle: Connection[] = []
  #sweep: NodeJS.Timeout | undefined
  #idleTime = MAX_IDLE_TIME
  #hint: string | undefined
  #closed = false

  constructor (options: PoolOptions) {
    super({ keepAlive: true })
    this.protocol = `${options.protocol}:`
    this.#options = options
  }

  /** Called by `http.request`. */
  addRequest (request: ClientRequest, { lessee, fresh }: Lease): void {
    let connection = fresh ? undefined : this.#take()
    if (connection === undefined) connection = this.#connect()
    else request.reusedSocket = true
    const loan = connection[kLoan]
    loan.lessee = lessee
    loan.answered = false
    // Kept as it is from loan to loan where it can be: arming it anew costs a timer, a write on the socket does not.
    if (connection.timeout !== lessee.timeout) connection.setTimeout(lessee.timeout)
    // Node's ClientRequest takes any socket here; @types/node declares the method for every stream.
    request.onSocket(connection)
  }

  /** Learns from an answer's Keep-Alive field when the service closes idle connections. */
  keepAliveHint (value: string): void {
    if (value === this.#hint) return
    this.#hint = value
    const seconds = /timeout=(\d{1,6})/i.exec(value)?.[1]
    if (seconds === undefined) return
    const hinted = Number(seconds) * 1000
    this.#idleTime = Math.min(MAX_IDLE_TIME, Math.max(hinted - HINT_MARGIN, hinted / 2))
  }

  /** The number of open connections, those lent included. */
  get size (): number {
    return this.#open.size
  }

  /** Closes what is idle; what is lent is closed when it comes back. */
  close (): void {
    this.#closed = true
    clearInterval(this.#sweep)
    for (const connection of this.#idle) connection.destroy()
    this.#idle.length = 0
  }

  #take (): Connection | undefined {
    const latest = Date.now() - this.#idleTime
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
    const { protocol, host, port } = this.#options
    const socket = protocol === 'https'
      ? connectTls({ host, port, servername: serverName(host) })
      : connect({ host, port })
    socket.setNoDelay(true)
    const loan: Loan = { pool: this, lessee: undefined, answered: false, idleSince: 0 }
    const connection: Connection = Object.assign(socket, { [kLoan]: loan })
    this.#open.add(connection)
    connection.on('data', onData)
    connection.on('timeout', onTimeout)
    connection.on('error', onError)
    connection.on('free', onFree)
    connection.on('close', onClose)
    return connection
  }

  /** Takes a connection back whose exchange ended well. */
  giveBack (connection: Connection): void {
    connection[kLoan].lessee = undefined
    // As Node's own Agent does, so that the last request is not kept alive by an idle socket.
    connection._httpMessage = null
    if (this.#closed || !connection.writable || connection.connecting || this.#idle.length >= MAX_IDLE) {
      connection.destroy()
      return
    }
    connection[kLoan].idleSince = Date.now()
    this.#idle.push(connection)
    this.#sweep ??= setInterval(() => this.#closeExpired(), SWEEP_INTERVAL).unref()
  }

  forget (connection: Connection): void {
    this.#open.delete(connection)
    const at = this.#idle.indexOf(connection)
    if (at !== -1) this.#idle.splice(at, 1)
  }

  /** The oldest stand first. */
  #closeExpired (): void {
    const latest = Date.now() - this.#idleTime
    for (const connection of [...this.#idle]) {
      if (connection[kLoan].idleSince > latest) break
      connection.destroy()
    }
    if (this.#idle.length === 0) {
      clearInterval(this.#sweep)
      this.#sweep = undefined
    }
  }
}

/** Whether the service sent anything on the connection that this request has. */
export function wasAnswered (request: ClientRequest): boolean {
  const socket: (Socket & { [kLoan]?: Loan }) | null = request.socket
  return socket?.[kLoan]?.answered ?? false
}

/** An IP address is no server name (RFC 6066 section 3). */
function serverName (host: string): string {
  return /^[\d.]+$|:/.test(host) ? '' : host
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
