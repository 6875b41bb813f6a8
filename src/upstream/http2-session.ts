import { connect } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream, ClientSessionRequestOptions } from 'node:http2'
import type { Socket } from 'node:net'
import { outsideReads } from '../node/http2-reads.js'
import { isTerminated } from '../node/http2-termination.js'
import { MAX_RESPONSE_HEAD } from '../node/upstream-connection.js'
import type { Dialer } from './dial.js'
import type { Fields } from './http2-fields.js'

/** Streams that an upstream takes before it said how many, as nghttp2 assumes too (RFC 9113 section 6.5.2). */
export const ASSUMED_STREAMS = 100
/** Bytes that an upstream may send ahead on one stream: what a client that reads slowly keeps in memory at most. */
const STREAM_WINDOW = 262_144
/** Bytes under way on all streams together. Node acknowledges them as they come, whoever reads them. */
const SESSION_WINDOW = 4_194_304
/** Fields of a response's head, as Node's HTTP/1 client takes them. */
const MAX_FIELDS = 2_000
/** Milliseconds that an upstream has to respond to a ping. */
const PING_TIMEOUT = 5_000
/** Milliseconds that an upstream has to end its side of a session that is over. */
const LINGER = 5_000

export interface SessionOwner {
  /** A stream ended, or the upstream takes more of them. */
  roomIn (session: Session): void
  /** The connection is closed. */
  forget (session: Session): void
}

/** One connection to an upstream and the streams on it. */
export class Session {
  readonly openedAt = Date.now()
  idleSince = this.openedAt
  /** Requests that have a place on it. */
  streams = 0
  /** Requests that had one, ever. */
  used = 0
  /** Whether it came about, and HTTP/2 is spoken. */
  hasConnected = false
  /** The upstream did nothing with streams above it. */
  lastStreamId = Infinity
  readonly #owner: SessionOwner
  readonly #socket: Socket
  readonly #session: ClientHttp2Session
  #maxStreams = ASSUMED_STREAMS
  #isRetired = false
  #isEnding = false
  #ping: NodeJS.Timeout | undefined

  constructor (protocol: 'http' | 'https', dialer: Dialer, owner: SessionOwner) {
    this.#owner = owner
    const socket = dialer.dial()
    this.#socket = socket
    // The name is not used: each request has its :authority.
    const session = connect(`${protocol}://localhost`, {
      createConnection: () => socket,
      maxHeaderListPairs: MAX_FIELDS,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW, maxHeaderListSize: MAX_RESPONSE_HEAD }
    })
    this.#session = session
    session.once('connect', () => this.#connected())
    session.on('remoteSettings', ({ maxConcurrentStreams = ASSUMED_STREAMS }) => this.#allowed(maxConcurrentStreams))
    session.on('goaway', (_code: number, lastStreamId: number) => this.#sentAway(lastStreamId))
    // Its streams tell of it.
    session.on('error', () => {})
    session.once('close', () => this.#closed())
  }

  /** Whether it takes one more request. */
  get hasRoom (): boolean {
    return this.room > 0
  }

  /** Requests that it takes. */
  get room (): number {
    return this.isOver ? 0 : this.#maxStreams - this.streams
  }

  /** Whether it takes no more requests ever. */
  get isOver (): boolean {
    return this.#isRetired || this.#session.closed || this.#session.destroyed
  }

  /** Whether the connection was lost, and with it the streams that were on it. */
  get isLost (): boolean {
    return this.#session.destroyed
  }

  /** Sends a request's head. Every stream is given back by {@link release} when it is closed. */
  open (head: Fields, options: ClientSessionRequestOptions): ClientHttp2Stream {
    this.streams++
    this.used++
    return this.#session.request(head, options)
  }

  release (): void {
    this.streams--
    this.idleSince = Date.now()
    if (this.isOver && this.streams === 0) this.#end()
    else this.#owner.roomIn(this)
  }

  /**
   * Ends a session that the upstream has forfeited, by what is no frame of HTTP/2 for one: nothing is read or written on
   * it from then on, and Node 20 tells nobody. Called from time to time.
   */
  look (): void {
    if (this.isLost || isTerminated(this.#session)) this.#end()
  }

  /** Takes no more requests, and is closed when those on it have ended. */
  retire (): void {
    this.#isRetired = true
    if (this.streams === 0) this.#end()
  }

  /**
   * Asks for a sign of life after a request that got no response in time. A connection whose other end vanished
   * without a word would take all that come after it, too.
   */
  probe (): void {
    if (this.#ping !== undefined || this.#session.connecting || this.#session.destroyed) return
    this.#ping = setTimeout(() => this.#socket.destroy(lostConnection('no response to a ping')), PING_TIMEOUT).unref()
    this.#session.ping(() => this.#stopPing())
  }

  whenConnected (listener: () => void): void {
    if (this.hasConnected) listener()
    else this.#session.once('connect', listener)
  }

  #stopPing (): void {
    clearTimeout(this.#ping)
    this.#ping = undefined
  }

  #connected (): void {
    const error = withoutHttp2(this.#session)
    if (error === undefined) {
      this.hasConnected = true
      this.#session.setLocalWindowSize(SESSION_WINDOW)
    } else {
      this.#socket.destroy(error)
    }
  }

  #allowed (maxStreams: number): void {
    this.#maxStreams = maxStreams
    this.#owner.roomIn(this)
  }

  #sentAway (lastStreamId: number): void {
    this.lastStreamId = lastStreamId
    this.retire()
  }

  /** Node waits without end for an upstream that does not end its side. */
  #end (): void {
    if (this.#isEnding) return
    this.#isEnding = true
    this.#isRetired = true
    // From a stream's end or a GOAWAY.
    outsideReads(() => this.#session.destroy())
    const timer = setTimeout(() => this.#socket.destroy(), LINGER).unref()
    this.#session.once('close', () => clearTimeout(timer))
  }

  #closed (): void {
    this.#stopPing()
    this.#owner.forget(this)
  }
}

/** What is wrong with a session that is connected: under TLS the upstream may have chosen no HTTP/2. */
export function withoutHttp2 ({ alpnProtocol }: ClientHttp2Session): NodeJS.ErrnoException | undefined {
  if (alpnProtocol === 'h2' || alpnProtocol === 'h2c') return undefined
  return Object.assign(new Error('the upstream does not offer HTTP/2 (ALPN)'), { code: 'ERR_NO_HTTP2' })
}

/** Read as a lost connection by whoever reads socket errors. */
export function lostConnection (message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code: 'ECONNRESET' })
}
