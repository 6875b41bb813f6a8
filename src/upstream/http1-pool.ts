import { Agent } from 'node:http'
import type { ClientRequest } from 'node:http'
import { receiveBody } from '../node/parsed-body.js'
import { boundParser, forgetRequest, newRequest } from '../node/upstream-connection.js'
import { BoundConnections } from './bound-connections.js'
import { isOpen, kState, receive, stateOf, watch } from './connection.js'
import type { Connection, ConnectionOwner } from './connection.js'
import { Dialer } from './dial.js'
import type { Endpoint } from './dial.js'
import { HTTP1_LIMITS, QueueFullError } from './pool.js'
import type { BodySink, ClientConnection, Pool, PoolLimits, PoolRequest, Progress, UpstreamResponse } from './pool.js'

/** How long before the upstream's own limit a kept connection is given up: its FIN may be on the way already. */
const KEEP_ALIVE_MARGIN = 1_000
const SWEEP_INTERVAL = 1_000

interface Waiting {
  readonly options: PoolRequest
  readonly timer: NodeJS.Timeout
}

/**
 * The connections to one target that speaks HTTP/1, as the agent that native `http.request` asks for a socket. Node's
 * own Agent does more (options per request, names, queues by host) and costs more than the request itself.
 *
 * Kept connections are used last in, first out, so that those not needed fall idle and are closed; requests that
 * wait get theirs first in, first out.
 */
export class Http1Pool extends Agent implements Pool, ConnectionOwner {
  opened = 0
  reused = 0
  readonly #limits: PoolLimits
  readonly #dialer: Dialer
  readonly #open = new Set<Connection>()
  readonly #idle: Connection[] = []
  /** Released since the last end of a turn, and before it. */
  #resting: Connection[] = []
  #rested: Connection[] = []
  /** Made when there is the first of them. */
  #bound: BoundConnections | undefined
  readonly #waiting = new Map<ClientRequest, Waiting>()
  #sweep: NodeJS.Timeout | undefined
  #idleTimeout: number
  #keepAlive: string | undefined
  #closed = false
  /** Of the request that is being made: Node's constructor asks for its connection. */
  #wanted: PoolRequest | undefined

  constructor (endpoint: Endpoint, limits: PoolLimits = HTTP1_LIMITS) {
    super({ keepAlive: true })
    this.#dialer = new Dialer(endpoint)
    this.#limits = limits
    this.#idleTimeout = limits.idleTimeout
  }

  /**
   * @throws QueueFullError
   * @throws TypeError when Node's writer rejects the head
   */
  request (options: PoolRequest): ClientRequest {
    this.#wanted = options
    return newRequest(this, options.method, options.path, options.head)
  }

  /** Called by Node's `ClientRequest`, which throws what this throws. */
  addRequest (request: ClientRequest): void {
    const options = this.#wanted
    if (options === undefined) throw new TypeError('a pool makes its requests itself')
    this.#wanted = undefined
    boundParser(request)
    this.#connectTo(request, options)
  }

  reassign (request: ClientRequest, options: PoolRequest): void {
    request.reusedSocket = false
    try {
      this.#connectTo(request, options)
    } catch (error) {
      request.emit('error', error)
    }
  }

  /** @throws QueueFullError */
  #connectTo (request: ClientRequest, options: PoolRequest): void {
    const kept = options.fresh ? undefined : this.#acquireBound(options.client) ?? this.#acquire()
    if (kept !== undefined) this.#reuse(kept, request, options)
    else if (this.#open.size < this.#limits.maxConnections) this.#connect()[kState].assign(request, options)
    else this.#wait(request, options)
  }

