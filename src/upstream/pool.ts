import type { EventEmitter } from 'node:events'
import type { ParsedMessage } from '../node/parsed-body.js'

/** A client's connection: a socket, or a session of HTTP/2. */
export type ClientConnection = EventEmitter & { readonly destroyed: boolean }

/** A request for a pool to send, and whom to tell of silence on its connection. */
export interface PoolRequest {
  readonly method: string
  /** In origin-form, as it goes over the wire. */
  readonly path: string
  /** Name, value, name, value; framed, `Host` first. */
  readonly head: string[]
  /** Whether anything follows the head. */
  readonly hasBody: boolean
  /** Whose request it is. */
  readonly client?: ClientConnection
  /** Whether it authenticates the connection that it is sent on, which is the client's alone from then on. */
  readonly bindsConnection?: boolean
  /** Asks for a new connection: an earlier attempt was lost on a kept one. */
  readonly fresh: boolean
  /** Whether nothing is written before `connected` is called. */
  readonly awaitsConnection?: boolean
  /** Its connection is there. */
  connected? (): void
  /** Milliseconds without a byte in either direction, after which `silent` is called. */
  readonly timeout: number
  /** Nothing moved for `timeout`. @returns whether to go on waiting */
  silent (): boolean
}

/**
 * A request on its way to a target: Node's `ClientRequest`, or what stands for it over HTTP/2. Emits `response`
 * ({@link UpstreamResponse}), `information` ({@link Interim}), `upgrade`, `drain` and `error`.
 */
export interface UpstreamRequest extends EventEmitter {
  readonly writableEnded: boolean
  write (chunk: Buffer): boolean
  addTrailers (fields: ReadonlyArray<[string, string]>): void
  end (last?: Buffer): unknown
  destroy (): unknown
}

/**
 * How far a request came before it failed. `unconnected`: no connection came about. `unprocessed`: the upstream said
 * that it did nothing with it. `lost`: on a kept connection that the upstream may have closed by then; nothing came back.
 * `sent`: anything may have been done.
 */
export type Progress = 'unconnected' | 'unprocessed' | 'lost' | 'sent'

/** A head that comes before the response's own (1xx). */
export interface Interim {
  statusCode: number
  statusMessage: string
  rawHeaders: string[]
}

/** Node's `IncomingMessage`, or what stands for it over HTTP/2. Its body is read by {@link Pool.deliver} alone. */
export interface UpstreamResponse extends ParsedMessage {
  readonly httpVersion: string
  readonly statusCode: number
  /** Empty over HTTP/2. */
  readonly statusMessage: string
  /** Name, value, name, value, as they came. */
  readonly rawHeaders: string[]
  /** Filled in when the response has ended. */
  readonly rawTrailers: string[]
  /** Whether the upstream said that the head is all of it, which HTTP/2 alone can say. */
  readonly isHeadOnly?: boolean
}

/** Takes the body of a response. */
export interface BodySink {
  /** @returns `false` to have no more until `Pool.resume` */
  write (chunk: Buffer): boolean
  /** What came at once has been written. */
  flush (): void
  /** All of the body, and its trailers, have come. */
  end (): void
  /** No more will come, and it was not all. */
  fail (error: Error): void
}

/** The connections to one target. */
export interface Pool {
  /**
   * Sends a request's head, or has it wait for a connection.
   *
   * @throws QueueFullError
   * @throws TypeError when Node's writer rejects the head
   */
  request (options: PoolRequest): UpstreamRequest
  /** Gives the body of a response to `sink`, from now on; called in the `response` event. */
  deliver (response: UpstreamResponse, sink: BodySink): void
  /** Goes on delivering. */
  resume (response: UpstreamResponse): void
  /** How far a request had come that failed with `error`. */
  progressOf (request: UpstreamRequest, error: NodeJS.ErrnoException): Progress
  /** Gives a request up, also one that still waits for its connection. */
  drop (request: UpstreamRequest): void
  /** Learns from a response's Keep-Alive field when the upstream closes idle connections. */
  learnKeepAlive (value: string): void
  /** Requests that it has room for, without one that waits. */
  readonly free: number
  /** Requests that it takes at once, without those that wait. */
  readonly capacity: number
  /** Open connections. */
  readonly size: number
  /** Open connections that nobody uses. */
  readonly idle: number
  /** Requests that wait for a connection. */
  readonly waiting: number
  /** Connections that were opened, ever, */
  readonly opened: number
  /** and requests that got one which had carried others. */
  readonly reused: number
  /** Closes what is idle; what is in use is closed when it is released. */
  close (): void
}

export interface PoolLimits {
  /** Connections open at once. */
  readonly maxConnections: number
  /** Requests that wait for a connection; one more throws QueueFullError. */
  readonly maxQueue: number
  /** Milliseconds that a connection is kept idle, unless the upstream's Keep-Alive field says less. */
  readonly idleTimeout: number
  /** Milliseconds after which a connection is not used again, so that a name that moved is looked up anew. */
  readonly maxLifetime: number
}

export const HTTP1_LIMITS: PoolLimits = { maxConnections: 4096, maxQueue: 1024, idleTimeout: 30_000, maxLifetime: 600_000 }

/** One connection carries many requests: a hundred at least. */
export const HTTP2_LIMITS: PoolLimits = { ...HTTP1_LIMITS, maxConnections: 64 }

/** As many connections as are allowed are in use, and as many requests as are allowed wait for one. */
export class QueueFullError extends Error {
  constructor (connections: number, requests: number) {
    super(`${connections} connections are in use and ${requests} requests wait`)
    this.name = 'QueueFullError'
  }
}
