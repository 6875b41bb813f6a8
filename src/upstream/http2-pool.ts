import { Dialer } from './dial.js'
import type { Endpoint } from './dial.js'
import { deliverBody, Http2Request } from './http2-request.js'
import { ASSUMED_STREAMS, Session } from './http2-session.js'
import type { SessionOwner } from './http2-session.js'
import { HTTP2_LIMITS, QueueFullError } from './pool.js'
import type { BodySink, Pool, PoolLimits, PoolRequest, Progress, UpstreamResponse } from './pool.js'

const SWEEP_INTERVAL = 1_000

/**
 * The sessions to one target that speaks HTTP/2. The first one that has room takes a request, so that those not
 * needed fall idle and are closed; a new one is made when all are full, and requests wait, first in, first out,
 * when there may be no more.
 */
export class Http2Pool implements Pool, SessionOwner {
  opened = 0
  reused = 0
  readonly #protocol: Endpoint['protocol']
  readonly #limits: PoolLimits
  readonly #dialer: Dialer
  readonly #sessions = new Set<Session>()
  readonly #waiting = new Map<Http2Request, NodeJS.Timeout>()
  #sweep: NodeJS.Timeout | undefined
  #closed = false

  constructor (endpoint: Endpoint, limits: PoolLimits = HTTP2_LIMITS) {
    this.#protocol = endpoint.protocol
    this.#dialer = new Dialer(endpoint)
    this.#limits = limits
  }

  /** @throws QueueFullError */
  request (options: PoolRequest): Http2Request {
    const request = new Http2Request(options)
    const session = this.#acquire()
    if (session === undefined) this.#wait(request, options)
    else request.begin(session)
    return request
  }

  deliver (response: UpstreamResponse, sink: BodySink): void {
    deliverBody(response, sink)
  }

  resume (response: UpstreamResponse): void {
    response.resume()
  }

  progressOf (request: Http2Request, error: NodeJS.ErrnoException): Progress {
    return request.progress(error)
  }

  drop (request: Http2Request): void {
    request.destroy()
    this.#leave(request)
  }

  /** There is no such field in HTTP/2. */
  learnKeepAlive (): void {}

  /** Open connections, those included that end. */
  get size (): number {
    return this.#sessions.size
  }

  /** As far as is known before a session has said how much it takes. */
  get capacity (): number {
    return this.#limits.maxConnections * ASSUMED_STREAMS
  }

  get free (): number {
    let free = (this.#limits.maxConnections - this.#sessions.size) * ASSUMED_STREAMS
    for (const { room } of this.#sessions) free += Math.max(0, room)
    return free
  }

  get idle (): number {
    let idle = 0
    for (const { streams } of this.#sessions) if (streams === 0) idle++
    return idle
  }

  get waiting (): number {
    return this.#waiting.size
  }

  close (): void {
    this.#closed = true
    for (const session of this.#sessions) session.retire()
  }

  roomIn (session: Session): void {
    if (this.#closed) session.retire()
    this.#serve()
  }

  forget (session: Session): void {
    this.#sessions.delete(session)
    if (this.#sessions.size === 0) {
      clearInterval(this.#sweep)
      this.#sweep = undefined
    }
    this.#serve()
  }

  #acquire (): Session | undefined {
    for (const session of this.#sessions) {
      if (!session.hasRoom) continue
      this.reused++
      return session
    }
    if (this.#sessions.size >= this.#limits.maxConnections) return undefined
    const session = new Session(this.#protocol, this.#dialer, this)
    this.#sessions.add(session)
    this.opened++
    this.#sweep ??= setInterval(() => this.#look(), SWEEP_INTERVAL).unref()
    return session
  }

  #wait (request: Http2Request, options: PoolRequest): void {
    if (this.#waiting.size >= this.#limits.maxQueue) throw new QueueFullError(this.#limits.maxConnections, this.#limits.maxQueue)
    const timer = setTimeout(() => { if (options.silent()) timer.refresh() }, options.timeout)
    this.#waiting.set(request, timer)
  }

  #leave (request: Http2Request): void {
    clearTimeout(this.#waiting.get(request))
    this.#waiting.delete(request)
  }

  #serve (): void {
    for (const request of this.#waiting.keys()) {
      const session = this.#acquire()
      if (session === undefined) return
      this.#leave(request)
      request.begin(session)
    }
  }

  /** Closes sessions that have expired, or are of no more use. */
  #look (): void {
    const now = Date.now()
    for (const session of this.#sessions) {
      session.look()
      const isIdle = session.streams === 0 && now - session.idleSince >= this.#limits.idleTimeout
      if (isIdle || now - session.openedAt >= this.#limits.maxLifetime) session.retire()
    }
  }
}
