import { constants } from 'node:http2'
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { hasUnsent, isTerminated } from '../node/http2-termination.js'
import type { Limits } from './limits.js'

/** Milliseconds between two looks at a session. */
export const LOOK_INTERVAL = 250

/** Milliseconds that a client has to read why its session was ended, or that it will be. */
const LAST_MOMENT = 500

/** Frames between two looks that ask for nothing: SETTINGS, PING, PRIORITY. Each gets a response or is parsed for nothing. */
const MAX_CONTROL_FRAMES = 500

/** Streams that Node refused without a word to anybody: each had a head beyond all bounds, or was malformed. */
const MAX_REFUSED_STREAMS = 100

/** Looks at a session that has no more streams: as many in a row that find frames unsent tell that they never will be. */
const LOOKS = 3

/** The number that no stream exceeds. */
const LAST_STREAM = 2 ** 31 - 1

/** Bounds what Node leaves unbounded: silence, the number of requests, and the wait for a client that does not hang up. */
export class BoundSession {
  readonly #session: ServerHttp2Session
  readonly #socket: Socket
  readonly #limits: Limits
  readonly #streams = new Set<ServerHttp2Stream>()
  #requests = 0
  #controlFrames = 0
  #looks = 0
  #bytesRead = 0
  #announced = false

  constructor (session: ServerHttp2Session, socket: Socket, limits: Limits) {
    this.#session = session
    this.#socket = socket
    this.#limits = limits
    session.setTimeout(limits.headersTimeout)
    session.on('stream', stream => this.#begin(stream))
    session.on('timeout', () => this.#onTimeout())
    const count = (): void => { this.#controlFrames++ }
    session.on('remoteSettings', count)
    session.on('ping', count)
    session.on('priority', count)
    // What Node itself ends it for; it would wait for the other end of the socket.
    session.on('error', () => this.#end())
  }

  /** Called every `LOOK_INTERVAL`. Ends a session that its client has forfeited. */
  look (): void {
    if (this.#controlFrames > MAX_CONTROL_FRAMES || isTerminated(this.#session) || this.#refusedTooMany()) this.#end()
    this.#controlFrames = 0
    if (this.#looks > 0) this.#lookForLife()
  }

  /** Tells the client that the session will be closed; what it has sent until it hears of it is taken still (RFC 9113 section 6.8). */
  announceClose (): void {
    if (this.#session.destroyed) return
    this.#session.goaway(constants.NGHTTP2_NO_ERROR, LAST_STREAM)
    this.#announced = true
  }

  /** Tells the client to take its next requests elsewhere, and lets those under way end. */
  close (): void {
    if (this.#announced) {
      this.#announced = false
      setTimeout(() => this.close(), LAST_MOMENT).unref()
      return
    }
    this.#session.close()
    if (this.#streams.size === 0) this.#linger()
  }

  /** A client numbers its streams 1, 3, 5 and so on (RFC 9113 section 5.1.1). Heads that grow by decompression are seen here alone. */
  #refusedTooMany (): boolean {
    const { bytesRead } = this.#socket
    if (this.#session.destroyed || bytesRead === this.#bytesRead) return false
    this.#bytesRead = bytesRead
    const begun = (Number(this.#session.state.lastProcStreamID) + 1) / 2
    return begun - this.#requests > MAX_REFUSED_STREAMS
  }

  #begin (stream: ServerHttp2Stream): void {
    this.#streams.add(stream)
    stream.once('close', () => this.#onStreamClose(stream))
    this.#looks = 0
    this.#requests++
    if (this.#requests === 1) this.#session.setTimeout(this.#limits.keepAliveTimeout)
    if (this.#requests === this.#limits.maxRequestsPerSocket) this.close()
  }

  #onStreamClose (stream: ServerHttp2Stream): void {
    this.#streams.delete(stream)
    if (this.#streams.size > 0) return
    this.#looks = LOOKS
    if (this.#session.closed) this.#linger()
  }

  #onTimeout (): void {
    // An exchange may be silent for longer: its route says how long.
    if (this.#hasOpenStream()) this.#session.setTimeout(this.#limits.keepAliveTimeout)
    else this.#end()
  }

  /** A stream that is over here stays among them when its last frame cannot leave: the client does not read. */
  #hasOpenStream (): boolean {
    for (const stream of this.#streams) {
      if (!stream.closed && !stream.writableEnded) return true
    }
    return false
  }

  /** Node hears nothing of a connection that was lost while it wrote: it reads no more then. */
  #lookForLife (): void {
    if (this.#session.destroyed || !hasUnsent(this.#session, this.#socket)) this.#looks = 0
    else if (--this.#looks === 0) this.#end()
  }

  #end (): void {
    this.#session.destroy()
    setTimeout(destroy, LAST_MOMENT, this.#socket).unref()
  }

  /** The client may take what is left of its responses, and has to end its side. */
  #linger (): void {
    setTimeout(destroy, this.#limits.keepAliveTimeout, this.#socket).unref()
  }
}

function destroy (socket: Socket): void {
  socket.destroy()
}
