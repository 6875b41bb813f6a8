import type { EventEmitter } from 'node:events'
import type { Readable } from 'node:stream'

/** Whoever a connection is lent to. */
export interface Lessee {
  /** Milliseconds without a byte in either direction, after which `onSilence` is called. */
  readonly timeout: number
  /** Whether to go on waiting. */
  onSilence (): boolean
}

/** What a target needs to know to send a request. */
export interface Order {
  method: string
  /** In origin-form, as it goes over the wire. */
  path: string
  /** Name, value, name, value; framed, `Host` first. */
  head: string[]
  /** Whether anything follows the head. */
  hasBody: boolean
  lessee: Lessee
  /** Asks for a new connection: the request was lost on a kept one. */
  fresh: boolean
}

/**
 * A request on its way to a service: Node's `ClientRequest`, or what stands for it over HTTP/2. Emits `response`
 * ({@link UpstreamAnswer}), `information` ({@link Interim}), `upgrade`, `drain` and `error`.
 */
export interface UpstreamRequest extends EventEmitter {
  readonly writableEnded: boolean
  write (chunk: Buffer): boolean
  addTrailers (fields: ReadonlyArray<[string, string]>): void
  end (): unknown
  destroy (): unknown
}

/** A head that comes before the answer's own (1xx). */
export interface Interim {
  statusCode: number
  statusMessage: string
  rawHeaders: string[]
}

/** A service's answer: Node's `IncomingMessage`, or what stands for it over HTTP/2. */
export interface UpstreamAnswer extends Readable {
  readonly httpVersion: string
  readonly statusCode: number
  /** Empty over HTTP/2. */
  readonly statusMessage: string
  /** Name, value, name, value, as they came. */
  readonly rawHeaders: string[]
  /** Filled in when the answer has ended. */
  readonly rawTrailers: string[]
  /** Whether the service said that the head is all of it, which HTTP/2 alone can say. */
  readonly isHeadOnly?: boolean
}

/** The connections to one target. */
export interface Connections {
  /**
   * Sends a request's head, or has it wait for a connection.
   *
   * @throws QueueFullError
   * @throws TypeError when Node's writer refuses the head
   */
  request (order: Order): UpstreamRequest
  /** Whether a request was lost in a way that tells that the service did nothing with it. */
  wasUntouched (request: UpstreamRequest, error: NodeJS.ErrnoException): boolean
  /** Gives a request up, also one that still waits for its connection. */
  drop (request: UpstreamRequest): void
  /** Learns from an answer's Keep-Alive field when the service closes idle connections. */
  keepAliveHint (value: string): void
  /** Closes what is idle; what is lent is closed when it comes back. */
  close (): void
}

/** As many connections as are allowed are in use, and as many requests as are allowed wait for one. */
export class QueueFullError extends Error {
  constructor (connections: number, requests: number) {
    super(`${connections} connections are in use and ${requests} requests wait`)
    this.name = 'QueueFullError'
  }
}
