import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Interim, Lessee, UpstreamAnswer, UpstreamRequest } from '../upstream/request.js'
import { Download } from './response-body.js'
import type { DownloadOwner } from './response-body.js'
import { GatewayError, NOT_HTTP, notSent, upstreamFailure } from './errors.js'
import { eachField, fieldValue, members } from './fields.js'
import { announceTrailers, BODILESS } from './heads.js'
import type { Client, Framing } from './heads.js'
import { http1 } from './http1-client.js'
import { http2 } from './http2-client.js'
import { ALLOWED_METHODS, isSound, judgeRequest } from './validate.js'
import { splitAbsolute } from './path.js'
import type { Outcome, Reply, Request, Route, Settled } from './route.js'
import { Tunnel } from './tunnel.js'
import type { TunnelEnd, TunnelOwner } from './tunnel.js'
import { Upload } from './request-body.js'
import type { UploadOwner } from './request-body.js'
import { judgeOrigin, nameRequired, protocolChosen, switchProtocols, upgradeOf } from './upgrade.js'
import { isHttp2 } from './client-protocol.js'
import type { Wire } from './client-protocol.js'

/** A request may be sent twice only when a second time changes nothing (RFC 9110 section 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PROPFIND', 'REPORT', 'SEARCH'])

const SILENT = 'No byte moved in either direction'

const kExchange = Symbol('exchange')

declare module 'http' {
  interface OutgoingMessage { [kExchange]?: Exchange }
}

type Carrier = UpstreamRequest & { [kExchange]?: Exchange }

/** One request and its answer. It is read from top to bottom in the order in which things happen. */
export class Exchange implements Settled, Lessee, UploadOwner, DownloadOwner, TunnelOwner {
  readonly timeout: number
  readonly startedAt = performance.now()
  /** When the service's head arrived; 0 when it did not. */
  answeredAt = 0
  outcome: Outcome | undefined
  error: GatewayError | undefined
  readonly #client: IncomingMessage
  readonly #wire: Wire
  readonly #uploads: boolean
  readonly #wantsTrailers: boolean
  #path = ''
  #head: string[] = []
  #upstream: Carrier | undefined
  #upload: Upload | undefined
  #download: Download | undefined
  #tunnel: Tunnel | undefined
  #flushed = 0
  #settled = false

  constructor (readonly route: Route, readonly request: Request, readonly reply: Reply) {
    const client = request.raw
    const { raw } = reply
    this.timeout = route.timeout
    this.#client = client
    this.#wire = isHttp2(client) ? http2 : http1
    this.#uploads = this.#wire.hasBody(client)
    this.#wantsTrailers = wantsTrailers(client)
    raw[kExchange] = this
    raw.on('close', onClose)
    if (raw.socket === null) this.#watchConnection()
  }

