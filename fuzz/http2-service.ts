import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { GOAWAY, grant, RST_STREAM, SETTINGS, settings, uint32, writeFrame } from './frames.js'
import type { Unit } from './generate-frames.js'
import type { Message } from './grammar.js'
import { requestOf } from './http2-grammar.js'
import { Hosts } from './hosts.js'
import { portOf } from './service.js'
import { readStreams, StreamReader } from './streams.js'
import type { Stream } from './streams.js'

/** Whoever plays the service for the requests of one client. */
export interface Http2Host {
  /** Called for each frame of a request that came. */
  onStream? (request: ServiceStream): void
}

/** How a service leaves a connection behind a response. */
export type Then = 'stay' | 'goaway' | 'close'

/** Streams after which a connection is left: the gateway would do so after some more that are malformed. */
const MAX_STREAMS = 300
/** Of RST_STREAM: nothing was done (RFC 9113 section 8.7). */
const REFUSED_STREAM = 7
/** Milliseconds in which a response may be on its way. */
const RECENT = 1_000
/** A window for requests that makes the gateway wait. */
const SMALL_WINDOW = 50

/** A service that speaks HTTP/2 without TLS, and sees every frame. */
export class Http2Service {
  readonly complaints: string[] = []
  readonly connections = new Set<Http2Connection>()
  readonly hosts = new Hosts<Http2Host>()
  #made = 0
  readonly #server: Server = createServer({ noDelay: true }, socket => {
    const connection = new Http2Connection(socket, this, this.#made++ % 2 === 1)
    this.connections.add(connection)
    socket.on('close', () => this.connections.delete(connection))
  })

  /** @returns the port */
  async listen (): Promise<number> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return portOf(this.#server.address())
  }

  async close (): Promise<void> {
    for (const { socket } of this.connections) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

export class Http2Connection {
  readonly #streams = new Map<number, ServiceStream>()
  readonly #reader = new StreamReader('client')
  #isSpoilt = false

  constructor (readonly socket: Socket, readonly service: Http2Service, hasSmallWindow: boolean) {
    socket.write(writeFrame(SETTINGS, 0, 0, settings(hasSmallWindow ? [[4, SMALL_WINDOW]] : [])), 'latin1')
    socket.on('data', chunk => this.#onData(chunk.toString('latin1')))
    socket.on('error', () => {})
    socket.on('close', () => this.spoil())
  }

  /** What happens here costs the streams that are open, or come yet, their responses, and may cost it those on their way. */
  spoil (): void {
    if (this.#isSpoilt) return
    this.#isSpoilt = true
    for (const stream of this.#streams.values()) stream.isTainted ||= !stream.isOver || performance.now() - stream.touchedAt < RECENT
  }

  leave (then: Then): void {
    if (then === 'stay' || this.#isSpoilt) return
    this.spoil()
    // Of the last stream that there may be: none is sent away.
    this.socket.write(writeFrame(GOAWAY, 0, 0, uint32(0x7fffffff) + uint32(0)), 'latin1')
    if (then === 'close') this.socket.end()
  }

  #onData (text: string): void {
    const changed = this.#reader.read(text)
    if (this.#reader.goaway) this.spoil()
    if (this.#reader.broken) this.#complain('bytes that are no HTTP/2', text)
    let replies = this.#reader.acknowledge()
    for (const { stream, payload } of this.#reader.taken.splice(0)) {
      if (payload.length > 0) replies += grant(0, payload.length) + grant(stream, payload.length)
    }
    if (replies !== '') this.socket.write(replies, 'latin1')
    for (const stream of changed) this.#take(stream)
    if (this.#streams.size > MAX_STREAMS) this.leave('goaway')
  }

  #take (seen: Stream): void {
    const message = requestOf(seen)
    const stream = this.#streams.get(seen.id) ?? this.#begin(seen, message)
    if (stream === undefined || message === undefined) return
    stream.message = message
    stream.touchedAt = performance.now()
    stream.host.onStream?.(stream)
  }

  #begin (seen: Stream, message: Message | undefined): ServiceStream | undefined {
    const { hosts } = this.service
    const host = message && hosts.of(message)
    if (message === undefined || host === undefined) {
      if (message === undefined || !hosts.isLate(message)) this.#complain(message === undefined ? 'a head that is none' : 'a request of no client that there is', JSON.stringify(seen.blocks))
      return undefined
    }
    const stream = new ServiceStream(this, host, seen, message, this.#isSpoilt)
    this.#streams.set(seen.id, stream)
    return stream
  }

  #complain (what: string, shown: string): void {
    this.service.complaints.push(`the service got ${what} over HTTP/2: ${shown}`)
    this.socket.destroy()
  }
}

/** A request over HTTP/2 as it arrived at the service, and its response. */
export class ServiceStream {
  /** The frames of the response so far. */
  sent = ''
  /** When something last came or went. */
  touchedAt = 0
  #hasResponded = false
  #isResponseOver = false

  constructor (readonly connection: Http2Connection, readonly host: Http2Host, readonly seen: Stream, public message: Message, public isTainted: boolean) {}

  /** Whether nothing more belongs to it on either side. */
  get isOver (): boolean {
    return this.connection.socket.destroyed || this.seen.reset !== undefined || (this.#isResponseOver && this.seen.ended)
  }

  /** The request and its response; without that where it may have been sent again: it was refused, or its connection lost. */
  get taken (): { readonly message: Message, readonly sent: string } {
    const [sent] = readStreams(this.sent, 'server')
    const isLost = this.isTainted || sent?.reset === REFUSED_STREAM
    return { message: this.message, sent: isLost ? '' : this.sent }
  }

  /** Responds, once. RST_STREAM with NO_ERROR is behind a response to a request that has not ended. */
  async respond (units: readonly Unit[], then: Then): Promise<void> {
    if (this.#hasResponded) return
    this.#hasResponded = true
    const { socket } = this.connection
    for (const unit of units) {
      if (!socket.writable || this.seen.reset !== undefined) return
      const text = unit(this.seen.id)
      this.sent += text
      socket.write(text, 'latin1')
      await setImmediate()
    }
    this.#isResponseOver = true
    this.touchedAt = performance.now()
    if (!this.seen.ended && socket.writable) {
      socket.write(writeFrame(RST_STREAM, 0, this.seen.id, uint32(0)), 'latin1')
      this.seen.reset ??= 0
    }
    this.connection.leave(then)
  }
}
