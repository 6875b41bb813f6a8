import type { AsyncResource } from 'node:async_hooks'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { enterExchange, leaveExchange } from '../node/loop-turn.js'
import type { ClientConnection, Interim, UpstreamResponse } from '../upstream/pool.js'
import type { AttemptResult, Target } from '../upstream/target.js'
import type { Attempt, OutgoingRequest } from './attempt.js'
import { Attempts } from './attempts.js'
import type { AttemptsOwner } from './attempts.js'
import { isHttp2 } from './client-protocol.js'
import type { ClientProtocol } from './client-protocol.js'
import { RETRY_AFTER } from './concurrency.js'
import type { Slot } from './concurrency.js'
import type { BodyBuffer } from './body-buffer.js'
import { Delivery } from './delivery.js'
import type { DeliveryOwner } from './delivery.js'
import type { HookCalls, HookedExchange } from './hook-calls.js'
import { changeFields, FIXED_IN_HOST } from './field-changes.js'
import type { HeaderChanges } from './field-changes.js'
import { authenticatesConnection } from './connection-auth.js'
import { BROKEN_OFF, GatewayError, NOT_HTTP, rejectedBy, upstreamFailure } from './errors.js'
import { eachField, fieldValue, members } from './fields.js'
import type { RawFields } from './fields.js'
import { announceTrailers, BODILESS, frameByLength } from './heads.js'
import type { Client, Framing } from './heads.js'
import { HeldBody } from './held-body.js'
import type { StreamedBody } from './held-body.js'
import { http1Client } from './http1-client.js'
import { http2Client } from './http2-client.js'
import type { ObservedExchange, Outcome } from './observers.js'
import { splitAbsolute } from './path.js'
import type { Reply, Request } from './request.js'
import { RequestBody } from './request-body.js'
import type { RequestBodyOwner } from './request-body.js'
import { ResponseBody } from './response-body.js'
import type { ResponseBodyOwner } from './response-body.js'
import type { AttemptFailure } from './retry.js'
import type { Route } from './route.js'
import { Tunnel } from './tunnel.js'
import type { TunnelEnd, TunnelOwner } from './tunnel.js'
import { hasBodyOnConnection, protocolChosen, switchProtocols, upgradeOf, upgradingClient, validateOrigin } from './upgrade.js'
import { ALLOWED_METHODS, isSound, validateRequest } from './validate.js'

const NOBODY: Client = { forwardedFor: '', peer: '', ip: '', protocol: '', host: '', trusted: false }
const SILENT = 'No byte moved in either direction'

const kExchange = Symbol('exchange')

declare module 'http' {
  interface OutgoingMessage { [kExchange]?: Exchange }
}

/** One client request and its response. Reads from top to bottom in the order of a good one; failures follow. */
export class Exchange implements ObservedExchange, AttemptsOwner, RequestBodyOwner, ResponseBodyOwner, DeliveryOwner, TunnelOwner, HookedExchange {
  readonly timeout: number
  readonly startedAt = performance.now()
  respondedAt = 0
  outcome: Outcome | undefined
  error: GatewayError | undefined
  readonly #clientRequest: IncomingMessage
  readonly #protocol: ClientProtocol
  readonly #hasBody: boolean
  readonly #wantsTrailers: boolean
  /** The protocols that the client asks to go over to. */
  readonly #upgrade: string | undefined
  readonly #hooks: HookCalls | undefined
  /** Who asks; known when the exchange starts. */
  #identity = NOBODY
  #slot: Slot | undefined
  /** Whether its body was collected, or is to be. */
  #isBuffered = false
  #outgoing: OutgoingRequest | undefined
  #attempts: Attempts | undefined
  #requestBody: RequestBody | undefined
  #responseBody: ResponseBody | undefined
  /** Where its bytes come from. */
  #source: Attempt | StreamedBody | undefined
  #tunnel: Tunnel | undefined
  /** Of a response whose client is waited for. */
  #delivery: Delivery | undefined
  #flushed = 0
  #hasEnded = false

  /** @param hooks of a program; absent for a route that has none */
  constructor (readonly route: Route, readonly request: Request, readonly reply: Reply, hooks?: HookCalls) {
    const clientRequest = request.raw
    const { raw } = reply
    this.timeout = route.timeout
    this.#clientRequest = clientRequest
    this.#hooks = hooks
    this.#upgrade = upgradeOf(clientRequest)
    this.#protocol = protocolOf(clientRequest, this.#upgrade)
    this.#hasBody = this.#protocol.hasBody(clientRequest)
    this.#wantsTrailers = this.#upgrade === undefined && wantsTrailers(clientRequest)
    enterExchange()
    raw[kExchange] = this
    raw.on('close', onClose)
    for (const began of route.observers.began) began(this)
  }

