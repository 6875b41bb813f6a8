import type { ServerResponse } from 'node:http'
import { countBody } from '../node/body-memory.js'
import { defer, isBusy } from '../node/loop-turn.js'
import type { Deferred } from '../node/loop-turn.js'
import type { BodySink, UpstreamResponse } from '../upstream/pool.js'
import type { ClientProtocol } from './client-protocol.js'
import { allowedTrailers } from './fields.js'
import type { FieldNames } from './fields.js'

/** The exchange that a response belongs to. */
export interface ResponseBodyOwner {
  /** The body is whole, and about to be written to its end. */
  bodyComplete (): void
  /** The response ended before it was whole. */
  bodyBroken (error: unknown): void
  /** The client is waited for: it has not taken what was written. */
  clientAwaited (): void
  /** The client takes more. */
  resumeBody (): void
}

const kBody = Symbol('body')

declare module 'http' {
  interface OutgoingMessage { [kBody]?: ResponseBody }
}

/** A response's body on its way to the client, at the pace at which that reads. The head was written. */
export class ResponseBody implements BodySink, Deferred {
  /** Sent so far. */
  bytes = 0
  /** Whether the client was waited for since this was last set to `false`. */
  wasHeld = false
  isHeld = false
  readonly #upstream: UpstreamResponse
  readonly #client: ServerResponse
  readonly #protocol: ClientProtocol
  readonly #owner: ResponseBodyOwner
  /** What trailers must not have; `undefined` where the client gets none. */
  readonly #notInTrailers: FieldNames | undefined
  /** To come under Content-Length; NaN without one. */
  #remaining: number
  #hasBegun = false
  #hasEnded = false
  #watchesDrain = false
  #last: Buffer | undefined

  /** @param length as the Content-Length field has it */
  constructor (upstream: UpstreamResponse, client: ServerResponse, protocol: ClientProtocol, length: string | undefined, notInTrailers: FieldNames | undefined, owner: ResponseBodyOwner) {
    this.#upstream = upstream
    this.#client = client
    this.#protocol = protocol
    this.#owner = owner
    this.#notInTrailers = notInTrailers
    this.#remaining = length === undefined ? NaN : Number(length)
  }

  get hasLength (): boolean {
    return !Number.isNaN(this.#remaining)
  }

  /** The response to HEAD, a 204, a 304 or Content-Length: 0: its head is all of it. */
  endWithHead (): void {
    this.#finish()
  }

  /** What completes the Content-Length ends the response in the same write. */
  write (chunk: Buffer): boolean {
    if (this.#hasEnded) return true
    this.#hasBegun = true
    this.bytes += chunk.length
    countBody(chunk.length)
    this.#remaining -= chunk.length
    if (this.#remaining === 0) {
      this.#finish(chunk)
      return true
    }
    if (this.#client.write(chunk)) return true
    this.isHeld = true
    this.wasHeld = true
    this.#owner.clientAwaited()
    if (!this.#watchesDrain) {
      this.#watchesDrain = true
      this.#client[kBody] = this
      this.#client.on('drain', onDrain)
    }
    return false
  }

  /** Sends a head whose body did not come with it. */
  flush (): void {
    if (this.#hasBegun) return
    this.#hasBegun = true
    this.#protocol.flushHead(this.#client)
  }

  /** Takes no more, not even an end: the response is broken off as soon as that can be done. */
  stop (): void {
    this.flush()
    this.#hasEnded = true
  }

  resume (): void {
    this.isHeld = false
    this.#owner.resumeBody()
  }

  end (): void {
    if (this.#hasEnded) return
    const { rawTrailers } = this.#upstream
    if (this.#notInTrailers !== undefined && rawTrailers.length > 0 && this.#protocol.takesTrailers(this.#client)) {
      this.#protocol.addTrailers(this.#client, allowedTrailers(rawTrailers, this.#notInTrailers))
    }
    this.#finish()
  }

  /** Over HTTP/2 an upstream may still reject the rest of an upload when its response has ended. */
  fail (error: Error): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#owner.bodyBroken(error)
  }

  endOfTurn (): void {
    this.#client.end(this.#last)
    // All that is left waits for the client.
    this.isHeld = true
    if (!this.#protocol.hasLeft(this.#client)) this.#owner.clientAwaited()
  }

  #finish (last?: Buffer): void {
    this.#hasBegun = true
    this.#hasEnded = true
    this.#last = last
    this.#owner.bodyComplete()
    if (isBusy()) defer(this)
    else this.endOfTurn()
  }
}

function onDrain (this: ServerResponse): void {
  this[kBody]?.resume()
}
