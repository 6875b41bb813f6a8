import type { AsyncResource } from 'node:async_hooks'
import type { Socket } from 'node:net'
import { enterExchange, leaveExchange } from '../node/loop-turn.js'
import type { ClientConnection, Interim, UpstreamResponse } from '../upstream/pool.js'
import type { AttemptResult, Target } from '../upstream/target.js'
import type { Attempt, OutgoingRequest } from './attempt.js'
import { Attempts } from './attempts.js'
import type { AttemptsOwner } from './attempts.js'
import type { BodyBuffer } from './body-buffer.js'
import { ClientRequest } from './client-request.js'
import { ClientResponse } from './client-response.js'
import type { ClientResponseOwner } from './client-response.js'
import type { Slot } from './concurrency.js'
import { authenticatesConnection } from './connection-auth.js'
import { BROKEN_OFF, GatewayError, NOT_HTTP, rejectedBy, upstreamFailure } from './errors.js'
import { changeFields, FIXED_IN_HOST } from './field-changes.js'
import type { HeaderChanges } from './field-changes.js'
import { fieldValue } from './fields.js'
import type { RawFields } from './fields.js'
import { frameByLength } from './heads.js'
import type { Client } from './heads.js'
import { HeldBody } from './held-body.js'
import type { StreamedBody } from './held-body.js'
import type { HookCalls, HookedExchange } from './hook-calls.js'
import type { ObservedExchange, Outcome } from './observers.js'
import { splitAbsolute } from './path.js'
import type { Reply, Request } from './request.js'
import { RequestBody } from './request-body.js'
import type { RequestBodyOwner } from './request-body.js'
import type { AttemptFailure } from './retry.js'
import type { Route } from './route.js'
import { ProtocolSwitch } from './switch.js'
import type { SwitchOwner } from './switch.js'
import type { Tunnel, TunnelEnd } from './tunnel.js'
import { protocolChosen } from './upgrade.js'
import { isSound } from './validate.js'

const NOBODY: Client = { forwardedFor: '', peer: '', ip: '', protocol: '', host: '', trusted: false }
const SILENT = 'No byte moved in either direction'

const kExchange = Symbol('exchange')

declare module 'http' {
  interface OutgoingMessage { [kExchange]?: Exchange }
}

/** One client request and its response. Reads from top to bottom in the order of a good one; failures follow. */
export class Exchange implements ObservedExchange, AttemptsOwner, RequestBodyOwner, ClientResponseOwner, SwitchOwner, HookedExchange {
  readonly timeout: number
  readonly startedAt = performance.now()
  respondedAt = 0
  outcome: Outcome | undefined
  error: GatewayError | undefined
  readonly #clientRequest: ClientRequest
  readonly #clientResponse: ClientResponse
  readonly #hooks: HookCalls | undefined
  /** Who asks; known when the exchange starts. */
  #identity = NOBODY
  #slot: Slot | undefined
  /** Whether its body was collected, or is to be. */
  #isBuffered = false
  #outgoing: OutgoingRequest | undefined
  #attempts: Attempts | undefined
  #requestBody: RequestBody | undefined
  #tunnel: Tunnel | undefined
  #hasEnded = false

  /** @param hooks of a program; absent for a route that has none */
  constructor (readonly route: Route, readonly request: Request, readonly reply: Reply, hooks?: HookCalls) {
    const { raw } = reply
    this.timeout = route.timeout
    this.#hooks = hooks
    this.#clientRequest = new ClientRequest(request.raw)
    this.#clientResponse = new ClientResponse(reply, this.#clientRequest, route, this)
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
    return this.#clientRequest.connection
  }

