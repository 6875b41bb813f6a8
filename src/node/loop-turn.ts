/*
 * A turn of the event loop: libuv first hands over all that arrived (poll), then runs what `setImmediate` was given
 * (check). What is written in the middle of the first wakes the other end each time; what is written in the second
 * wakes it once for all.
 */

/** Something that is to be done at the end of the present turn of the event loop. */
export interface Deferred {
  endOfTurn (): void
}

/** Exchanges under way from which on a turn brings several of them. With fewer there is nothing to save. */
const BUSY = 8

let exchanges = 0
let waiting: Deferred[] = []
let running: Deferred[] = []

/** Counts an exchange in. */
export function enterExchange (): void {
  exchanges++
}

/** Counts an exchange out. */
export function leaveExchange (): void {
  exchanges--
}

/** Whether writes are better put off to the end of the turn. */
export function isBusy (): boolean {
  return exchanges >= BUSY
}

/** Has `deferred` called at the end of the turn, after those that came before it. */
export function defer (deferred: Deferred): void {
  if (waiting.push(deferred) === 1) setImmediate(endTurn)
}

function endTurn (): void {
  const ending = waiting
  waiting = running
  running = ending
  for (const deferred of ending) deferred.endOfTurn()
  ending.length = 0
}
