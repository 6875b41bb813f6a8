import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { wasReset } from './lost-connection.js'

/*
 * What Node's parser does with the body of a message, and documents nowhere: it calls `push` of the message with each
 * piece, stops reading the connection where that returns `false`, sets `complete` at the end, and calls `push` with
 * `null`. A response without length or chunks ends with its connection: then `complete` is set, too, also when the
 * connection was lost. By way of the message's own stream each piece would cost several ticks, and be held once more while it waits.
 */

/** Gets the body of a message. */
export interface BodyReceiver {
  /** @returns `false` to have no more for now */
  write (chunk: Buffer): boolean
  /** The body is whole, and its trailers have come. */
  end (): void
}

/** A message as Node's parser makes it. */
export interface ParsedMessage extends Readable {
  /** Whether all of it was parsed. */
  readonly complete?: boolean
  /** `null` for a response whose connection was released. */
  readonly socket?: Socket | null
}

const kReceiver = Symbol('receiver')

type Received = ParsedMessage & { [kReceiver]?: BodyReceiver | undefined }

/** Gives the body of a response to `receiver` as the parser reads it. Called in the request's `response` event. */
export function receiveBody (message: Received, receiver: BodyReceiver): void {
  message[kReceiver] = receiver
  message.push = pushToReceiver
}

/** Gives the body of a client's request to `receiver`: what has come by now, and then the rest as the parser reads it. */
export function receiveRequestBody (request: IncomingMessage, receiver: BodyReceiver): void {
  for (let chunk: Buffer | null = request.read(); chunk !== null; chunk = request.read()) receiver.write(chunk)
  if (request.complete) receiver.end()
  else receiveBody(request, receiver)
}

/** Goes on with a body whose receiver wanted no more for a while. */
export function resumeRequestBody (request: IncomingMessage): void {
  request._read(0)
}

/** Throws away what is still to come. */
export function discardBody (message: Received): void {
  message[kReceiver] = undefined
}

/** In the place of `Readable.push`. */
function pushToReceiver (this: Received, chunk: Buffer | null): boolean {
  const receiver = this[kReceiver]
  if (receiver === undefined) return true
  if (chunk !== null) return receiver.write(chunk)
  // Node also pushes `null` when the connection was closed in the middle, whose 'close' tells of it.
  if (this.complete !== true || isCut(this.socket)) return false
  this[kReceiver] = undefined
  receiver.end()
  // Node's client releases the connection on this event.
  this.emit('end')
  return false
}

/** Whether a response came to its end only because its connection was lost. */
function isCut (connection: Socket | null | undefined): boolean {
  return connection != null && (connection.destroyed || (connection.readableEnded && wasReset(connection)))
}
