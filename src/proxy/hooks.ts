import type { Readable } from 'node:stream'
import type { GivenHeaders, Headers } from './field-changes.js'
import type { Outcome } from './observers.js'

/** A target as it is given to `getTarget`'s caller: its URL, or the parts of its address. */
export type TargetChoice = string | { readonly host: string, readonly port: number, readonly protocol?: 'http' | 'https' }

/** A service's response, as its head came. */
export interface ServiceResponse {
  readonly statusCode: number
  /** Empty over HTTP/2. */
  readonly statusMessage: string
  /** Names in lower case; a list where a field stands more than once. */
  readonly headers: Readonly<Headers>
}

/** What a client was told went wrong. */
export interface GatewayFailure {
  /** `BAD_GATEWAY`, `GATEWAY_TIMEOUT` and so on. */
  readonly code: string
  readonly statusCode: number
  /** For the client: it names no host, port or stack. */
  readonly message: string
  /** What happened. */
  readonly cause?: unknown
}

/** An exchange that has ended. */
export interface EndedExchange<Request> {
  readonly request: Request
  /** The prefix of its route. */
  readonly route: string
  /** The service that was asked last; absent where none was. */
  readonly target: string | undefined
  /** `undefined` when the client left before it got one. */
  readonly statusCode: number | undefined
  readonly outcome: Outcome
  /** What went wrong. */
  readonly error: GatewayFailure | undefined
  /** Of the response's body. */
  readonly bytes: number
  /** Milliseconds until the last byte. */
  readonly duration: number
}

type Awaitable<Value> = Value | Promise<Value>

/**
 * What a program decides of an exchange, in this order. Each is optional, and may be async. One that fails, or does not
 * end within the route's `timeout`, makes the response a 500.
 */
export interface Hooks<Request> {
  /** Where the request goes; `undefined` for the route's own target. */
  getTarget? (request: Request): Awaitable<TargetChoice | undefined>
  /**
   * The path and query to ask the service for; `undefined` leaves them.
   *
   * @param path as it would go out: the prefix stripped, or rewritten
   */
  rewritePath? (path: string, request: Request): Awaitable<string | undefined>
  /**
   * Changes `headers`, or returns others in their place. Framing, fields of the hop and Host stay what they are.
   *
   * @param headers of the request to the service, names in lower case
   */
  rewriteRequestHeaders? (headers: Headers, request: Request): Awaitable<GivenHeaders | undefined | void>
  /** The service has responded. */
  onResponse? (request: Request, response: ServiceResponse): Awaitable<void>
  /**
   * Changes `headers`, or returns others in their place. Framing and fields of the hop stay what they are.
   *
   * @param headers of the response to the client, names in lower case
   */
  rewriteResponseHeaders? (headers: Headers, request: Request, response: ServiceResponse): Awaitable<GivenHeaders | undefined | void>
  /**
   * Returns what is sent in the body's place; `undefined` leaves it. Not asked where there is none: of HEAD, 204, 304.
   *
   * @param stream the body as the service sent it, with its Content-Encoding
   */
  transformResponse? (stream: Readable, request: Request, response: ServiceResponse): Awaitable<Readable | AsyncIterable<Uint8Array | string> | undefined>
  /** Something went wrong in an exchange. What fails here is only logged. */
  onError? (error: GatewayFailure, request: Request): Awaitable<void>
  /** Nothing more can happen in an exchange. What fails here is only logged. */
  onEnd? (exchange: EndedExchange<Request>): Awaitable<void>
}

/** Every hook there is. */
export const HOOK_NAMES = [
  'getTarget', 'rewritePath', 'rewriteRequestHeaders', 'onResponse', 'rewriteResponseHeaders', 'transformResponse', 'onError', 'onEnd'
] as const satisfies ReadonlyArray<keyof Hooks<unknown>>
