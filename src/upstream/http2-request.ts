import { EventEmitter } from 'node:events'
import { constants } from 'node:http2'
import type { ClientHttp2Stream } from 'node:http2'
import { addAbortSignal, Readable } from 'node:stream'
import { MAX_RESPONSE_HEAD } from '../node/upstream-connection.js'
import { groupFields } from './http2-fields.js'
import type { Fields } from './http2-fields.js'
import { lostConnection } from './http2-session.js'
import type { Session } from './http2-session.js'
import type { BodySink, Interim, UpstreamRequest, PoolRequest, Progress, UpstreamResponse } from './pool.js'

const { NGHTTP2_FLAG_END_STREAM, NGHTTP2_REFUSED_STREAM } = constants

/** Fields that HTTP/2 has by other means, or forbids (RFC 9113 section 8.2.2). */
const OF_HTTP1 = ['host', 'connection', 'transfer-encoding', 'upgrade']

/** Of every request that is given up. */
const GIVEN_UP = AbortSignal.abort()

const kRequest = Symbol('request')

type Stream = ClientHttp2Stream & { [kRequest]: Http2Request }

/** One request over HTTP/2. Node's own stream is the response. */
export class Http2Request extends EventEmitter implements UpstreamRequest {
  writableEnded = false
  /** Whether all of the response has come, be it read or not. */
  isWhole = false
  readonly #options: PoolRequest
  /** Of a request that waits for its session. */
  readonly #held: Buffer[] = []
  #trailers: Fields = {}
  #stream: Stream | undefined
  #session: Session | undefined
  #isFirst = false
  #hasHeard = false
  #hasResponse = false
  #isOver = false

  constructor (options: PoolRequest) {
    super()
    this.#options = options
  }

