import type { IncomingMessage } from 'node:http'
import type { UpstreamRequest } from '../upstream/request.js'
import { GatewayError } from './errors.js'
import { allowedTrailers } from './fields.js'
import type { Pace, Paced } from './body-rate.js'

/** What bounds a request's body. */
export interface UploadLimits {
  /** Bytes, also of a body whose length is not known before. */
  readonly maxBodySize: number
  readonly pace: Pace
}

/** The exchange that a body belongs to. */
export interface UploadOwner {
  /** The body must not go on: the exchange fails. */
  rejectUpload (error: GatewayError): void
}

const NOTHING = Buffer.alloc(0)

const kUpload = Symbol('upload')

declare module 'http' {
  interface IncomingMessage { [kUpload]?: Upload }
}

type Carrier = UpstreamRequest & { [kUpload]?: Upload }

/** A request's body on its way to the service, at the service's pace. Made for requests that have one. */
export class Upload implements Paced {
  received = 0
  isHeld = false
  since = 0
  before = 0
  #begun = false

  constructor (
    readonly client: IncomingMessage,
    readonly upstream: Carrier,
    readonly limits: UploadLimits,
    readonly passesTrailers: boolean,
    readonly owner: UploadOwner
  ) {}

  begin (): void {
    const { client, upstream, limits } = this
    client[kUpload] = this
    upstream[kUpload] = this
    upstream.on('drain', onDrain)
    client.on('data', onData)
    client.on('end', onEnd)
    limits.pace.watch(this)
    // After what arrived together with the head: a service may have something to say before the body comes.
    process.nextTick(flushHead, this)
  }

  flushHead (): void {
    // Not by `flushHeaders`, which sends the head as UTF-8: every byte beyond ASCII would become two.
    if (!this.#begun) this.upstream.write(NOTHING)
  }

  forward (chunk: Buffer): void {
    this.#begun = true
    this.received += chunk.length
    if (this.received > this.limits.maxBodySize) {
      this.owner.rejectUpload(new GatewayError('PAYLOAD_TOO_LARGE'))
    } else if (!this.upstream.write(chunk)) {
      this.isHeld = true
      this.client.pause()
    }
  }

  goOn (): void {
    this.isHeld = false
    this.client.resume()
  }

  finish (): void {
    this.#begun = true
    this.limits.pace.leave(this)
    if (this.passesTrailers && this.client.rawTrailers.length > 0 && !this.#addTrailers()) return
    this.upstream.end()
  }

  #addTrailers (): boolean {
    try {
      this.upstream.addTrailers(allowedTrailers(this.client.rawTrailers))
      return true
    } catch (error) {
      this.owner.rejectUpload(new GatewayError('BAD_REQUEST', undefined, error))
      return false
    }
  }

  /** Reads no more of it. */
  stop (): void {
    this.limits.pace.leave(this)
    this.client.off('data', onData)
    this.client.off('end', onEnd)
  }

  tooSlow (): void {
    this.owner.rejectUpload(new GatewayError('REQUEST_TIMEOUT', 'The body of the request came too slowly'))
  }
}

function flushHead (upload: Upload): void {
  upload.flushHead()
}

function onDrain (this: Carrier): void {
  this[kUpload]?.goOn()
}

function onData (this: IncomingMessage, chunk: Buffer): void {
  this[kUpload]?.forward(chunk)
}

function onEnd (this: IncomingMessage): void {
  this[kUpload]?.finish()
}