  get bytes (): number {
    return (this.#tunnel ?? this.#clientResponse).bytes
  }

  get received (): number {
    return (this.#tunnel ?? this.#requestBody)?.received ?? 0
  }

  /** Whether there is nobody left to respond to: nothing is to be started then. */
  get isClientGone (): boolean {
    return this.#clientRequest.isGone
  }

  /**
   * Validates the request and sends it on.
   *
   * @param target of the request, in origin-form
   * @param changes that a host has made to the headers
   */
  start (client: Client, target: string, changes?: HeaderChanges): void {
    const { route, request } = this
    const asked = this.#clientRequest
    this.#identity = client
    const { fields } = asked
    const wrong = asked.validate(fields, route, client.host)
    const path = wrong === undefined ? route.rewrite(target) : undefined
    if (path === undefined) {
      this.#reject('rejected', wrong ?? new GatewayError('BAD_REQUEST', 'The path cannot be forwarded'))
      return
    }
    const slot = route.concurrency.enter(asked.sharedConnection, client.ip, asked.raw, route.upstream, client.identity)
    if (slot instanceof GatewayError) {
      this.#reject('rejected', slot)
      return
    }
    this.#slot = slot
    if (asked.hasBody) this.#requestBody = new RequestBody(asked.raw, asked.protocol, route, asked.wantsTrailers && asked.isChunked, this)
    else asked.protocol.expectNoBody(asked.raw)
    const sent = changes === undefined ? fields : this.#changed(fields, changes)
    if (sent === undefined) return
    const head = route.requestHeads.build(sent, request.method, asked.raw.httpVersion, asked.framing, client, request.id)
    const bindsConnection = asked.raw.headers.authorization !== undefined && authenticatesConnection(sent)
    const host = route.preservesHost ? hostAsked(request.url, fields) : route.hostField
    const outgoing = { method: request.method, path, host, head, body: this.#requestBody, bindsConnection }
    if (this.#hooks === undefined) this.send(outgoing)
    else this.#hooks.prepare(outgoing, this)
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

  send (outgoing: OutgoingRequest): void {
    const { route: { bodyBuffer } } = this
    this.#outgoing = outgoing
    if (bodyBuffer !== undefined && this.#requestBody !== undefined && this.#clientRequest.upgrade === undefined) this.#collect(this.#requestBody, bodyBuffer)
    else this.#attempt(outgoing)
  }

  /** Waits for the whole of a body that is small enough, as far as that is known. */
  #collect (body: RequestBody, buffer: BodyBuffer): void {
    if (Number(this.#clientRequest.header('content-length')) > buffer.size) {
      this.bodyCollected()
    } else if (buffer.enter()) {
      this.#isBuffered = true
      body.collect(buffer.size)
    } else {
      this.#reject('rejected', rejectedBy('body-buffer', new GatewayError('SERVICE_UNAVAILABLE')))
    }
  }

  bodyCollected (): void {
    if (this.#outgoing === undefined) return
    const length = this.#requestBody?.wholeLength
    if (length !== undefined && this.#clientRequest.isChunked) frameByLength(this.#outgoing.head, length)
    this.#attempt(this.#outgoing)
  }

  #attempt (outgoing: OutgoingRequest): void {
    if (this.#clientRequest.upgrade === undefined) this.route.mirror?.copy(outgoing, this)
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
    return this.#clientRequest.header(name)
  }

  informed (interim: Interim): void {
    this.#clientResponse.inform(interim)
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
    if (this.#hooks === undefined) this.pass(response, this.responseHead(response))
    else this.#hooks.responded(response, this)
  }

  responseHead (response: UpstreamResponse): string[] {
    return this.#clientResponse.head(response, this.#identity, this.request.id, this.#attempts?.cookie)
  }

  isBodiless (response: UpstreamResponse): boolean {
    return this.#clientResponse.isBodiless(response)
  }

  pass (response: UpstreamResponse, head: string[], streamed?: StreamedBody, isOther = false): void {
    const wrong = this.#clientResponse.pass(response, head, streamed ?? this.#attempts?.current, isOther)
    if (wrong !== undefined) this.#reject('upstream error', wrong)
  }

  bodyComplete (): void {
    if (this.#clientRequest.isUploading) this.#stopUpload()
  }

  /** The one point where every exchange ends: the response was written whole, or the client's connection is gone. */
  ended (): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.outcome ??= this.#clientResponse.isWritten ? 'completed' : 'client aborted'
    this.#attempts?.end(this.outcome, this.error)
    if (this.#slot !== undefined) this.route.concurrency.leave(this.#slot)
    if (this.#isBuffered) this.route.bodyBuffer?.leave()
    this.#clientResponse.end()
    this.#requestBody?.stop()
    this.#clientRequest.protocol.release(this.#clientRequest.raw)
    leaveExchange()
    for (const ended of this.route.observers.ended) ended(this)
    this.#hooks?.ended(this)
  }

  // Failures.

  /** All attempts came to nothing before the head of a response. */
  failed ({ error }: AttemptFailure): void {
    this.#reject(error.code === 'ERR_CONNECT_TIMEOUT' ? 'timeout' : 'upstream error', upstreamFailure(error))
  }

  notSent (error: GatewayError): void {
    this.#reject('rejected', error)
  }

  rejectBody (error: GatewayError): void {
    this.#fail(error.code === 'REQUEST_TIMEOUT' ? 'timeout' : 'rejected', error)
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
    if (this.#clientResponse.hasMoved()) return true
    this.#fail('timeout', this.#silence())
    return false
  }

  #silence (): GatewayError {
    if (this.#clientResponse.hasBegun) return new GatewayError('GATEWAY_TIMEOUT', SILENT)
    if (!this.#clientRequest.isUploading || this.#requestBody?.isHeld !== false) return new GatewayError('GATEWAY_TIMEOUT')
    return new GatewayError('REQUEST_TIMEOUT', 'The body of the request stopped coming')
  }

  readTooSlowly (): void {
    if (this.outcome === undefined) this.#breakOff('timeout', new GatewayError('REQUEST_TIMEOUT', 'The client read its response too slowly'))
    else this.#clientResponse.drop()
  }

  /** Nobody wants the rest of the body. */
  #stopUpload (): void {
    this.#requestBody?.stop()
    this.#clientRequest.protocol.abandonBody(this.#clientRequest.raw)
  }

  #fail (outcome: Outcome, error: GatewayError): void {
    if (this.#clientResponse.hasBegun) this.#breakOff(outcome, error)
    else this.#reject(outcome, error)
  }

  /** Before the head: a failure is a response of the gateway's own. */
  #reject (outcome: Outcome, error: GatewayError): void {
    if (this.outcome !== undefined) return
    this.outcome = outcome
    this.error = error
    this.#attempts?.drop()
    const isLast = this.#clientRequest.isUploading || outcome === 'rejected'
    if (isLast) this.#stopUpload()
    this.#clientResponse.sendError(error, isLast)
  }

  /** After the head: a failure can only be shown by a break, or what was cut short would pass for whole. */
  #breakOff (outcome: Outcome, error: GatewayError): void {
    if (this.outcome !== undefined) return
    this.outcome = outcome
    this.error = error
    this.#clientResponse.breakOff()
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

  /** The upstream goes over to the protocol that the client asked for. */
  switched (response: UpstreamResponse, connection: Socket, early: Buffer): void {
    this.respondedAt = performance.now()
    const protocol = protocolChosen(this.#clientRequest.upgrade, response.rawHeaders)
    if (protocol === undefined || this.#clientRequest.isUploading) {
      // One that nobody asked for, or before the whole of the request was there (RFC 9110 section 7.8).
      connection.destroy()
      this.switchFailed(new GatewayError('BAD_GATEWAY', NOT_HTTP))
      return
    }
    const to = new ProtocolSwitch(protocol, response, connection, early, this.#clientResponse, this)
    if (this.#hooks === undefined) to.pass(to.head())
    else this.#hooks.switched(response, this, to)
  }

  switchFailed (error: GatewayError): void {
    this.#reject('upstream error', error)
  }

  tunnelled (tunnel: Tunnel): void {
    this.#tunnel = tunnel
    for (const tunnelled of this.route.observers.tunnelled) tunnelled(this)
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

/** The authority that the client asked for; `undefined` where it named none (HTTP/1.0). */
function hostAsked (url: string, fields: RawFields): string | undefined {
  // That of an absolute-form counts more than Host (RFC 9112 section 3.2.2).
  return (splitAbsolute(url)?.authority ?? fieldValue(fields, 'host')) || undefined
}

/** The exchange that responds with `raw`, where one was begun. */
export function exchangeOf (raw: object & { [kExchange]?: Exchange }): Exchange | undefined {
  return raw[kExchange]
}

function onClose (this: { [kExchange]?: Exchange }): void {
  this[kExchange]?.ended()
}
