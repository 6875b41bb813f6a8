import type { IncomingMessage, ServerResponse } from 'node:http'
import { Http2ServerRequest } from 'node:http2'
import type { RawFields } from './fields.js'

/** What differs between a client that speaks HTTP/1 and one that speaks HTTP/2. One object for each, made at start. */
export interface Wire {
  /** The request's fields as HTTP/1 would have them, `Host` included. */
  fields (client: IncomingMessage): RawFields
  /** Whether a body follows the request's head. */
  hasBody (client: IncomingMessage): boolean
  /** Whether the client went away before the exchange began. */
  isGone (client: IncomingMessage): boolean
  /** Passes an interim answer on (1xx), where the client understands one. */
  inform (raw: ServerResponse, status: number, reason: string, head: string[]): void
  /**
   * @param isWhole whether nothing follows it
   * @throws when Node's writer refuses the head
   */
  writeHead (raw: ServerResponse, status: number, reason: string, head: string[], isWhole: boolean): void
  /** Sends a head that was written and whose body is not there yet. */
  flushHead (raw: ServerResponse): void
  /** Whether the answer may end with a trailer section, given its head was written. */
  takesTrailers (raw: ServerResponse): boolean
  /** @throws when Node's writer refuses one */
  addTrailers (raw: ServerResponse, trailers: Array<[string, string]>): void
  /** Whether every byte of the answer was handed to the connection. */
  isWritten (raw: ServerResponse): boolean
  /**
   * Bytes that left for the client so far, for comparison with a later count.
   *
   * @param written bytes of the body that were given to `raw`
   */
  flushed (raw: ServerResponse, written: number): number
  /** Breaks an answer off so that the client cannot take it for whole. */
  breakOff (raw: ServerResponse, hasLength: boolean): void
  /** The fields that tell the client of an early answer not to send the rest; before the head is written. */
  readonly closing: readonly string[]
  /** Lets go of a body that nobody wants the rest of, after an answer that came early. */
  abandonBody (client: IncomingMessage): void
}

/** Fastify's types know HTTP/1 only; under HTTP/2 Node's compatible API is behind them. */
export function isHttp2 (client: object): client is Http2ServerRequest {
  return client instanceof Http2ServerRequest
}
