import { request } from 'node:http'
import type { ClientRequest, IncomingMessage, RequestOptions, ServerResponse } from 'node:http'
import { QueueFullError, wasAnswered } from '../upstream/pool.js'
import type { Lease, Lessee } from '../upstream/pool.js'
import type { Target } from '../upstream/target.js'
import { GatewayError, upstreamFailure } from './errors.js'
import { fieldValue } from './fields.js'
import type { FieldNames } from './fields.js'
import { answerHead, hasBody, requestHead } from './heads.js'
import type { Client, HookFields } from './heads.js'
import { lingerAfterAnswer } from './linger.js'
import type { Rewrite } from './path.js'

/** A mounted prefix, prepared at start. */
export interface Route {
  readonly prefix: string
  readonly target: Target
  readonly rewrite: Rewrite
  /** Milliseconds of silence. */
  readonly timeout: number
  /** The fields that answers lose on their way to the client. */
  readonly stripped: FieldNames
  /** Called once per exchange, when nothing more can happen in it. */
  readonly onSettled: (exchange: Exchange) => void
}

/** The server's side of a request; Fastify's reply is one. */
export interface Reply {
  readonly raw: ServerResponse
  getHeaders (): HookFields
  header (name: string, value: string): unknown
  /** From here on the exchange alone writes the answer. */
  hijack (): unknown
  /** Answers with an error, through whatever formats errors. */
  send (error: GatewayError): unknown
}

export type Outcome = 'completed' | 'refused' | 'client aborted' | 'upstream error' | 'timeout'

/** A request may be sent twice only when a second time changes nothing (RFC 9110 section 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PROPFIND', 'REPORT', 'SEARCH'])

const kExchange = Symbol('exchange')

declare module 'http' {
  interface IncomingMessage { [kExchange]?: Exchange }
  interface OutgoingMessage { [kExchange]?: Exchange }
}

/** One request and its answer. It is read from top to bottom in the order in which things happen. */
export class Exchange implements Lessee {
  readonly timeout: number
  outcome: Outcome | undefined
  error: GatewayError | undefined
  /** Bytes of the answer's body. */
  bytes = 0
  readonly startedAt = performance.now()
  /** When the service's head arrived; 0 when it did not. */
  answeredAt = 0
  readonly #uploads: boolean
  #head: string[] = []
  #path = ''
  #upstream: ClientRequest | undefined
  #answer: IncomingMessage | undefined
  /** Bytes to come under the answer's Content-Length; NaN without one. */
  #remaining = NaN
  #answerBegun = false
  #uploadBegun = false
  #watchesDrain = false
  #flushedToClient = 0
  #settled = false

  constructor (readonly route: Route, readonly id: string, readonly client: IncomingMessage, readonly reply: Reply) {
    this.timeout = route.timeout
    this.#uploads = hasBody(client.headers)
    const { raw } = reply
    raw[kExchange] = this
    raw.on('close', onClose)
    if (raw.socket === null) this.#watchConnection()
  }

