import { ClientRequest } from 'node:http'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { wasReset } from './lost-connection.js'

/*
 * What Node's HTTP client does with a connection that its agent gives it, and documents nowhere:
 * - `ClientRequest` calls `agent.addRequest` in its constructor; the agent hands over a socket by `onSocket`.
 * - It hangs itself on the socket as `_httpMessage`, and its parser as `parser` while a response is read.
 * - The parser calls `push` of the response with each piece of the body, and with `null` at the end. A response without
 *   length or chunks ends with the connection: then `complete` is set, too, also when the connection was lost.
 * - `_handle.asyncReset` says to whom what happens on the socket belongs (AsyncLocalStorage).
 */

/** A socket as Node's client has it. */
export type ClientSocket = Socket & {
  parser?: object | null
  _httpMessage?: ClientRequest | null
  _handle?: { asyncReset? (resource: object): void } | null
}

/** Bytes of a response's head. */
const MAX_RESPONSE_HEAD = 65_536

/**
 * `http.request` itself: the function only makes this object. Node copies the options twice, so there are as few as
 * can be; `protocol` is not among them, as Node compares it with the agent's, which says `http:` also where it dials TLS.
 */
export function newRequest (agent: object, method: string, path: string, head: readonly string[]): ClientRequest {
  const options: object = { agent, method, path, headers: head }
  return new ClientRequest(options)
}

/** Sets what the parser of a request takes its bounds from; called by the agent, before there is a parser. */
export function boundParser (request: ClientRequest & { maxHeaderSize?: number, insecureHTTPParser?: boolean }): void {
  request.maxHeaderSize = MAX_RESPONSE_HEAD
  request.insecureHTTPParser = false
}

/**
 * What happens on the socket belongs to its present request, for AsyncLocalStorage and tracers, not to its first one.
 *
 * @param resource not the request itself: the handle holds on to what it is given, and an idle connection would keep
 * all of its last exchange alive until the next one, long enough for every collection to copy it
 */
export function resetOwner (socket: ClientSocket, resource: object): void {
  socket._handle?.asyncReset?.(resource)
}

/** Gets the body of a response. */
export interface BodyReceiver {
  /** @returns `false` to have no more until the socket is resumed */
  write (chunk: Buffer): boolean
  end (): void
}

/** A response as Node's parser makes it. */
export interface ParsedResponse extends Readable {
  /** Whether all of it was parsed. */
  readonly complete?: boolean
  /** `null` once the connection was released. */
  readonly socket?: Socket | null
}

const kReceiver = Symbol('receiver')

type Received = ParsedResponse & { [kReceiver]?: BodyReceiver | undefined }

/**
 * Gives the body of a response to `receiver` as the parser reads it. By way of the response's own stream each piece
 * would cost several ticks. Called in the request's `response` event.
 */
export function receiveBody (response: Received, receiver: BodyReceiver): void {
  response[kReceiver] = receiver
  response.push = pushToReceiver
}

/** In the place of `Readable.push`. */
function pushToReceiver (this: Received, chunk: Buffer | null): boolean {
  const receiver = this[kReceiver]
  if (receiver === undefined) return false
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
