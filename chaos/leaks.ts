/** What a gateway's process holds. */
export interface State {
  /** Open files: sockets, pipes and whatever Node keeps for itself. */
  readonly files: number
  /** Objects of these kinds that something still reaches, closed and cleared ones as well. */
  readonly sockets: number
  readonly timers: number
  /** Bytes that something still reaches. */
  readonly heap: number
}

/** Some objects are kept to be used again, or until the next of their kind comes. */
const OBJECTS_MARGIN = 8
/** Of code that is compiled and shapes that are learned meanwhile. */
const HEAP_MARGIN = 8 * 1024 * 1024
/** Of every request, when it has ended. */
const HEAP_PER_REQUEST = 200

/** While services still have `idle` connections open, which may be kept for later: nothing else may be open. */
export function strayFiles (before: State, after: State, idle: number): string[] {
  const more = after.files - before.files - idle
  return more > 0 ? [`${more} open files more than at the start, beside ${idle} connections to services`] : []
}

/**
 * What is left when every connection is closed.
 *
 * @param before after a first few requests, with nothing open either
 */
export function leaksOf (before: State, after: State, requests: number): string[] {
  const growth = after.heap - before.heap
  return [
    ...strayFiles(before, after, 0),
    ...strayObjects('sockets', before.sockets, after.sockets),
    ...strayObjects('timers', before.timers, after.timers),
    ...(growth > HEAP_MARGIN + HEAP_PER_REQUEST * requests ? [`${(growth / 1024 / 1024).toFixed(1)} MiB more in the heap than at the start`] : [])
  ]
}

function strayObjects (kind: string, before: number, after: number): string[] {
  const more = after - before
  return more > OBJECTS_MARGIN ? [`${more} ${kind} more than at the start`] : []
}