  get target (): Target | undefined {
    return this.#attempts?.current?.target
  }

  get attempt (): Attempt | undefined {
    return this.#attempts?.current
  }

  get attempts (): number {
    return this.#attempts?.count ?? 0
  }

  get client (): ClientConnection {
    return this.#protocol.connection(this.#clientRequest)
  }

  get bytes (): number {
    return (this.#responseBody ?? this.#tunnel)?.bytes ?? 0
  }

  get received (): number {
    return (this.#tunnel ?? this.#requestBody)?.received ?? 0
  }

  /** Whether there is nobody left to respond to: nothing is to be started then. */
  get isClientGone (): boolean {
    return this.#protocol.isGone(this.#clientRequest)
  }

  /**
   * Validates the request and sends it on.
   *
   * @param target of the request, in origin-form
   * @param changes that a host has made to the headers
   */
  start (client: Client, target: string, changes?: HeaderChanges): void {
    const { route, request } = this
    this.#identity = client
    const fields = this.#protocol.fields(this.#clientRequest)
    const wrong = validateRequest(this.#clientRequest, fields, route) ?? this.#validateUpgrade(client)
    const path = wrong === undefined ? route.rewrite(target) : undefined
    if (path === undefined) {
      this.#reject('rejected', wrong ?? new GatewayError('BAD_REQUEST', 'The path cannot be forwarded'))
      return
    }
    const slot = route.concurrency.enter(this.#protocol.sharedConnection(this.#clientRequest), client.ip, this.#clientRequest, route.upstream, client.identity)
    if (slot instanceof GatewayError) {
      this.reply.header('retry-after', RETRY_AFTER)
      this.#reject('rejected', slot)
      return
    }
    this.#slot = slot
    if (this.#hasBody) this.#requestBody = new RequestBody(this.#clientRequest, this.#protocol, route, this.#wantsTrailers && this.#isChunked, this)
    else this.#protocol.expectNoBody(this.#clientRequest)
    const sent = changes === undefined ? fields : this.#changed(fields, changes)
    if (sent === undefined) return
    const head = route.requestHeads.build(sent, request.method, this.#clientRequest.httpVersion, this.#framing(), client, request.id)
    const bindsConnection = this.#clientRequest.headers.authorization !== undefined && authenticatesConnection(sent)
    const host = route.preservesHost ? hostAsked(request.url, fields) : route.hostField
    const outgoing = { method: request.method, path, host, head, body: this.#requestBody, bindsConnection }
    if (this.#hooks === undefined) this.send(outgoing)
    else this.#hooks.prepare(outgoing, this)
  }

  send (outgoing: OutgoingRequest): void {
    const { route: { bodyBuffer } } = this
    this.#outgoing = outgoing
    if (bodyBuffer !== undefined && this.#requestBody !== undefined && this.#upgrade === undefined) this.#collect(this.#requestBody, bodyBuffer)
    else this.#attempt(outgoing)
  }

  /** A host's hook may have set what is no header. */
  #changed (fields: RawFields, { before, after }: HeaderChanges): RawFields | undefined {
    try {
      return changeFields(fields, before, after, FIXED_IN_HOST)
    } catch (error) {
      this.hookFailed(new GatewayError('INTERNAL_ERROR', undefined, error))
      return undefined
    }
  }

  /** Waits for the whole of a body that is small enough, as far as that is known. */
  #collect (body: RequestBody, buffer: BodyBuffer): void {
    if (Number(this.#clientRequest.headers['content-length']) > buffer.size) {
      this.bodyCollected()
    } else if (buffer.enter()) {
      this.#isBuffered = true
      body.collect(buffer.size)
    } else {
      this.reply.header('retry-after', RETRY_AFTER)
      this.#reject('rejected', rejectedBy('body-buffer', new GatewayError('SERVICE_UNAVAILABLE')))
    }
  }

  bodyCollected (): void {
    if (this.#outgoing === undefined) return
    const length = this.#requestBody?.wholeLength
    if (length !== undefined && this.#isChunked) frameByLength(this.#outgoing.head, length)
    this.#attempt(this.#outgoing)
  }

  #validateUpgrade ({ host }: Client): GatewayError | undefined {
    return this.#upgrade === undefined ? undefined : validateOrigin(this.#clientRequest.headers.origin, this.route.origins, host)
  }

  #framing (): Framing {
    const upgrade = this.#upgrade
    if (upgrade !== undefined) return { chunked: false, trailers: false, upgrade }
    if (!this.#hasBody && !this.#wantsTrailers) return BODILESS
    return { chunked: this.#isChunked, trailers: this.#wantsTrailers, upgrade }
  }

  /** Whether a body follows whose length is not known: only chunks can carry it, and trailers behind it. */
  get #isChunked (): boolean {
    return this.#hasBody && this.#clientRequest.headers['content-length'] === undefined
  }

  #attempt (outgoing: OutgoingRequest): void {
    if (this.#upgrade === undefined) this.route.mirror?.copy(outgoing, this)
    this.#attempts = new Attempts(this.#hooks?.upstream ?? this.route.upstream, outgoing, this.route.retry, this)
    this.#attempts.begin()
  }

  attempted (): void {
    for (const attempted of this.route.observers.attempted) attempted(this)
  }

  attemptEnded (attempt: Attempt, result: AttemptResult, reason: string, error: Error | undefined): void {
    for (const ended of this.route.observers.attemptEnded) ended(this, attempt, { result, reason, error })
  }

  get ip (): string {
    return this.#identity.ip
  }

  get path (): string {
    const { url } = this.request
    return splitAbsolute(url)?.path ?? url
  }

  header (name: string): string | undefined {
    return this.#clientRequest.headers[name]?.toString()
  }

  /** A head before the response's own: 103 Early Hints, 102 Processing. */
  informed ({ statusCode, statusMessage, rawHeaders }: Interim): void {
    // 100 is of each hop: the client has had its own.
    if (statusCode === 100) return
    this.#protocol.inform(this.reply.raw, statusCode, statusMessage, this.route.responseHeads.interim(rawHeaders))
  }

  /** The upstream's head has arrived: it becomes the client's. */
  responded (response: UpstreamResponse): void {
    if (!isSound(response)) {
      response.destroy()
      this.#reject('upstream error', new GatewayError('BAD_GATEWAY', NOT_HTTP))
      return
    }
    this.respondedAt = performance.now()
    this.#requestBody?.responded()
    for (const responded of this.route.observers.responded) responded(this)
    if (this.#hooks === undefined) this.pass(response, this.responseHead(response))
    else this.#hooks.responded(response, this)
  }

  responseHead (response: UpstreamResponse): string[] {
    const { route, reply, request } = this
    const { rawHeaders, statusCode } = response
    const head = route.responseHeads.build(rawHeaders, statusCode, response.httpVersion, reply.getHeaders(), this.#identity, request.id)
    const cookie = this.#attempts?.cookie
    if (cookie !== undefined) head.push('Set-Cookie', cookie)
    if (this.#isUploading) head.push(...this.#protocol.closing)
    if (statusCode === 426) this.#protocol.addRequiredProtocol(rawHeaders, head)
    if (this.#wantsTrailers && !this.#isHeadOnly(response) && fieldValue(rawHeaders, 'content-length') === undefined) announceTrailers(rawHeaders, head)
    return head
  }

  isBodiless ({ statusCode }: UpstreamResponse): boolean {
    return this.request.method === 'HEAD' || statusCode === 204 || statusCode === 304
  }

  #isHeadOnly (response: UpstreamResponse): boolean {
    return this.isBodiless(response) || response.isHeadOnly === true || fieldValue(response.rawHeaders, 'content-length') === '0'
  }

  pass (response: UpstreamResponse, head: string[], streamed?: StreamedBody, isOther = false): void {
    const isHeadOnly = !isOther && this.#isHeadOnly(response)
    if (!this.#writeHead(response.statusCode, response.statusMessage, head, isHeadOnly)) return
    const length = isOther ? undefined : fieldValue(response.rawHeaders, 'content-length')
    const body = new ResponseBody(response, this.reply.raw, this.#protocol, length, this.#wantsTrailers && !isOther ? this.route.responseHeads.notInTrailers : undefined, this)
    this.#responseBody = body
    this.#source = streamed ?? this.#attempts?.current
    this.#source?.deliverTo(body)
    if (isHeadOnly) body.endWithHead()
  }

  /** Up to here a failure is still a response of the gateway's own. */
  #writeHead (status: number, reason: string, head: string[], isHeadOnly: boolean): boolean {
    const { reply } = this
    try {
      this.#protocol.writeHead(reply.raw, status, reason, head, isHeadOnly)
    } catch (error) {
      this.#reject('upstream error', new GatewayError('BAD_GATEWAY', NOT_HTTP, error))
      return false
    }
    reply.hijack()
    return true
  }

  clientAwaited (): void {
    if (this.#delivery !== undefined || this.#hasEnded) return
    this.#delivery = new Delivery(this)
    this.route.responseRate.watch(this.#delivery)
  }

  /** Bytes that left for the client. */
  get flushed (): number {
    return this.#protocol.flushed(this.reply.raw, this.bytes)
  }

  /** Whether what there is of the response waits for its client alone. */
  get awaitsClient (): boolean {
    return this.#responseBody?.isHeld !== false
  }

  readTooSlowly (): void {
    if (this.outcome === undefined) this.#breakOff('timeout', new GatewayError('REQUEST_TIMEOUT', 'The client read its response too slowly'))
    else this.#protocol.breakOff(this.reply.raw, true)
  }

  resumeBody (): void {
    this.#source?.resume()
  }

  bodyComplete (): void {
    if (this.#isUploading) this.#stopUpload()
  }

  /** The one point where every exchange ends: the response was written whole, or the client's connection is gone. */
  ended (): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.outcome ??= this.#protocol.isWritten(this.reply.raw) ? 'completed' : 'client aborted'
    this.#attempts?.end(this.outcome, this.error)
    if (this.#slot !== undefined) this.route.concurrency.leave(this.#slot)
    if (this.#isBuffered) this.route.bodyBuffer?.leave()
    if (this.#delivery !== undefined) this.route.responseRate.leave(this.#delivery)
    this.#requestBody?.stop()
    this.#protocol.release(this.#clientRequest)
    leaveExchange()
    for (const ended of this.route.observers.ended) ended(this)
    this.#hooks?.ended(this)
  }

  // Failures.

  /** All attempts came to nothing before the head of a response. */
  failed ({ error }: AttemptFailure): void {
    if (this.outcome === undefined) this.#reject(error.code === 'ERR_CONNECT_TIMEOUT' ? 'timeout' : 'upstream error', upstreamFailure(error))
  }

  notSent (error: GatewayError): void {
    if (error.code === 'SERVICE_UNAVAILABLE') this.reply.header('retry-after', RETRY_AFTER)
    this.#reject('rejected', error)
  }

  rejectBody (error: GatewayError): void {
    const outcome = error.code === 'REQUEST_TIMEOUT' ? 'timeout' : 'rejected'
    if (this.#responseBody === undefined) this.#reject(outcome, error)
    else this.#breakOff(outcome, error)
  }

  bodyAborted (): void {
    this.ended()
  }

  bodyBroken (error: unknown): void {
    if (error instanceof GatewayError) this.#breakOff('rejected', error)
    else this.#breakOff('upstream error', new GatewayError('BAD_GATEWAY', BROKEN_OFF, error))
  }

  /** The connection's clock: no byte moved for `timeout` milliseconds. */
  silent (): boolean {
    if (this.#responseBody !== undefined) return this.#isRead(this.#responseBody)
    if (this.#isUploading && this.#requestBody?.isHeld === false) {
      this.#reject('timeout', new GatewayError('REQUEST_TIMEOUT', 'The body of the request stopped coming'))
    } else {
      this.#reject('timeout', new GatewayError('GATEWAY_TIMEOUT'))
    }
    return false
  }

  /** A client that reads slower than one buffer in `timeout` still moves bytes; one that reads nothing is cut off. */
  #isRead (body: ResponseBody): boolean {
    const { flushed } = this
    if (!body.wasHeld || flushed === this.#flushed) {
      this.#breakOff('timeout', new GatewayError('GATEWAY_TIMEOUT', SILENT))
      return false
    }
    this.#flushed = flushed
    body.wasHeld = body.isHeld
    return true
  }

  get #isUploading (): boolean {
    return this.#hasBody && !this.#clientRequest.complete
  }

  /** Nobody wants the rest of the body. */
  #stopUpload (): void {
    this.#requestBody?.stop()
    this.#protocol.abandonBody(this.#clientRequest)
  }

  /** Before the head: a failure is a response of the gateway's own. */
  #reject (outcome: Outcome, error: GatewayError): void {
    if (this.outcome !== undefined) return
    this.outcome = outcome
    this.error = error
    this.#attempts?.drop()
    if (this.#isUploading || outcome === 'rejected') {
      eachField(this.#protocol.closing, (name, value) => this.reply.header(name, value))
      this.#stopUpload()
    }
    if (error.code === 'METHOD_NOT_ALLOWED') this.reply.header('allow', ALLOWED_METHODS)
    this.reply.send(error)
    this.clientAwaited()
  }

  /** After the head: a failure can only be shown by a break, or what was cut short would pass for whole. */
  #breakOff (outcome: Outcome, error: GatewayError): void {
    if (this.outcome !== undefined) return
    this.outcome = outcome
    this.error = error
    this.#responseBody?.stop()
    this.#protocol.breakOff(this.reply.raw, this.#responseBody?.hasLength === true)
  }

  // Hooks.

  hold (scope: AsyncResource): HeldBody {
    const body = new HeldBody(() => this.#attempts?.current?.resume(), scope)
    this.#attempts?.current?.deliverTo(body)
    return body
  }

  isOver (): boolean {
    if (this.isClientGone) this.ended()
    return this.#hasEnded || this.outcome !== undefined
  }

  hookFailed (error: GatewayError): void {
    this.#reject(error.code === 'BAD_GATEWAY' ? 'upstream error' : 'rejected', error)
  }

  // Upgrades.

  /** The upstream goes over to the protocol that the client asked for: after this head there is no more HTTP. */
  switched (response: UpstreamResponse, connection: Socket, early: Buffer): void {
    this.respondedAt = performance.now()
    const { route, reply, request } = this
    const protocol = protocolChosen(this.#upgrade, response.rawHeaders)
    if (protocol === undefined || this.#isUploading) {
      // One that nobody asked for, or before the whole of the request was there (RFC 9110 section 7.8).
      connection.destroy()
      this.#reject('upstream error', new GatewayError('BAD_GATEWAY', NOT_HTTP))
      return
    }
    for (const responded of route.observers.responded) responded(this)
    // A copy: the connection's next read goes to where it lies.
    const first = Buffer.from(early)
    const head = (): string[] => {
      const fields = route.responseHeads.build(response.rawHeaders, 101, response.httpVersion, reply.getHeaders(), this.#identity, request.id)
      fields.push('Connection', 'Upgrade', 'Upgrade', protocol)
      return fields
    }
    const pass = (fields: string[]): void => this.#goOver(response, connection, first, fields)
    if (this.#hooks === undefined) pass(head())
    else this.#hooks.switched(response, this, { head, pass, drop: () => connection.destroy() })
  }

  #goOver (response: UpstreamResponse, connection: Socket, early: Buffer, head: string[]): void {
    const { route, reply } = this
    if (connection.destroyed) {
      this.#reject('upstream error', new GatewayError('BAD_GATEWAY', BROKEN_OFF))
      return
    }
    if (!this.#writeHead(101, response.statusMessage, head, true)) {
      connection.destroy()
      return
    }
    const { socket } = this.#clientRequest
    switchProtocols(reply.raw, socket)
    connection.unshift(early)
    this.#tunnel = new Tunnel(socket, connection, route.upgradeTimeout, this)
    this.#tunnel.begin()
    for (const tunnelled of route.observers.tunnelled) tunnelled(this)
  }

  tunnelClosed (end: TunnelEnd, error: Error | undefined): void {
    if (end === 'silent') {
      this.outcome = 'timeout'
      this.error = new GatewayError('GATEWAY_TIMEOUT', SILENT, error)
    } else if (end === 'upstream gone') {
      this.outcome = 'upstream error'
      this.error = new GatewayError('BAD_GATEWAY', 'Upstream service broke the connection off', error)
    } else {
      this.outcome = end === 'client gone' ? 'client aborted' : 'completed'
    }
    // Node tells a response nothing of a connection that was taken from it; whoever waits for its end waits here.
    this.reply.raw.emit('close')
  }
}

/** Whether the client reads a trailer section (RFC 9110 section 6.5.1). */
function wantsTrailers ({ headers: { te }, httpVersion }: IncomingMessage): boolean {
  return te !== undefined && httpVersion !== '1.0' && members(String(te).toLowerCase()).includes('trailers')
}

/** The authority that the client asked for; `undefined` where it named none (HTTP/1.0). */
function hostAsked (url: string, fields: RawFields): string | undefined {
  // That of an absolute-form counts more than Host (RFC 9112 section 3.2.2).
  return (splitAbsolute(url)?.authority ?? fieldValue(fields, 'host')) || undefined
}

function protocolOf (request: IncomingMessage, upgrade: string | undefined): ClientProtocol {
  if (isHttp2(request)) return http2Client
  return upgrade !== undefined && hasBodyOnConnection(request) ? upgradingClient : http1Client
}

/** The exchange that responds with `raw`, where one was begun. */
export function exchangeOf (raw: object & { [kExchange]?: Exchange }): Exchange | undefined {
  return raw[kExchange]
}

function onClose (this: { [kExchange]?: Exchange }): void {
  this[kExchange]?.ended()
}
