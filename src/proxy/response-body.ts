import type { ServerResponse } from 'node:http'
import type { UpstreamAnswer } from '../upstream/request.js'
import { allowedTrailers, fieldValue } from './fields.js'
import type { Wire } from './client-protocol.js'

/** The exchange that an answer belongs to. */
export interface DownloadOwner {
  /** Called before the last byte is written. */
  downloaded (): void
  /** The answer ended before it was whole. */
  answerBroken (error: unknown): void
}

const kDownload = Symbol('download')

declare module 'http' {
  interface OutgoingMessage { [kDownload]?: Download }
}

type Source = UpstreamAnswer & { [kDownload]?: Download }

/** An answer's body on its way to the client, at the client's pace. The head was written. */
export class Download {
  /** Sent so far. */
  bytes = 0
  /** Whether the client was waited for since this was last set to `false`. */
  wasHeld = false
  /** To come under Content-Length; NaN without one. */
  #remaining: number
  #begun = false
  #watchesDrain = false

  constructor (
    readonly answer: Source,
    readonly raw: ServerResponse,
    readonly wire: Wire,
    length: string | undefined,
    readonly owner: DownloadOwner,
    readonly wantsTrailers: boolean
  ) {
    this.#remaining = length === undefined ? NaN : Number(length)
  }

  get hasLength (): boolean {
    return !Number.isNaN(this.#remaining)
  }

  begin (): void {
    const { answer } = this
    answer[kDownload] = this
    answer.on('data', onData)
    answer.on('end', onEnd)
    answer.on('error', onError)
    // After what arrived together with the head, so that head and body leave in one write where they can.
    process.nextTick(flushHead, this)
  }

  /** The answer to HEAD, a 204, a 304 or Content-Length: 0: its head is all of it. */
  endAtOnce (): void {
    this.answer.resume()
    this.#end()
  }

  flushHead (): void {
    if (!this.#begun) this.wire.flushHead(this.raw)
  }

  /** What completes the Content-Length ends the answer in the same write. */
  forward (chunk: Buffer): void {
    const { raw } = this
    this.#begun = true
    this.bytes += chunk.length
    this.#remaining -= chunk.length
    if (this.#remaining === 0) {
      this.#end(chunk)
      return
    }
    if (raw.write(chunk)) return
    this.answer.pause()
    this.wasHeld = true
    if (this.#watchesDrain) return
    this.#watchesDrain = true
    raw[kDownload] = this
    raw.on('drain', onDrain)
  }

  goOn (): void {
    this.answer.resume()
  }

  finish (): void {
    if (this.raw.writableEnded) return
    const { raw, wire, answer: { rawTrailers } } = this
    if (this.wantsTrailers && rawTrailers.length > 0 && wire.takesTrailers(raw)) wire.addTrailers(raw, allowedTrailers(rawTrailers))
    this.#end()
  }

  /**
   * The connection is lost. What its end ends was cut short then; all other framings tell that by themselves (RFC 9112
   * section 8).
   */
  lost (error: Error): void {
    if (!this.hasLength && fieldValue(this.answer.rawHeaders, 'transfer-encoding') === undefined) this.fail(error)
  }

  /** Over HTTP/2 a service may still refuse the rest of an upload when its answer has ended. */
  fail (error: Error): void {
    if (this.raw.writableEnded) return
    this.owner.answerBroken(error)
  }

  #end (last?: Buffer): void {
    this.#begun = true
    this.owner.downloaded()
    this.raw.end(last)
  }
}

function flushHead (download: Download): void {
  download.flushHead()
}

function onDrain (this: ServerResponse): void {
  this[kDownload]?.goOn()
}

function onData (this: Source, chunk: Buffer): void {
  this[kDownload]?.forward(chunk)
}

function onEnd (this: Source): void {
  this[kDownload]?.finish()
}

function onError (this: Source, error: Error): void {
  this[kDownload]?.fail(error)
}
