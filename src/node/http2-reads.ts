/*
 * nghttp2 reads all that has come on a session before it returns to Node, and Node runs listeners, ticks and promises in
 * the middle of it. A stream that is reset from there is freed while nghttp2 still reads a frame of its own, as Node
 * sends at once what waits (https://github.com/nodejs/node/issues/64113); a session that is destroyed from there gets
 * DATA for streams that are no more (https://github.com/nodejs/node/issues/64850). Both end the process. Up to Node 20
 * none of it is mended. A reset with CANCEL waits by itself.
 */

/** Calls `act` in the next turn of the event loop, when no session is being read. */
export function outsideReads<Arguments extends unknown[]> (act: (...given: Arguments) => void, ...given: Arguments): void {
  setImmediate(act, ...given)
}