  #acquireBound (client: ClientConnection | undefined): Connection | undefined {
    return client && this.#bound?.acquire(client)
  }

  #reuse (kept: Connection, request: ClientRequest, options: PoolRequest): void {
    this.reused++
    request.reusedSocket = true
    kept[kState].assign(request, options)
  }

  /** The response belongs to the request that is on its connection. */
  deliver (response: UpstreamResponse, sink: BodySink): void {
    const { socket } = response
    if (isOurs(socket)) socket[kState].sink = sink
    receiveBody(response, sink)
  }

  resume ({ socket }: UpstreamResponse): void {
    // `null` once the response has ended.
    socket?.resume()
  }

  /**
   * An upstream may close a kept connection at the very moment that a request is sent on it: nothing came back, so
   * nothing was done, as far as that can be told.
   */
  progressOf (request: ClientRequest, { code }: NodeJS.ErrnoException): Progress {
    const state = stateOf(request)
    if (state?.isEstablished !== true) return 'unconnected'
    return request.reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE') && !state.hasResponded ? 'lost' : 'sent'
  }

  /** Node's client tells nobody of a request that is given up before it has a socket. */
  drop (request: ClientRequest): void {
    request.destroy()
    if (this.#waiting.size > 0) this.#leave(request)
  }

  /** Learns from a response's Keep-Alive field when the upstream closes idle connections. */
  learnKeepAlive (value: string): void {
    if (value === this.#keepAlive) return
    this.#keepAlive = value
    const seconds = /timeout=(\d{1,6})/i.exec(value)?.[1]
    if (seconds === undefined) return
    const hinted = Number(seconds) * 1000
    this.#idleTimeout = Math.min(this.#limits.idleTimeout, Math.max(hinted - KEEP_ALIVE_MARGIN, hinted / 2))
  }

  /** Open connections, those in use included. */
  get size (): number {
    return this.#open.size
  }

  get idle (): number {
    return this.#idle.length + this.#resting.length + this.#rested.length
  }

  get capacity (): number {
    return this.#limits.maxConnections
  }

  get free (): number {
    return this.#limits.maxConnections - this.#open.size + this.#idle.length
  }

  get waiting (): number {
    return this.#waiting.size
  }

  /** Closes what is idle; what is in use is closed when it is released. */
  close (): void {
    this.#closed = true
    clearInterval(this.#sweep)
    for (const connection of this.#idle.splice(0)) connection.destroy()
    this.#bound?.closeExpired(Infinity)
  }

  /**
   * Takes a connection back whose response ended well. It rests for one whole turn of the event loop: a service that
   * closes after its response without saying so has often done so by now, and its FIN is read with the next poll. A
   * request that was sent on the connection before would be lost.
   */
  release (connection: Connection): void {
    const state = connection[kState]
    // Idle already: from here it could be acquired twice.
    if (state.holder === undefined) return
    state.holder = undefined
    state.sink = undefined
    forgetRequest(connection)
    const now = Date.now()
    const isUsable = connection.writable && !connection.connecting && now - state.openedAt < this.#limits.maxLifetime
    if (this.#closed || !isUsable) {
      connection.destroy()
      return
    }
    state.idleSince = now
    if (state.client !== undefined) {
      this.#keepBound(connection, state.client)
      return
    }
    this.#resting.push(connection)
    if (this.#resting.length + this.#rested.length === 1) setImmediate(endTurn, this)
  }

  /** At once: the next message of a handshake may be in the next poll. */
  #keepBound (connection: Connection, client: ClientConnection): void {
    if (this.#waiting.size > 0) {
      connection.destroy()
      return
    }
    this.#bound ??= new BoundConnections()
    this.#bound.keep(connection, client)
    this.#startSweep()
  }

  /** What was released before the last poll has rested. */
  endTurn (): void {
    const rested = this.#rested
    this.#rested = this.#resting
    this.#resting = []
    if (this.#rested.length > 0) setImmediate(endTurn, this)
    for (const connection of rested) this.#keep(connection)
  }

  #keep (connection: Connection): void {
    if (this.#closed || !isOpen(connection)) {
      connection.destroy()
      return
    }
    if (this.#waiting.size > 0 && this.#serve(connection)) return
    this.#idle.push(connection)
    this.#startSweep()
  }

  #startSweep (): void {
    this.#sweep ??= setInterval(() => this.#closeExpired(), SWEEP_INTERVAL).unref()
  }

  /** A connection is closed: whoever waits may have a new one. */
  forget (connection: Connection): void {
    this.#open.delete(connection)
    const at = this.#idle.lastIndexOf(connection)
    if (at !== -1) this.#idle.splice(at, 1)
    this.#bound?.forget(connection)
    if (this.#waiting.size > 0) this.#serve(undefined)
  }

  #acquire (): Connection | undefined {
    const latest = Date.now() - this.#idleTimeout
    let connection = this.#idle.pop()
    while (connection !== undefined) {
      if (isOpen(connection) && connection[kState].idleSince > latest) return connection
      connection.destroy()
      connection = this.#idle.pop()
    }
    return undefined
  }

  #connect (): Connection {
    const connection: Connection = watch(this.#dialer.dial(bytes => receive(connection, bytes)), this.#dialer.connected, this)
    this.#open.add(connection)
    this.opened++
    return connection
  }

  #wait (request: ClientRequest, options: PoolRequest): void {
    // A connection that rests is there for one of them within a turn.
    const room = this.#limits.maxQueue + this.#resting.length + this.#rested.length
    if (this.#waiting.size >= room) throw new QueueFullError(this.#limits.maxConnections, this.#limits.maxQueue)
    const timer = setTimeout(() => { if (options.silent()) timer.refresh() }, options.timeout)
    this.#waiting.set(request, { options, timer })
    this.#bound?.closeOldest()
  }

  #leave (request: ClientRequest): void {
    const waiting = this.#waiting.get(request)
    if (waiting === undefined) return
    clearTimeout(waiting.timer)
    this.#waiting.delete(request)
  }

  /** Gives the request that waited longest its connection; `false` leaves a kept one to the caller. */
  #serve (kept: Connection | undefined): boolean {
    const [first] = this.#waiting
    if (first === undefined) return false
    const [request, { options }] = first
    this.#leave(request)
    if (kept !== undefined && !options.fresh) {
      this.#reuse(kept, request, options)
    } else {
      kept?.destroy()
      this.#connect()[kState].assign(request, options)
    }
    return true
  }

  /** The oldest stand first. */
  #closeExpired (): void {
    const latest = Date.now() - this.#idleTimeout
    const firstToStay = this.#idle.findIndex(connection => connection[kState].idleSince > latest)
    const expired = this.#idle.splice(0, firstToStay === -1 ? this.#idle.length : firstToStay)
    for (const connection of expired) connection.destroy()
    this.#bound?.closeExpired(latest)
    if (this.#idle.length === 0 && this.#bound?.isEmpty !== false) {
      clearInterval(this.#sweep)
      this.#sweep = undefined
    }
  }
}

function endTurn (pool: Http1Pool): void {
  pool.endTurn()
}

function isOurs (socket: object | null | undefined): socket is Connection {
  return socket != null && kState in socket
}
