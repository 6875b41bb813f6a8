import type { IncomingHttpHeaders } from 'node:http'
import { bodyOf, MAX_BODY, Sum } from '../bodies.js'
import type { Origin, Seen } from '../observations.js'
import type { Plan } from '../plan.js'
import { TIMEOUT } from '../routes.js'

/** Milliseconds without a byte until a client takes its request for hung: two attempts, and room for a busy machine. */
export const PATIENCE = 2 * TIMEOUT + 3_000
/** Of a body that may be an error of the gateway's. */
const KEPT = 4_000

/** Writes down what a client sees of one request. */
export class Recorder {
  status: number | undefined
  isCertain = false
  /** Resolves once with what was seen. */
  readonly seen: Promise<Seen>
  readonly #sum = new Sum()
  #origin: Origin | undefined
  #code: string | undefined
  #expected: Buffer | undefined
  #text = ''
  #isSpoilt = false
  #isOver = false
  readonly #notes: string[] = []
  readonly #begun = performance.now()
  #moved = this.#begun
  #resolve: (seen: Seen) => void = () => {}
  readonly #timer: NodeJS.Timeout

  /** @param giveUp called when nothing moved for too long */
  constructor (readonly plan: Plan, readonly path: string, giveUp: () => void) {
    this.seen = new Promise(resolve => { this.#resolve = resolve })
    this.#timer = setInterval(() => {
      if (performance.now() - this.#moved < PATIENCE) return
      // What has come while this process was busy is read first.
      setImmediate(() => {
        if (performance.now() - this.#moved < PATIENCE) return
        this.finish('hung')
        giveUp()
      })
    }, 250)
  }

  get isOver (): boolean {
    return this.#isOver
  }

  /** Something went on. */
  moved (): void {
    this.#moved = performance.now()
  }

  note (what: string): void {
    this.#notes.push(`${what} +${Math.round(performance.now() - this.#begun)} ms`)
  }

  head (status: number, fields: IncomingHttpHeaders): void {
    this.moved()
    this.status = status
    this.note(`head ${status}`)
    const { 'x-id': id, 'x-status': said, 'x-length': length, 'x-sum': sum } = fields
    if (id === undefined) return
    this.#origin = { id: String(id), status: Number(said), length: Number(length), sum: String(sum) }
    this.#expected = bodyOf(this.plan.number, 'response', Math.min(this.#origin.length, MAX_BODY))
  }

  data (bytes: Buffer): void {
    this.moved()
    const at = this.#sum.bytes
    this.#sum.add(bytes)
    if (this.#expected !== undefined) this.#isSpoilt ||= !bytes.equals(this.#expected.subarray(at, at + bytes.length))
    else if (this.#text.length < KEPT) this.#text += bytes.toString('latin1')
  }

  /** A message came back that is not the one that was sent. */
  spoil (): void {
    this.#isSpoilt = true
  }

  /** As of a response whose body is all that was to come. */
  answeredAsPlanned (status: number): void {
    this.status = status
    this.#origin = { id: String(this.plan.number), status, length: this.#sum.bytes, sum: this.#sum.value }
  }

  finish (end: Seen['end'], note = ''): void {
    if (this.#isOver) return
    this.#isOver = true
    clearInterval(this.#timer)
    this.note(`${end} ${note}`.trim())
    if (this.#origin === undefined) this.#code = codeIn(this.#text)
    const { plan: { number, client, method }, path, status, isCertain } = this
    this.#resolve({
      number,
      client,
      method,
      path,
      end,
      status,
      origin: this.#origin,
      code: this.#code,
      bytes: this.#sum.bytes,
      sum: this.#sum.value,
      isSpoilt: this.#isSpoilt,
      // Of who left, nobody knows what the gateway has still read.
      isCertain: isCertain && end !== 'left',
      note: this.#notes.join(', ')
    })
  }
}

/** The code of an error of the gateway's, whose whole body that is. */
export function codeIn (text: string): string | undefined {
  try {
    const { success, error, requestId } = JSON.parse(text)
    return success === false && typeof error.message === 'string' && typeof requestId === 'string' ? String(error.code) : undefined
  } catch {
    return undefined
  }
}
