import type { Socket } from 'node:net'

/** Milliseconds that a client has to read its answer and stop sending. */
const LINGER = 5_000

/**
 * Has the connection closed in peace after an answer that came before the upload's end. To close while unread
 * bytes wait makes the kernel send a reset, which may wipe the answer out before the client has read it
 * (RFC 9112 section 9.6). So our side is ended, what still arrives is thrown away unparsed, as a request may
 * hide in it, and the connection is closed when the client ends its side too or after `LINGER`.
 *
 * Node calls `destroySoon` when an answer with `Connection: close` is written.
 */
export function lingerAfterAnswer (socket: Socket): void {
  socket.destroySoon = linger
}

/** Whether an answer that closes the connection was given, or is about to be. */
export function isLingering (socket: Socket): boolean {
  return socket.destroySoon === linger
}

function linger (this: Socket): void {
  this.end()
  this.removeAllListeners('data')
  this.removeAllListeners('end')
  this.on('data', discard)
  this.on('end', this.destroy)
  const timer = setTimeout(destroy, LINGER, this).unref()
  this.on('close', () => clearTimeout(timer))
  this.resume()
}

function discard (): void {}

function destroy (socket: Socket): void {
  socket.destroy()
}
