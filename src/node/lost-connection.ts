import { Socket } from 'node:net'
import { Writable } from 'node:stream'

/*
 * What Node and libuv make of a connection that its other end resets:
 * - libuv up to 1.50 (Node 20 and 22) reads data that came together with the reset, and then reports the end of the
 *   connection, as after a FIN. The error is still on the socket.
 * - Node destroys a socket on which a write failed, whatever lies in it unread.
 */

const NOTHING = Buffer.alloc(0)

/**
 * Whether a connection that has ended was reset, and not closed in order. A write of nothing sends nothing, and fails
 * with the error that is pending on the socket. Only where the end of the connection is the end of a message does it
 * matter, as nothing else tells there whether that is whole.
 */
export function wasReset (connection: Socket): boolean {
  // Node replaces the `write` of a connection that has ended.
  if (connection.errored === null) Writable.prototype.write.call(connection, NOTHING, 'latin1')
  return codeOf(connection.errored) === 'ECONNRESET'
}

/**
 * Has a connection on which a write fails destroyed only when all is read that had come before: a server that wants
 * no more of a body says so and closes, and what it does not read then makes its kernel send a reset. The response
 * lies in our kernel by then, where the next write meets the reset first.
 */
export function readBeforeFailing (connection: Socket): void {
  connection.destroy = destroyWhenRead
}

function destroyWhenRead (this: Socket, error?: Error): Socket {
  if (!isFailedWrite(error)) return destroy(this, error)
  afterNextPoll(this, error, -1)
  return this
}

/** libuv reads in its poll phase, and may be in the midst of one: the second `setImmediate` from here is behind a whole one. */
function afterNextPoll (connection: Socket, error: Error, bytes: number): void {
  setImmediate(() => setImmediate(destroyIfRead, connection, error, bytes))
}

/** @param bytes that had been read a turn ago */
function destroyIfRead (connection: Socket, error: Error, bytes: number): void {
  if (connection.destroyed) return
  const { bytesRead } = connection
  if (connection.isPaused()) connection.once('resume', () => afterNextPoll(connection, error, bytesRead))
  else if (bytesRead === bytes) destroy(connection, error)
  else afterNextPoll(connection, error, bytesRead)
}

function destroy (connection: Socket, error: Error | undefined): Socket {
  return Socket.prototype.destroy.call(connection, error)
}

function isFailedWrite (error: NodeJS.ErrnoException | undefined): error is NodeJS.ErrnoException {
  return error?.syscall === 'write' && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
}

function codeOf (error: NodeJS.ErrnoException | null): string | undefined {
  return error?.code
}
