import type { BodySink, Interim, UpstreamResponse } from '../upstream/pool.js'
import type { ClientRequest } from './client-request.js'
import { RETRY_AFTER } from './concurrency.js'
import { Delivery } from './delivery.js'
import type { DeliveryOwner } from './delivery.js'
import { GatewayError, NOT_HTTP } from './errors.js'
import { eachField, fieldValue } from './fields.js'
import { announceTrailers } from './heads.js'
import type { Client } from './heads.js'
import type { Reply } from './request.js'
import { ResponseBody } from './response-body.js'
import type { ResponseBodyOwner } from './response-body.js'
import type { Route } from './route.js'
import { ALLOWED_METHODS } from './validate.js'

/** Where the bytes of a body come from. */
export interface BodySource {
  deliverTo (sink: BodySink): void
  /** Goes on, when the one that they are delivered to takes more. */
  resume (): void
}

/** The exchange that a response belongs to. */
export interface ClientResponseOwner {
  /** The body is whole, and about to be written to its end. */
  bodyComplete (): void
  /** The upstream's response ended before it was whole. */
  bodyBroken (error: unknown): void
  readTooSlowly (): void
}

/** What a client gets, and how it takes it. */
export class ClientResponse implements ResponseBodyOwner, DeliveryOwner {
  readonly #reply: Reply
  readonly #request: ClientRequest
  readonly #route: Route
  readonly #owner: ClientResponseOwner
  #body: ResponseBody | undefined
  #source: BodySource | undefined
  /** Made when the client is first waited for. */
  #delivery: Delivery | undefined
  #flushed = 0
  #isOver = false

  constructor (reply: Reply, request: ClientRequest, route: Route, owner: ClientResponseOwner) {
    this.#reply = reply
    this.#request = request
    this.#route = route
    this.#owner = owner
  }

  /** Of the body, that were sent. */
  get bytes (): number {
    return this.#body?.bytes ?? 0
  }

  /** A head before the response's own: 103 Early Hints, 102 Processing. */
  inform ({ statusCode, statusMessage, rawHeaders }: Interim): void {
    // 100 is of each hop: the client has had its own.
    if (statusCode === 100) return
    this.#request.protocol.inform(this.#reply.raw, statusCode, statusMessage, this.#route.responseHeads.interim(rawHeaders))
  }

  /** @param cookie that the client is to keep */
  head (response: UpstreamResponse, client: Client, requestId: string, cookie: string | undefined): string[] {
    const { rawHeaders, statusCode } = response
    const { isUploading, protocol, wantsTrailers } = this.#request
    const head = this.#route.responseHeads.build(rawHeaders, statusCode, response.httpVersion, this.#reply.getHeaders(), client, requestId)
    if (cookie !== undefined) head.push('Set-Cookie', cookie)
    if (isUploading) head.push(...protocol.closing)
    if (statusCode === 426) protocol.addRequiredProtocol(rawHeaders, head)
    if (wantsTrailers && !this.#isHeadOnly(response) && fieldValue(rawHeaders, 'content-length') === undefined) announceTrailers(rawHeaders, head)
    return head
  }

  /** Whether a response never has a body. */
  isBodiless ({ statusCode }: UpstreamResponse): boolean {
    return this.#request.raw.method === 'HEAD' || statusCode === 204 || statusCode === 304
  }

  #isHeadOnly (response: UpstreamResponse): boolean {
    return this.isBodiless(response) || response.isHeadOnly === true || fieldValue(response.rawHeaders, 'content-length') === '0'
  }

  /**
   * Writes the head, and has the body follow.
   *
   * @param isOther whether the body is another one than the response's
   * @returns the error where it cannot be written
   */
  pass (response: UpstreamResponse, head: string[], source: BodySource | undefined, isOther: boolean): GatewayError | undefined {
    const { protocol, wantsTrailers } = this.#request
    const isHeadOnly = !isOther && this.#isHeadOnly(response)
    const wrong = this.writeHead(response, head, isHeadOnly)
    if (wrong !== undefined) return wrong
    const length = isOther ? undefined : fieldValue(response.rawHeaders, 'content-length')
    const notInTrailers = wantsTrailers && !isOther ? this.#route.responseHeads.notInTrailers : undefined
    this.#body = new ResponseBody(response, this.#reply.raw, protocol, length, notInTrailers, this)
    this.#source = source
    source?.deliverTo(this.#body)
    if (isHeadOnly) this.#body.endWithHead()
    return undefined
  }

  /**
   * Up to here a failure is still a response of the gateway's own.
   *
   * @param isWhole whether nothing of a response follows it
   * @returns the error where it cannot be written
   */
  writeHead ({ statusCode, statusMessage }: UpstreamResponse, head: string[], isWhole: boolean): GatewayError | undefined {
    try {
      this.#request.protocol.writeHead(this.#reply.raw, statusCode, statusMessage, head, isWhole)
    } catch (error) {
      return new GatewayError('BAD_GATEWAY', NOT_HTTP, error)
    }
    this.#reply.hijack()
    return undefined
  }

  /**
   * Responds with an error of the gateway's own.
   *
   * @param isLast whether the rest of what the client sends is of no use
   */
  sendError (error: GatewayError, isLast: boolean): void {
    const reply = this.#reply
    if (isLast) eachField(this.#request.protocol.closing, (name, value) => reply.header(name, value))
    if (error.code === 'METHOD_NOT_ALLOWED') reply.header('allow', ALLOWED_METHODS)
    if (error.code === 'SERVICE_UNAVAILABLE' || error.code === 'TOO_MANY_REQUESTS') reply.header('retry-after', RETRY_AFTER)
    reply.send(error)
    this.clientAwaited()
  }

  clientAwaited (): void {
    if (this.#delivery !== undefined || this.#isOver) return
    this.#delivery = new Delivery(this)
    this.#route.responseRate.watch(this.#delivery)
  }

  /** Bytes that left for the client. */
  get flushed (): number {
    return this.#request.protocol.flushed(this.#reply.raw, this.bytes)
  }

  /** Whether what there is of the response waits for its client alone. */
  get awaitsClient (): boolean {
    return this.#body?.isHeld !== false
  }

  readTooSlowly (): void {
    this.#owner.readTooSlowly()
  }

  resumeBody (): void {
    this.#source?.resume()
  }

  bodyComplete (): void {
    this.#owner.bodyComplete()
  }

  bodyBroken (error: unknown): void {
    this.#owner.bodyBroken(error)
  }

  /** Whether its head was written, and its body is under way. */
  get hasBegun (): boolean {
    return this.#body !== undefined
  }

  /** Whether the client took anything since this was last called: one that reads slower than one buffer still moves bytes. */
  hasMoved (): boolean {
    const { flushed } = this
    if (this.#body?.wasHeld !== true || flushed === this.#flushed) return false
    this.#flushed = flushed
    this.#body.wasHeld = this.#body.isHeld
    return true
  }

  /** Whether every byte of it was handed to the connection. */
  get isWritten (): boolean {
    return this.#request.protocol.isWritten(this.#reply.raw)
  }

  /** Cuts it short so that the client cannot take it for whole. */
  breakOff (): void {
    this.#body?.stop()
    this.#request.protocol.breakOff(this.#reply.raw, this.#body?.hasLength === true)
  }

  /** Breaks off what is whole, and is not read. */
  drop (): void {
    this.#request.protocol.breakOff(this.#reply.raw, true)
  }

  /** The exchange has ended. */
  end (): void {
    this.#isOver = true
    if (this.#delivery !== undefined) this.#route.responseRate.leave(this.#delivery)
  }
}
