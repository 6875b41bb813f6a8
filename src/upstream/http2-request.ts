import { EventEmitter } from 'node:events'
import { constants } from 'node:http2'
import type { ClientHttp2Stream } from 'node:http2'
import { Readable } from 'node:stream'
import { groupFields } from './http2-fields.js'
import type { Fields } from './http2-fields.js'
import { lostConnection } from './http2-session.js'
import type { Session } from './http2-session.js'
import type { Interim, Order, UpstreamAnswer, UpstreamRequest } from './request.js'

const { NGHTTP2_CANCEL, NGHTTP2_FLAG_END_STREAM, NGHTTP2_REFUSED_STREAM } = constants

/** Fields that HTTP/2 has by other means, or forbids (RFC 9113 section 8.2.2). */
const OF_HTTP1 = ['host', 'connection', 'transfer-encoding', 'upgrade']

const kRequest = Symbol('request')

type Stream = ClientHttp2Stream & { [kRequest]: Http2Request }

/** One request over HTTP/2. Node's own stream is the answer. */
export class Http2Request extends EventEmitter implements UpstreamRequest {
  writableEnded = false
  /** Whether all of the answer has come, be it read or not. */
  isWhole = false
  readonly #order: Order
  /** Of a request that waits for its session. */
  readonly #held: Buffer[] = []
  #trailers: Fields = {}
  #stream: Stream | undefined
  #session: Session | undefined
  #isFirst = false
  #wasHeard = false
  #isAnswered = false
  #isSettled = false

  constructor (order: Order) {
    super()
    this.#order = order
  }

  /** Sends the head, and what was written while it waited. */
  begin (session: Session): void {
    const { hasBody, lessee } = this.#order
    const head = headOf(this.#order)
    this.#isFirst = session.used === 0
    this.#session = session
    const stream: Stream = Object.assign(session.open(head, { endStream: !hasBody, waitForTrailers: hasBody && head.te !== undefined }), {
      [kRequest]: this, push: pushWhole
    })
    this.#stream = stream
    stream.setTimeout(lessee.timeout)
    stream.on('timeout', onTimeout)
    stream.on('headers', onInterim)
    stream.on('response', onResponse)
    stream.on('trailers', onTrailers)
    stream.on('error', onError)
    stream.on('close', onClose)
    if (!hasBody) return
    stream.on('drain', onDrain)
    stream.on('wantTrailers', onWantTrailers)
    for (const chunk of this.#held) stream.write(chunk)
    if (this.writableEnded) stream.end()
    else if (this.#held.length > 0 && !stream.writableNeedDrain) this.emit('drain')
  }

  /** Nothing to do: the head goes as soon as there is a session. */
  write (chunk: Buffer): boolean {
    if (this.#stream === undefined) {
      this.#held.push(chunk)
      return false
    }
    // A service that has answered may want no more of it.
    return !this.#stream.writable || this.#stream.write(chunk)
  }

  addTrailers (fields: ReadonlyArray<[string, string]>): void {
    this.#trailers = groupFields(fields.flat())
  }

  end (): void {
    this.writableEnded = true
    if (this.#order.hasBody) this.#stream?.end()
  }

  /** Gives it up: what has been sent is cancelled, so that the service learns of it. */
  destroy (): void {
    this.#isSettled = true
    if (this.#stream?.pending === true) this.#stream.destroy()
    else this.#stream?.close(NGHTTP2_CANCEL)
  }

  /** Whether the service did nothing with it, as far as that can be told; asked once, as HTTP/1 does. */
  wasUntouched ({ code }: NodeJS.ErrnoException): boolean {
    const { fresh } = this.#order
    if (fresh || this.#wasHeard || this.#stream?.id === undefined || this.#session === undefined) return false
    return this.#stream.rstCode === NGHTTP2_REFUSED_STREAM || this.#stream.id > this.#session.lastStreamId ||
      (!this.#isFirst && (code === 'ECONNRESET' || code === 'EPIPE'))
  }

  informed (interim: Interim): void {
    this.#wasHeard = true
    this.emit('information', interim)
  }

  answered (answer: UpstreamAnswer): void {
    this.#wasHeard = true
    this.#isAnswered = true
    this.emit('response', answer)
  }

  /** After the head, the stream's own event tells who reads the answer. */
  failed (error: Error): void {
    this.#isSettled = true
    // Of a connection that could not be made; Node wraps the reason.
    if (!this.#isAnswered) this.emit('error', error.cause ?? error)
  }

  /** Node tells nobody of a stream that the service cancelled, or that went with its connection. */
  closed (stream: Stream): void {
    const isLost = this.#session?.isLost === true
    this.#session?.release()
    if (this.#isSettled || stream.readableEnded) return
    const error = isLost ? lostConnection('the connection was closed') : wasReset(`code ${stream.rstCode}`)
    if (this.#isAnswered) stream.emit('error', error)
    else this.failed(error)
  }

  wantTrailers (): void {
    this.#stream?.sendTrailers(this.#trailers)
  }

  silent (): void {
    if (this.#order.lessee.onSilence()) this.#stream?.setTimeout(this.#order.lessee.timeout)
    else this.#session?.probe()
  }
}

function headOf ({ method, path, head }: Order): Fields {
  const fields = groupFields(head)
  const { host } = fields
  for (const name of OF_HTTP1) delete fields[name]
  fields[':method'] = method
  fields[':path'] = path
  if (host !== undefined) fields[':authority'] = host
  return fields
}

/** As Node names a stream that the service closed with an error. */
function wasReset (how: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`the stream was reset before its end: ${how}`), { code: 'ERR_HTTP2_STREAM_ERROR' })
}

/** To Node a stream that is reset with NO_ERROR has ended, as if the service had said so: half an answer would pass for whole. */
function pushWhole (this: Stream, chunk: unknown): boolean {
  const request = this[kRequest]
  if (chunk === null && !request.isWhole) {
    if (this.closed) {
      // Node goes on with the stream after this call, and fails when it is destroyed.
      process.nextTick(breakOff, this)
      return false
    }
    request.isWhole = true
  }
  return Readable.prototype.push.call(this, chunk)
}

function breakOff (stream: Stream): void {
  stream.destroy(wasReset('NO_ERROR'))
}

type Head = Record<string, unknown> & { ':status': number }

function onInterim (this: Stream, { ':status': statusCode }: Head, _flags: number, raw: string[]): void {
  this[kRequest].informed({ statusCode, statusMessage: '', rawHeaders: raw.slice(2) })
}

/** The status is the only field that may stand before the others (RFC 9113 section 8.3.2). */
function onResponse (this: Stream, { ':status': statusCode }: Head, flags: number, raw: string[]): void {
  const rawTrailers: string[] = []
  this[kRequest].answered(Object.assign(this, {
    statusCode,
    statusMessage: '',
    httpVersion: '2.0',
    rawHeaders: raw.slice(2),
    rawTrailers,
    isHeadOnly: (flags & NGHTTP2_FLAG_END_STREAM) !== 0
  }))
}

function onTrailers (this: Stream & Partial<UpstreamAnswer>, _trailers: object, _flags: number, raw: string[]): void {
  this.rawTrailers?.push(...raw)
}

function onDrain (this: Stream): void {
  this[kRequest].emit('drain')
}

function onWantTrailers (this: Stream): void {
  this[kRequest].wantTrailers()
}

function onTimeout (this: Stream): void {
  this[kRequest].silent()
}

function onError (this: Stream, error: Error): void {
  this[kRequest].failed(error)
}

function onClose (this: Stream): void {
  this[kRequest].closed(this)
}
