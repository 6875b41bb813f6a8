import type { IncomingMessage } from 'node:http'
import { countBody } from '../node/body-memory.js'
import type { BodyReceiver } from '../node/parsed-body.js'
import type { UpstreamRequest } from '../upstream/pool.js'
import type { OutgoingBody } from './attempt.js'
import type { BodyRate, RatedBody } from './body-rate.js'
import type { ClientProtocol } from './client-protocol.js'
import { GatewayError } from './errors.js'
import { allowedTrailers } from './fields.js'
import type { FieldNames } from './fields.js'

/** What bounds a request's body. */
export interface RequestBodyLimits {
  /** Bytes, also of a body whose length is not known before. */
  readonly maxBodySize: number
  readonly bodyRate: BodyRate
  /** Knows what trailers must not have. */
  readonly requestHeads: { readonly notInTrailers: FieldNames }
}

/** The exchange that a body belongs to. */
export interface RequestBodyOwner {
  /** The body must not go on: the exchange fails. */
  rejectBody (error: GatewayError): void
  /** The client is gone before the end of its body. */
  bodyAborted (): void
  /** A body that was to be collected is whole, or larger than it may be. */
  bodyCollected (): void
}

const NOTHING = Buffer.alloc(0)

const kBody = Symbol('body')

declare module 'http' {
  interface IncomingMessage { [kBody]?: RequestBody }
}

type Sender = UpstreamRequest & { [kBody]?: RequestBody }

/** A request's body on its way to an upstream, at the pace at which that reads. Made for requests that have one. */
export class RequestBody implements RatedBody, BodyReceiver, OutgoingBody {
  received = 0
  isHeld = false
  since = 0
  before = 0
  readonly #request: IncomingMessage
  readonly #protocol: ClientProtocol
  readonly #limits: RequestBodyLimits
  readonly #passesTrailers: boolean
  readonly #owner: RequestBodyOwner
  #upstream: Sender | undefined
  /** To come under Content-Length; NaN without one. */
  #remaining: number
  #hasBegun = false
  /** What was collected before there was an attempt. */
  #kept: Buffer[] | undefined
  #mostKept = 0
  #isWhole = false

  constructor (request: IncomingMessage, protocol: ClientProtocol, limits: RequestBodyLimits, passesTrailers: boolean, owner: RequestBodyOwner) {
    const length = request.headers['content-length']
    this.#request = request
    this.#protocol = protocol
    this.#limits = limits
    this.#passesTrailers = passesTrailers
    this.#owner = owner
    this.#remaining = length === undefined ? NaN : Number(length)
  }

  /**
   * Keeps the body until it is whole, or larger than `most`, and then tells the owner. A service that knows no chunks
   * so gets a length.
   *
   * @param most bytes
   */
  collect (most: number): void {
    this.#kept = []
    this.#mostKept = most
    this.#limits.bodyRate.watch(this)
    this.#listen()
  }

  /** Bytes of a body that was collected; `undefined` for one that streams. */
  get wholeLength (): number | undefined {
    return this.#isWhole ? this.received : undefined
  }

  copyWhole (): Buffer | undefined {
    return this.#isWhole && this.#kept !== undefined ? Buffer.concat(this.#kept) : undefined
  }

  /** Whether no byte of it was taken. */
  get isUntouched (): boolean {
    return this.#upstream === undefined && this.#kept === undefined
  }

  sendTo (upstream: Sender): void {
    this.#upstream = upstream
    upstream[kBody] = this
    upstream.on('drain', onDrain)
    if (this.#kept !== undefined) {
      this.#sendKept(this.#kept, upstream)
      return
    }
    this.#listen()
    // After what arrived together with the head: an upstream may have something to say before the body comes.
    if (!upstream.writableEnded) process.nextTick(begin, this)
  }

