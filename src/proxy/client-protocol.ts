import type { IncomingMessage, ServerResponse } from 'node:http'
import { Http2ServerRequest } from 'node:http2'
import type { BodyReceiver } from '../node/parsed-body.js'
import { hasVanished, releaseRequest } from '../node/server-connection.js'
import type { ClientConnection } from '../upstream/pool.js'
import type { RawFields } from './fields.js'

/** What differs between a client that speaks HTTP/1 and one that speaks HTTP/2. One object for each, made at start. */
export interface ClientProtocol {
  /** The request's fields as HTTP/1 would have them, `Host` included. */
  fields (request: IncomingMessage): RawFields
  /** What the request came on, which other requests may share. */
  connection (request: IncomingMessage): ClientConnection
  /** Whether a body follows the request's head. */
  hasBody (request: IncomingMessage): boolean
  /** Whether the client went away before the exchange began. */
  isGone (request: IncomingMessage): boolean
  /** The connection, where it carries several requests at once. */
  sharedConnection (request: IncomingMessage): object | undefined
  /** Called when the exchange begins: no body follows the request's head. */
  expectNoBody (request: IncomingMessage): void
  /** Gives the request's body to `receiver`, from now on. */
  deliverBody (request: IncomingMessage, receiver: BodyReceiver): void
  /** Goes on with a body whose receiver wanted no more for a while. */
  resumeBody (request: IncomingMessage): void
  /** Gives no more of it to the receiver. */
  stopBody (request: IncomingMessage): void
  /** Called when the exchange has ended. */
  release (request: IncomingMessage): void
  /** Passes an interim response on (1xx), where the client understands one. */
  inform (response: ServerResponse, status: number, reason: string, head: string[]): void
  /**
   * @param isWhole whether nothing follows it
   * @throws when Node's writer rejects the head
   */
  writeHead (response: ServerResponse, status: number, reason: string, head: string[], isWhole: boolean): void
  /** Sends a head that was written and whose body is not there yet. */
  flushHead (response: ServerResponse): void
  /** Tells the client by which protocol alone it gets a response, in the head of a 426 (RFC 9110 section 15.5.22). */
  addRequiredProtocol (upstream: RawFields, head: string[]): void
  /** Whether the response may end with a trailer section, given its head was written. */
  takesTrailers (response: ServerResponse): boolean
  /** @throws when Node's writer rejects one */
  addTrailers (response: ServerResponse, trailers: Array<[string, string]>): void
  /** Whether every byte of the response was handed to the connection. */
  isWritten (response: ServerResponse): boolean
  /**
   * Bytes that left for the client so far, for comparison with a later count.
   *
   * @param written bytes of the body that were given to `response`
   */
  flushed (response: ServerResponse, written: number): number
  /** Whether all of an ended response was given to the kernel, as far as that can be told at once. */
  hasLeft (response: ServerResponse): boolean
  /** Breaks a response off so that the client cannot take it for whole. */
  breakOff (response: ServerResponse, hasLength: boolean): void
  /** The fields that tell the client of an early response not to send the rest; before the head is written. */
  readonly closing: readonly string[]
  /** Reads no more of a body that nobody wants the rest of, after a response that came early. */
  abandonBody (request: IncomingMessage): void
}

/** Whether the connection, or the stream, that a request came by is no more. */
export function isGone (request: IncomingMessage): boolean {
  const isClosed = isHttp2(request) ? request.stream.destroyed : request.socket.destroyed
  return isClosed || hasVanished(request.socket)
}

/** Lets go of a request that no exchange was begun for, as its client is gone. */
export function releaseGone (request: IncomingMessage): void {
  if (!isHttp2(request)) releaseRequest(request)
}

/** Fastify's types know HTTP/1 only; under HTTP/2 Node's compatible API is behind them. */
export function isHttp2 (request: object): request is Http2ServerRequest {
  return request instanceof Http2ServerRequest
}
