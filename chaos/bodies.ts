import { createHash } from 'node:crypto'
import { Random } from '../fuzz/random.js'

export type Direction = 'request' | 'response'

export const MAX_BODY = 1 << 20
const BYTES = Buffer.from(new Random(1).bytes(2 * MAX_BODY), 'latin1')

/** The body of a request, or of the response to it: every request has bytes of its own in each direction. */
export function bodyOf (number: number, direction: Direction, length: number): Buffer {
  const at = (Math.imul(number * 2 + (direction === 'request' ? 0 : 1), 0x9e3779b1) >>> 0) % MAX_BODY
  return BYTES.subarray(at, at + length)
}

/** What a body says about itself, in fields beside it and in those of who received it. */
export function sumOf (...parts: readonly Buffer[]): string {
  const hash = new Sum()
  for (const part of parts) hash.add(part)
  return hash.value
}

/** The checksum of a body that comes in pieces. */
export class Sum {
  bytes = 0
  readonly #hash = createHash('sha1')

  add (bytes: Buffer): void {
    this.bytes += bytes.length
    this.#hash.update(bytes)
  }

  /** Of what was added so far. */
  get value (): string {
    return this.#hash.copy().digest('hex')
  }
}
