import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Bytes of bodies after which the copies that Node made of them are collected. */
const BUDGET = 8 * 2 ** 20

/** Bytes to come until the next collection; without end where nobody asked for any. */
let remaining = Infinity
let isScheduled = false
/** Absent where nobody asked for it, or V8 has none. */
let collect: typeof globalThis.gc

/**
 * Has the memory of bodies collected while it is in the caches of the processor. Node's parser copies each piece of a
 * body into a buffer of its own, which is garbage as soon as it is written. V8 lets tens of MiB of these pile up, and
 * every copy then goes to memory that no cache has: a 64 KiB response costs 1.5 times as much under Node 24 and 26, and
 * a hundred slow uploads twice the memory. Changes the whole process, which must be one's own.
 */
export function collectBodies (): void {
  setFlagsFromString('--expose-gc')
  collect = runInNewContext('globalThis.gc')
  remaining = BUDGET
}

/** Counts a piece of a body. */
export function countBody (bytes: number): void {
  remaining -= bytes
  if (remaining > 0 || isScheduled) return
  isScheduled = true
  setImmediate(endOfBudget)
}

function endOfBudget (): void {
  isScheduled = false
  remaining = BUDGET
  collect?.({ type: 'minor' })
}
