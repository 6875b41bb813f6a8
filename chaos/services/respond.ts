import { setTimeout as pass } from 'node:timers/promises'
import { bodyOf, sumOf } from '../bodies.js'
import { piecesOf } from '../faults.js'
import type { Answer, Fault } from '../faults.js'
import { TIMEOUT } from '../routes.js'
import type { ArrivalRecord } from './journal.js'

/** Milliseconds that an upload is left unread: the gateway has given up by then. */
const HELD = 2 * TIMEOUT

export type Framing = Answer['framing']

/** One side of a request at a service, in whichever protocol. */
export interface Responder {
  /** Whether it can end a body by ending the connection, or end short without one. */
  readonly isHttp2: boolean
  /** Resolves when the upload has ended, whichever way. */
  readonly uploaded: Promise<unknown>
  readonly isGone: boolean
  /** Reads no more of the upload. */
  hold (): void
  /** Reads on. */
  release (): void
  head (status: number, fields: Record<string, string>, length: number, framing: Framing): void
  /** Resolves when the bytes have left, or never will. */
  write (bytes: Buffer): Promise<void>
  end (): void
  /** Resets the connection, or the stream. */
  reset (): void
  /** Closes the connection in order, whatever was said. */
  close (): void
  /** Writes what is not HTTP. */
  spoil (variant: number): void
}

/** Plays the service: responds as it should, or with that fault. */
export async function respond (responder: Responder, record: ArrivalRecord, answer: Answer, wantsEvents: boolean): Promise<void> {
  record.note(`fault ${record.fault}`)
  if (record.fault === 'early') {
    // Something of the upload may be on its way.
    if (answer.variant % 2 === 0) await pass(answer.pause / 4)
    responder.hold()
  } else if (record.fault === 'hang' && answer.variant % 2 === 0) {
    responder.hold()
    // Who reads nothing is not told of the end either, which stands behind what was sent.
    await pass(HELD)
    responder.release()
    return
  } else if (answer.variant % 4 !== 0) {
    await responder.uploaded
  }
  if (responder.isGone) return
  if (wantsEvents && FAULTS_OF_EVENTS.includes(record.fault)) await new Response(responder, record, { ...answer, status: 200, framing: 'chunked', pieces: 6, pause: answer.pause / 2 }, wantsEvents)[record.fault]()
  else await new Response(responder, record, answer, wantsEvents)[record.fault]()
  record.note('done')
}

/** A service that fails otherwise than it was told to proves nothing. */
export function fail (error: unknown): void {
  setImmediate(() => { throw error })
}

const FAULTS_OF_EVENTS: readonly Fault[] = ['none', 'drip', 'reset', 'short', 'hang-body']

/** Each fault is a method of its name. */
class Response implements Record<Fault, () => unknown> {
  readonly #answer: Answer
  readonly #body: Buffer

  constructor (readonly responder: Responder, readonly record: ArrivalRecord, answer: Answer, readonly isEvents: boolean) {
    this.#answer = answer
    this.#body = bodyOf(record.number, 'response', answer.length)
  }

  #head (framing: Framing = this.#answer.framing, status = this.#answer.status): void {
    const { number } = this.record
    this.responder.head(status, {
      'content-type': this.isEvents ? 'text/event-stream' : 'application/octet-stream',
      'x-id': String(number),
      'x-status': String(status),
      'x-length': String(this.#body.length),
      'x-sum': sumOf(this.#body)
    }, this.#body.length, framing)
  }

  async #write (body: Buffer, pieces: number, pause: number): Promise<void> {
    for (const piece of piecesOf(body, pieces)) {
      if (this.responder.isGone) return
      await this.responder.write(piece)
      if (pause > 0) await pass(pause)
    }
  }

  /** Less than the whole body, so that it shows. */
  async #writePart (): Promise<void> {
    const { cut, pieces } = this.#answer
    const part = this.#body.subarray(0, Math.floor(this.#body.length * cut))
    await this.#write(part, pieces, 0)
  }

  async none (): Promise<void> {
    this.#head()
    await this.#write(this.#body, this.#answer.pieces, this.isEvents ? this.#answer.pause : 0)
    this.responder.end()
  }

  // Of the target, not of a request.
  refuse = this.none
  killed = this.none

  hang (): void {}

  async 'hang-body' (): Promise<void> {
    this.#head(this.#answer.framing)
    await this.#writePart()
  }

  async reset (): Promise<void> {
    const { variant, pause } = this.#answer
    if (variant >= 3) {
      this.#head()
      await this.#writePart()
      if (variant >= 8) await pass(pause / 10)
    }
    this.responder.reset()
  }

  async short (): Promise<void> {
    // Where the end of the connection is the end of the body, nobody could tell; nor is there anything short of nothing.
    const framing = this.responder.isHttp2 || this.#answer.framing === 'close' ? 'length' : this.#answer.framing
    this.#head(framing)
    await this.#writePart()
    if (this.#body.length === 0 && framing === 'length') this.responder.end()
    else this.responder.close()
  }

  async drip (): Promise<void> {
    this.#head()
    await this.#write(this.#body, 12, this.#answer.pause)
    this.responder.end()
  }

  async garbage (): Promise<void> {
    const { variant } = this.#answer
    if (variant >= 6) {
      this.#head('chunked')
      await this.#writePart()
    }
    this.responder.spoil(variant)
  }

  async early (): Promise<void> {
    this.#head('length', 413)
    await this.#write(this.#body, 1, 0)
    this.responder.end()
    if (this.#answer.variant % 3 === 0) this.responder.reset()
    else this.responder.close()
  }

  async close (): Promise<void> {
    this.#head(this.#answer.framing === 'close' ? 'length' : this.#answer.framing)
    await this.#write(this.#body, this.#answer.pieces, 0)
    this.responder.end()
    this.responder.close()
  }
}
