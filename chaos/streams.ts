import type { Http2Stream } from 'node:http2'

/**
 * Tells once, when a stream is over, whether END_STREAM came. Node shows an end also where the other side reset it with
 * NO_ERROR, so its events do not tell.
 */
export function whenEnded (stream: Http2Stream, tell: (isWhole: boolean) => void): void {
  // A head that ends its stream has done so before anybody could look.
  let hasEnded = 'endAfterHeaders' in stream && stream.endAfterHeaders
  let isTold = false
  const over = (isWhole: boolean): void => {
    if (!isTold) tell(isWhole)
    isTold = true
  }
  const { push } = stream
  stream.push = (chunk: unknown, encoding?: BufferEncoding) => {
    if (chunk === null && !stream.closed) hasEnded = true
    return push.call(stream, chunk, encoding)
  }
  stream.on('end', () => { if (hasEnded) over(true) })
  stream.on('close', () => over(false))
}

/**
 * Resets a stream or ends a session when nghttp2 is not reading: called from an event, Node would send what waits at
 * once, and free a stream in whose frame nghttp2 still is (https://github.com/nodejs/node/issues/64113).
 */
export function outsideReads (reset: () => void): void {
  setImmediate(reset)
}