  #listen (): void {
    const request = this.#request
    request[kBody] = this
    request.on('aborted', onAborted)
    this.#protocol.deliverBody(request, this)
  }

  #sendKept (kept: Buffer[], upstream: Sender): void {
    this.#hasBegun = true
    if (this.#isWhole) {
      // Kept for another attempt.
      upstream.end(Buffer.concat(kept))
      return
    }
    this.#kept = undefined
    if (!upstream.write(Buffer.concat(kept))) this.isHeld = true
  }

  begin (): void {
    if (this.#upstream?.writableEnded !== false) return
    this.#limits.bodyRate.watch(this)
    // Not by `flushHeaders`, which sends the head as UTF-8: every byte beyond ASCII would become two.
    if (!this.#hasBegun) this.#upstream.write(NOTHING)
  }

  /** What completes the Content-Length ends the request in the same write. */
  write (chunk: Buffer): boolean {
    const upstream = this.#upstream
    if (upstream === undefined) return this.#keep(chunk)
    this.#hasBegun = true
    this.received += chunk.length
    countBody(chunk.length)
    this.#remaining -= chunk.length
    if (this.received > this.#limits.maxBodySize) {
      this.#owner.rejectBody(new GatewayError('PAYLOAD_TOO_LARGE'))
    } else if (this.#remaining === 0) {
      upstream.end(chunk)
    } else if (!upstream.write(chunk)) {
      this.isHeld = true
      return false
    }
    return true
  }

  #keep (chunk: Buffer): boolean {
    const kept = this.#kept
    if (kept === undefined) return true
    this.received += chunk.length
    this.#remaining -= chunk.length
    kept.push(chunk)
    if (this.received > this.#limits.maxBodySize) this.#owner.rejectBody(new GatewayError('PAYLOAD_TOO_LARGE'))
    else if (this.received > this.#mostKept) this.#owner.bodyCollected()
    return !this.isHeld
  }

  get moved (): number {
    return this.received
  }

  /** Not while the upstream reads slower than the client sends. */
  get awaitsClient (): boolean {
    return !this.isHeld
  }

  resume (): void {
    this.isHeld = false
    this.#protocol.resumeBody(this.#request)
  }

  end (): void {
    const upstream = this.#upstream
    this.#hasBegun = true
    this.#limits.bodyRate.leave(this)
    if (upstream === undefined && this.#kept !== undefined) {
      this.#isWhole = true
      this.#owner.bodyCollected()
    }
    if (upstream === undefined || upstream.writableEnded) return
    if (this.#passesTrailers && this.#request.rawTrailers.length > 0 && !this.#addTrailers(upstream)) return
    upstream.end()
  }

  #addTrailers (upstream: Sender): boolean {
    try {
      upstream.addTrailers(allowedTrailers(this.#request.rawTrailers, this.#limits.requestHeads.notInTrailers))
      return true
    } catch (error) {
      this.#owner.rejectBody(new GatewayError('BAD_REQUEST', undefined, error))
      return false
    }
  }

  /** The response has begun: from here on only the silence of both sides counts, as one may be all ears (a gRPC watch). */
  responded (): void {
    this.#limits.bodyRate.leave(this)
  }

  /** Reads no more of it. */
  stop (): void {
    this.#limits.bodyRate.leave(this)
    this.#protocol.stopBody(this.#request)
    this.#request.off('aborted', onAborted)
    this.#upstream = undefined
    this.#kept = undefined
  }

  /**
   * Not left to the end of the exchange: over HTTP/2 Node ends the body of a stream that the client resets with
   * NO_ERROR as if the client had said so, and only when all of it was read.
   */
  aborted (): void {
    this.stop()
    // Read by nobody, it would keep the stream.
    this.#request.resume()
    this.#owner.bodyAborted()
  }

  /** @returns whether anybody still waits for the body */
  reject (error: GatewayError): boolean {
    if (this.#upstream === undefined && this.#kept === undefined) return false
    this.#owner.rejectBody(error)
    return true
  }

  tooSlow (): void {
    this.#owner.rejectBody(new GatewayError('REQUEST_TIMEOUT', 'The body of the request came too slowly'))
  }
}

/**
 * Has the exchange whose body a request is part of told that the body cannot be read any further.
 *
 * @returns whether there is one, which then responds with the error
 */
export function rejectBodyOf (request: IncomingMessage, error: GatewayError): boolean {
  const body = request[kBody]
  return body !== undefined && body.reject(error)
}

function begin (body: RequestBody): void {
  body.begin()
}

function onDrain (this: Sender): void {
  this[kBody]?.resume()
}

function onAborted (this: IncomingMessage): void {
  this[kBody]?.aborted()
}