  /** Sends the head, and what was written while it waited. */
  begin (session: Session): void {
    const { hasBody, timeout } = this.#options
    const head = headOf(this.#options)
    this.#isFirst = session.used === 0
    this.#session = session
    const stream: Stream = Object.assign(session.open(head, { endStream: !hasBody, waitForTrailers: hasBody && head.te !== undefined }), {
      [kRequest]: this, push: pushWhole
    })
    this.#stream = stream
    stream.setTimeout(timeout)
    stream.on('timeout', onTimeout)
    stream.on('headers', onInterim)
    stream.on('response', onResponse)
    stream.on('trailers', onTrailers)
    stream.on('error', onError)
    stream.on('close', onClose)
    if (this.#options.awaitsConnection === true) session.whenConnected(() => this.#options.connected?.())
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
    // An upstream that has responded may want no more of it.
    return !this.#stream.writable || this.#stream.write(chunk)
  }

  addTrailers (fields: ReadonlyArray<[string, string]>): void {
    this.#trailers = groupFields(fields.flat())
  }

  end (last?: Buffer): void {
    if (last !== undefined) this.write(last)
    this.writableEnded = true
    if (this.#options.hasBody) this.#stream?.end()
  }

  /**
   * Gives it up: what has been sent is cancelled, so that the upstream learns of it. Not by `close`, which has Node end
   * the stream before it resets it: half an upload would have come to its end, and pass for whole. A stream that is
   * aborted sends RST_STREAM (CANCEL) alone.
   */
  destroy (): void {
    this.#isOver = true
    if (this.#stream !== undefined) addAbortSignal(GIVEN_UP, this.#stream)
  }

  progress ({ code }: NodeJS.ErrnoException): Progress {
    if (this.#session?.hasConnected !== true || this.#stream?.id === undefined) return 'unconnected'
    if (this.#hasHeard) return 'sent'
    if (this.#stream.rstCode === NGHTTP2_REFUSED_STREAM || this.#stream.id > this.#session.lastStreamId) return 'unprocessed'
    return !this.#isFirst && (code === 'ECONNRESET' || code === 'EPIPE') ? 'lost' : 'sent'
  }

  informed (interim: Interim): void {
    this.#hasHeard = true
    this.emit('information', interim)
  }

  responded (response: UpstreamResponse): void {
    this.#hasHeard = true
    this.#hasResponse = true
    this.emit('response', response)
  }

  /** After the head, the stream's own event tells who reads the response. Whoever gave up is told nothing. */
  failed (error: Error): void {
    if (this.#isOver) return
    this.#isOver = true
    // Of a connection that could not be made; Node wraps the reason.
    if (!this.#hasResponse) this.emit('error', error.cause ?? error)
  }

  /** What the upstream responds with cannot be used. */
  reject (error: Error): void {
    this.#hasHeard = true
    this.failed(error)
    this.destroy()
  }

  /** Node tells nobody of a stream that the upstream cancelled, or that went with its connection. */
  closed (stream: Stream): void {
    const isLost = this.#session?.isLost === true
    this.#session?.release()
    if (this.#isOver || stream.readableEnded) return
    const error = isLost ? lostConnection('the connection was closed') : wasReset(`code ${stream.rstCode}`)
    if (this.#hasResponse) stream.emit('error', error)
    else this.failed(error)
  }

  wantTrailers (): void {
    this.#stream?.sendTrailers(this.#trailers)
  }

  silent (): void {
    if (this.#options.silent()) this.#stream?.setTimeout(this.#options.timeout)
    else this.#session?.probe()
  }
}

function headOf ({ method, path, head }: PoolRequest): Fields {
  const fields = groupFields(head)
  const { host } = fields
  for (const name of OF_HTTP1) delete fields[name]
  fields[':method'] = method
  fields[':path'] = path
  if (host !== undefined) fields[':authority'] = host
  return fields
}

/** As Node names a stream that the upstream closed with an error. */
function wasReset (how: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`the stream was reset before its end: ${how}`), { code: 'ERR_HTTP2_STREAM_ERROR' })
}

/** As Node's parser of HTTP/1 names it. */
function tooLarge (part: 'head' | 'trailer section'): NodeJS.ErrnoException {
  return Object.assign(new Error(`the ${part} of the response is too large`), { code: 'HPE_HEADER_OVERFLOW' })
}

/** To Node a stream that is reset with NO_ERROR has ended, as if the upstream had said so: half a response would pass for whole. */
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

function onInterim (this: Stream, head: Head, flags: number, raw: string[]): void {
  const { ':status': statusCode } = head
  // Node takes 000 to 099 for interim ones as well; to nghttp2 they are final, and so nothing else would follow.
  if (statusCode < 100) onResponse.call(this, head, flags, raw)
  else if (isTooLarge(raw)) this[kRequest].reject(tooLarge('head'))
  else this[kRequest].informed({ statusCode, statusMessage: '', rawHeaders: raw.slice(2) })
}

/** The status is the only field that may stand before the others (RFC 9113 section 8.3.2). */
function onResponse (this: Stream, { ':status': statusCode }: Head, flags: number, raw: string[]): void {
  if (isTooLarge(raw)) return this[kRequest].reject(tooLarge('head'))
  const rawTrailers: string[] = []
  this[kRequest].responded(Object.assign(this, {
    statusCode,
    statusMessage: '',
    httpVersion: '2.0',
    rawHeaders: raw.slice(2),
    rawTrailers,
    isHeadOnly: (flags & NGHTTP2_FLAG_END_STREAM) !== 0
  }))
}

/**
 * A few bytes name a whole field of HPACK's table, so that what came over the network is no measure. Node holds the
 * upstream to the bound only on streams that were opened after it had acknowledged our settings.
 */
function isTooLarge (raw: readonly string[]): boolean {
  let size = 0
  for (const text of raw) size += text.length
  return size > MAX_RESPONSE_HEAD
}

function onTrailers (this: Stream & Partial<UpstreamResponse>, _trailers: object, _flags: number, raw: string[]): void {
  if (isTooLarge(raw)) this.destroy(tooLarge('trailer section'))
  else this.rawTrailers?.push(...raw)
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

const kSink = Symbol('sink')

type Delivered = UpstreamResponse & { [kSink]?: BodySink }

/** Gives the body of a response to `sink` as it comes. */
export function deliverBody (response: Delivered, sink: BodySink): void {
  response[kSink] = sink
  response.on('data', onBody)
  response.on('end', onBodyEnd)
  response.on('error', onBodyError)
  // What came together with the head is read in ticks that are asked for by now.
  process.nextTick(flush, sink)
}

function onBody (this: Delivered, chunk: Buffer): void {
  if (this[kSink]?.write(chunk) === false) this.pause()
}

function onBodyEnd (this: Delivered): void {
  this[kSink]?.end()
}

function onBodyError (this: Delivered, error: Error): void {
  this[kSink]?.fail(error)
}

function flush (sink: BodySink): void {
  sink.flush()
}