  /** Node tells a response that waits behind another one of its connection (pipelining) nothing of the connection's end. */
  #watchConnection (): void {
    const { socket } = this.client
    socket.setMaxListeners(0)
    socket.once('close', () => this.closed())
  }

  /** Judges the request and sends it on. */
  start (from: Client): void {
    const { client, route } = this
    if (client.socket.destroyed) {
      this.closed()
      return
    }
    const path = route.rewrite(client.url ?? '')
    if (path === undefined) {
      this.#refuse('refused', new GatewayError('BAD_REQUEST', 'The path cannot be forwarded'))
      return
    }
    this.#path = path
    const chunked = client.headers['transfer-encoding'] !== undefined
    this.#head = requestHead(client.rawHeaders, client.method ?? '', chunked, route.target.hostField, from)
    this.#send(false)
  }

  #send (fresh: boolean): void {
    const { client, route } = this
    const { pool } = route.target
    const options: RequestOptions & Lease = {
      agent: pool,
      protocol: pool.protocol,
      method: client.method,
      path: this.#path,
      headers: this.#head,
      lessee: this,
      fresh
    }
    let upstream: ClientRequest
    try {
      upstream = request(options)
    } catch (error) {
      // Node's writer may refuse what its parser let pass, or what a host's hook made of the head.
      this.#refuse('refused', new GatewayError(error instanceof QueueFullError ? 'SERVICE_UNAVAILABLE' : 'BAD_REQUEST', undefined, error))
      return
    }
    this.#upstream = upstream
    upstream[kExchange] = this
    upstream.on('response', onAnswer)
    upstream.on('error', onUpstreamError)
    if (!this.#uploads) {
      upstream.end()
      return
    }
    client[kExchange] = this
    upstream.on('drain', onUpstreamDrain)
    client.on('data', onClientData)
    client.on('end', onClientEnd)
    // After what arrived together with the head: a service may have something to say before the body comes.
    process.nextTick(flushRequestHead, this)
  }

  flushRequestHead (): void {
    if (!this.#uploadBegun) this.#upstream?.flushHeaders()
  }

  /** The request's body, with the service's pace. */
  upload (chunk: Buffer): void {
    this.#uploadBegun = true
    if (this.#upstream?.write(chunk) === false) this.client.pause()
  }

  uploaded (): void {
    this.#uploadBegun = true
    this.#upstream?.end()
  }

  /** The connection was lost, or none could be had; after the head, the answer tells it by itself. */
  failed (error: NodeJS.ErrnoException): void {
    if (this.#answer !== undefined || this.outcome !== undefined) return
    if (this.#mayRepeat(error)) this.#send(true)
    else this.#refuse('upstream error', upstreamFailure(error))
  }

  /**
   * A service may close a kept connection at the very moment that a request is sent on it. Where that can be
   * told (not a byte of an answer) and repeating is harmless, the client need not know.
   */
  #mayRepeat ({ code }: NodeJS.ErrnoException): boolean {
    const upstream = this.#upstream
    return upstream !== undefined && upstream.reusedSocket && !this.#uploads && IDEMPOTENT.has(upstream.method) &&
      (code === 'ECONNRESET' || code === 'EPIPE') && !wasAnswered(upstream)
  }

  /** The service's head has arrived: it becomes the client's. */
  answered (answer: IncomingMessage): void {
    this.#answer = answer
    this.answeredAt = performance.now()
    const { raw } = this.reply
    const { rawHeaders } = answer
    const status = answer.statusCode ?? 0
    const length = fieldValue(rawHeaders, 'content-length')
    const keepAlive = fieldValue(rawHeaders, 'keep-alive')
    if (keepAlive !== undefined) this.route.target.pool.keepAliveHint(keepAlive)
    const head = answerHead(rawHeaders, status, this.route.stripped, this.reply.getHeaders())
    if (this.#isUploading) head.push('Connection', 'close')
    try {
      writeHead(raw, status, answer.statusMessage ?? '', head)
    } catch (error) {
      raw.statusMessage = ''
      this.#refuse('upstream error', new GatewayError('BAD_GATEWAY', 'Upstream service sent an answer that is not valid HTTP', error))
      return
    }
    this.reply.hijack()
    answer[kExchange] = this
    answer.on('end', onAnswerEnd)
    if (this.client.method === 'HEAD' || status === 204 || status === 304 || length === '0') {
      answer.resume()
      this.#endAnswer()
      return
    }
    this.#remaining = length === undefined ? NaN : Number(length)
    answer.on('data', onAnswerData)
    answer.on('error', onAnswerError)
    // After what arrived together with the head, so that head and body leave in one write where they can.
    process.nextTick(flushAnswerHead, this)
  }

  flushAnswerHead (): void {
    if (!this.#answerBegun) this.reply.raw.flushHeaders()
  }

  /** The answer's body, with the client's pace. What completes its Content-Length ends it in the same write. */
  download (chunk: Buffer): void {
    const { raw } = this.reply
    this.#answerBegun = true
    this.bytes += chunk.length
    this.#remaining -= chunk.length
    if (this.#remaining === 0) {
      this.#endAnswer(chunk)
      return
    }
    if (raw.write(chunk)) return
    this.#answer?.pause()
    if (this.#watchesDrain) return
    this.#watchesDrain = true
    raw.on('drain', onClientDrain)
  }

  resumeUpload (): void {
    this.client.resume()
  }

  resumeDownload (): void {
    this.#answer?.resume()
  }

  downloaded (): void {
    if (!this.reply.raw.writableEnded) this.#endAnswer()
  }

  #endAnswer (last?: Buffer): void {
    this.#answerBegun = true
    if (this.#isUploading) this.#stopUpload()
    this.reply.raw.end(last)
  }

  get #isUploading (): boolean {
    return this.#uploads && !this.client.complete
  }

  /** Nobody wants the rest of the body, and the connection cannot be used again with half a body in it. */
  #stopUpload (): void {
    const { client } = this
    client.off('data', onClientData)
    client.off('end', onClientEnd)
    client.resume()
    lingerAfterAnswer(client.socket)
  }

  /** The pool's clock: no byte moved for `timeout` milliseconds. */
  onSilence (): void {
    const { raw } = this.reply
    const upstream = this.#upstream
    if (this.#answer === undefined) {
      this.#refuse('timeout', new GatewayError('GATEWAY_TIMEOUT'))
      return
    }
    // A client that reads slower than one buffer in `timeout` still moves bytes.
    const flushed = raw.socket === null ? 0 : raw.socket.bytesWritten - raw.socket.writableLength
    if (flushed !== this.#flushedToClient) {
      this.#flushedToClient = flushed
      upstream?.socket?.setTimeout(this.timeout)
      return
    }
    this.cutOff('timeout', new GatewayError('GATEWAY_TIMEOUT', 'No byte moved in either direction'))
  }

  /** Before the head: a failure is an answer of the gateway's own. */
  #refuse (outcome: Outcome, error: GatewayError): void {
    this.outcome = outcome
    this.error = error
    this.#dropUpstream()
    if (this.#isUploading) {
      this.reply.header('connection', 'close')
      this.#stopUpload()
    }
    this.reply.send(error)
  }

  /** After the head: a failure can only be shown by a break, or what was cut short would pass for whole. */
  cutOff (outcome: Outcome, error: GatewayError): void {
    if (this.outcome !== undefined) return
    this.outcome = outcome
    this.error = error
    const { raw } = this.reply
    // Without Content-Length or chunks (HTTP/1.0) the end of the connection is the end of the answer: only a reset tells.
    if (!raw.chunkedEncoding && Number.isNaN(this.#remaining) && raw.socket !== null && !('encrypted' in raw.socket)) raw.socket.resetAndDestroy()
    else raw.destroy()
  }

  /** The one point where every exchange ends: the answer was written whole, or the client's connection is gone. */
  closed (): void {
    if (this.#settled) return
    this.#settled = true
    const written = this.reply.raw.writableFinished
    this.outcome ??= written ? 'completed' : 'client aborted'
    if (this.outcome !== 'completed' || !this.#upstream?.writableEnded) this.#dropUpstream()
    this.route.onSettled(this)
  }

  #dropUpstream (): void {
    if (this.#upstream === undefined) return
    this.#upstream.destroy()
    this.route.target.pool.leave(this.#upstream)
  }
}

function writeHead (raw: ServerResponse, status: number, reason: string, head: string[]): void {
  const names = raw.getHeaderNames()
  if (names.length === 0) {
    raw.writeHead(status, reason, head)
    return
  }
  // Something set fields on Node's own response (Fastify while it closes, a middleware); `head` has them too. Node
  // then takes a flat array field by field and lets the last of a name win: only one of three Set-Cookie would be left.
  for (const name of names) raw.removeHeader(name)
  for (let i = 0; i + 1 < head.length; i += 2) raw.appendHeader(head[i] ?? '', head[i + 1] ?? '')
  raw.writeHead(status, reason)
}

function onAnswer (this: ClientRequest, answer: IncomingMessage): void {
  const exchange = this[kExchange]
  if (exchange === undefined || exchange.outcome !== undefined) answer.destroy()
  else exchange.answered(answer)
}

function onUpstreamError (this: ClientRequest, error: Error): void {
  this[kExchange]?.failed(error)
}

function onUpstreamDrain (this: ClientRequest): void {
  this[kExchange]?.resumeUpload()
}

function onClientData (this: IncomingMessage, chunk: Buffer): void {
  this[kExchange]?.upload(chunk)
}

function onClientEnd (this: IncomingMessage): void {
  this[kExchange]?.uploaded()
}

function onClientDrain (this: ServerResponse): void {
  this[kExchange]?.resumeDownload()
}

function onAnswerData (this: IncomingMessage, chunk: Buffer): void {
  this[kExchange]?.download(chunk)
}

function onAnswerEnd (this: IncomingMessage): void {
  this[kExchange]?.downloaded()
}

function onAnswerError (this: IncomingMessage, error: Error): void {
  this[kExchange]?.cutOff('upstream error', new GatewayError('BAD_GATEWAY', 'Upstream service broke off its answer', error))
}

/** The exchange that answers with `raw`, where one was begun. */
export function exchangeOf (raw: ServerResponse): Exchange | undefined {
  return raw[kExchange]
}

function onClose (this: ServerResponse): void {
  this[kExchange]?.closed()
}

function flushRequestHead (exchange: Exchange): void {
  exchange.flushRequestHead()
}

function flushAnswerHead (exchange: Exchange): void {
  exchange.flushAnswerHead()
}