  /** Node tells a response that waits behind another one of its connection (pipelining) nothing of the connection's end. */
  #watchConnection (): void {
    const { socket } = this.#client
    socket.setMaxListeners(0)
    socket.once('close', () => this.closed())
  }

  /** Bytes of the answer's body that were sent, or of the tunnel that came in its place. */
  get bytes (): number {
    return (this.#download ?? this.#tunnel)?.bytes ?? 0
  }

  /** Judges the request and sends it on. */
  start (from: Client): void {
    const { route, request } = this
    if (this.#wire.isGone(this.#client)) {
      this.closed()
      return
    }
    const fields = this.#wire.fields(this.#client)
    const wrong = judgeRequest(this.#client, fields, route) ?? this.#judgeUpgrade(from)
    const path = wrong === undefined ? route.rewrite(this.#originForm(from)) : undefined
    if (path === undefined) {
      this.#refuse('refused', wrong ?? new GatewayError('BAD_REQUEST', 'The path cannot be forwarded'))
      return
    }
    this.#path = path
    this.#head = route.requestHeads.build(fields, request.method, this.#client.httpVersion, this.#framing(), from)
    this.#send(false)
  }

  /** An absolute-form's authority counts more than Host (RFC 9112 section 3.2.2). */
  #originForm (from: Client): string {
    const { url } = this.request
    const absolute = url.startsWith('/') ? undefined : splitAbsolute(url)
    if (absolute === undefined) return url
    if (!from.trusted) from.host = absolute.authority
    return absolute.path
  }

  #judgeUpgrade ({ host }: Client): GatewayError | undefined {
    return upgradeOf(this.#client) === undefined ? undefined : judgeOrigin(this.#client.headers.origin, this.route.origins, host)
  }

  #framing (): Framing {
    const upgrade = upgradeOf(this.#client)
    if (upgrade !== undefined) return { chunked: false, trailers: false, upgrade }
    if (!this.#uploads && !this.#wantsTrailers) return BODILESS
    return { chunked: this.#isChunked, trailers: this.#wantsTrailers, upgrade: undefined }
  }

  /** Whether a body follows whose length is not known: only chunks can carry it, and trailers behind it. */
  get #isChunked (): boolean {
    return this.#uploads && this.#client.headers['content-length'] === undefined
  }

  #send (fresh: boolean): void {
    const { route: { target }, request: { method } } = this
    let upstream: Carrier
    try {
      upstream = target.connections.request({ method, path: this.#path, head: this.#head, hasBody: this.#uploads, lessee: this, fresh })
    } catch (error) {
      this.#refuse('refused', notSent(error))
      return
    }
    this.#upstream = upstream
    upstream[kExchange] = this
    upstream.on('response', onAnswer)
    upstream.on('information', onInterim)
    upstream.on('upgrade', onSwitch)
    upstream.on('error', onUpstreamError)
    if (!this.#uploads) {
      upstream.end()
      return
    }
    this.#upload = new Upload(this.#client, upstream, this.route, this.#wantsTrailers && this.#isChunked, this)
    this.#upload.begin()
  }

  rejectUpload (error: GatewayError): void {
    const outcome = error.code === 'REQUEST_TIMEOUT' ? 'timeout' : 'refused'
    if (this.#download === undefined) this.#refuse(outcome, error)
    else this.#cutOff(outcome, error)
  }

  /** The connection was lost, or none could be had. */
  failed (error: NodeJS.ErrnoException): void {
    if (this.outcome !== undefined) return
    if (this.#download !== undefined) {
      this.#download.lost(error)
      return
    }
    if (this.#mayRepeat(error)) this.#send(true)
    else if (error.code === 'ERR_CONNECT_TIMEOUT') this.#refuse('timeout', upstreamFailure(error))
    else this.#refuse('upstream error', upstreamFailure(error))
  }

  #mayRepeat (error: NodeJS.ErrnoException): boolean {
    return !this.#uploads && IDEMPOTENT.has(this.request.method) &&
      this.#upstream !== undefined && this.route.target.connections.wasUntouched(this.#upstream, error)
  }

  /** A head before the answer's own: 103 Early Hints, 102 Processing. */
  informed ({ statusCode, statusMessage, rawHeaders }: Interim): void {
    if (this.outcome !== undefined) return
    // 100 is of each hop: the client has had its own.
    if (statusCode !== 100) {
      this.#wire.inform(this.reply.raw, statusCode, statusMessage, this.route.answerHeads.interim(rawHeaders))
    }
  }

  /** The service goes over to the protocol that the client asked for: after this head there is no more HTTP. */
  switched (answer: UpstreamAnswer, service: Socket, early: Buffer): void {
    this.answeredAt = performance.now()
    const { route, reply } = this
    const { socket } = this.#client
    const protocol = protocolChosen(upgradeOf(this.#client), answer.rawHeaders)
    if (protocol === undefined || this.outcome !== undefined) {
      service.destroy()
      this.#misanswered()
      return
    }
    const head = route.answerHeads.build(answer.rawHeaders, 101, answer.httpVersion, reply.getHeaders())
    head.push('Connection', 'Upgrade', 'Upgrade', protocol)
    if (!this.#writeHead(101, answer.statusMessage, head, true)) return
    switchProtocols(reply.raw, socket)
    // A copy: the connection's next read goes to where it lies.
    service.unshift(Buffer.from(early))
    this.#tunnel = new Tunnel(socket, service, route.upgradeTimeout, this)
    this.#tunnel.begin()
  }

  /** An answer that cannot be passed on, or a protocol that nobody asked for (RFC 9110 section 7.8). */
  #misanswered (): void {
    if (this.outcome === undefined) this.#refuse('upstream error', new GatewayError('BAD_GATEWAY', NOT_HTTP))
  }

  tunnelClosed (end: TunnelEnd, error: Error | undefined): void {
    if (end === 'silence') {
      this.outcome = 'timeout'
      this.error = new GatewayError('GATEWAY_TIMEOUT', SILENT, error)
    } else if (end === 'service gone') {
      this.outcome = 'upstream error'
      this.error = new GatewayError('BAD_GATEWAY', 'Upstream service broke the connection off', error)
    } else {
      this.outcome = end === 'client gone' ? 'client aborted' : 'completed'
    }
    // Node tells a response nothing of a connection that was taken from it; whoever waits for its end waits here.
    this.reply.raw.emit('close')
  }

  /** The service's head has arrived: it becomes the client's. */
  answered (answer: UpstreamAnswer): void {
    if (answer.statusCode === 101 || !isSound(answer) || this.outcome !== undefined) {
      answer.destroy()
      this.#misanswered()
      return
    }
    this.answeredAt = performance.now()
    const { route, reply, request } = this
    const { rawHeaders, statusCode } = answer
    const length = fieldValue(rawHeaders, 'content-length')
    const keepAlive = fieldValue(rawHeaders, 'keep-alive')
    if (keepAlive !== undefined) route.target.connections.keepAliveHint(keepAlive)
    const head = route.answerHeads.build(rawHeaders, statusCode, answer.httpVersion, reply.getHeaders())
    if (this.#isUploading) head.push(...this.#wire.closing)
    if (statusCode === 426 && this.#wire === http1) nameRequired(rawHeaders, head)
    const isHeadOnly = request.method === 'HEAD' || statusCode === 204 || statusCode === 304 || length === '0' || answer.isHeadOnly === true
    if (this.#wantsTrailers && !isHeadOnly && length === undefined) announceTrailers(rawHeaders, head)
    if (!this.#writeHead(statusCode, answer.statusMessage, head, isHeadOnly)) return
    this.#download = new Download(answer, reply.raw, this.#wire, length, this, this.#wantsTrailers)
    if (isHeadOnly) this.#download.endAtOnce()
    else this.#download.begin()
  }

  /** Up to here a failure is still an answer. */
  #writeHead (status: number, reason: string, head: string[], isHeadOnly: boolean): boolean {
    const { reply } = this
    try {
      this.#wire.writeHead(reply.raw, status, reason, head, isHeadOnly)
    } catch (error) {
      if (this.#wire === http1) reply.raw.statusMessage = ''
      this.#refuse('upstream error', new GatewayError('BAD_GATEWAY', NOT_HTTP, error))
      return false
    }
    reply.hijack()
    return true
  }

  downloaded (): void {
    if (this.#isUploading) this.#stopUpload()
  }

  answerBroken (error: unknown): void {
    this.#cutOff('upstream error', new GatewayError('BAD_GATEWAY', 'Upstream service broke off its answer', error))
  }

  get #isUploading (): boolean {
    return this.#uploads && !this.#client.complete
  }

  /** Nobody wants the rest of the body. */
  #stopUpload (): void {
    this.#upload?.stop()
    this.#wire.abandonBody(this.#client)
  }

  /** The connection's clock: no byte moved for `timeout` milliseconds. */
  onSilence (): boolean {
    if (this.#download !== undefined) return this.#isRead(this.#download)
    if (this.#isUploading && this.#upload?.isHeld === false) {
      this.#refuse('timeout', new GatewayError('REQUEST_TIMEOUT', 'The body of the request stopped coming'))
    } else {
      this.#refuse('timeout', new GatewayError('GATEWAY_TIMEOUT'))
    }
    return false
  }

  /** A client that reads slower than one buffer in `timeout` still moves bytes; one that reads nothing is cut off. */
  #isRead (download: Download): boolean {
    const flushed = this.#wire.flushed(this.reply.raw, this.bytes)
    if (!download.wasHeld || flushed === this.#flushed) {
      this.#cutOff('timeout', new GatewayError('GATEWAY_TIMEOUT', SILENT))
      return false
    }
    this.#flushed = flushed
    download.wasHeld = download.answer.isPaused()
    return true
  }

  /** Before the head: a failure is an answer of the gateway's own. */
  #refuse (outcome: Outcome, error: GatewayError): void {
    this.outcome = outcome
    this.error = error
    this.#dropUpstream()
    if (this.#isUploading || outcome === 'refused') {
      eachField(this.#wire.closing, (name, value) => this.reply.header(name, value))
      this.#stopUpload()
    }
    if (error.code === 'METHOD_NOT_ALLOWED') this.reply.header('allow', ALLOWED_METHODS)
    this.reply.send(error)
  }

  /** After the head: a failure can only be shown by a break, or what was cut short would pass for whole. */
  #cutOff (outcome: Outcome, error: GatewayError): void {
    if (this.outcome !== undefined) return
    this.outcome = outcome
    this.error = error
    this.#wire.breakOff(this.reply.raw, this.#download?.hasLength === true)
  }

  /** The one point where every exchange ends: the answer was written whole, or the client's connection is gone. */
  closed (): void {
    if (this.#settled) return
    this.#settled = true
    this.outcome ??= this.#wire.isWritten(this.reply.raw) ? 'completed' : 'client aborted'
    if (this.outcome !== 'completed' || this.#upstream?.writableEnded === false) this.#dropUpstream()
    this.#upload?.stop()
    this.route.onSettled(this)
  }

  #dropUpstream (): void {
    if (this.#upstream !== undefined) this.route.target.connections.drop(this.#upstream)
  }
}

/** Whether the client reads a trailer section (RFC 9110 section 6.5.1). */
function wantsTrailers ({ headers: { te }, httpVersion }: IncomingMessage): boolean {
  return te !== undefined && httpVersion !== '1.0' && members(String(te).toLowerCase()).includes('trailers')
}

function onAnswer (this: Carrier, answer: UpstreamAnswer): void {
  this[kExchange]?.answered(answer)
}

function onInterim (this: Carrier, interim: Interim): void {
  this[kExchange]?.informed(interim)
}

/** Where nobody listens, Node's client breaks the connection off and tells nobody. */
function onSwitch (this: Carrier, answer: UpstreamAnswer, service: Socket, early: Buffer): void {
  this[kExchange]?.switched(answer, service, early)
}

function onUpstreamError (this: Carrier, error: Error): void {
  this[kExchange]?.failed(error)
}

/** The exchange that answers with `raw`, where one was begun. */
export function exchangeOf (raw: ServerResponse): Exchange | undefined {
  return raw[kExchange]
}

function onClose (this: ServerResponse): void {
  this[kExchange]?.closed()
}
