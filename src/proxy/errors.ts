import { QueueFullError } from '../upstream/pool.js'

/** Every error of the gateway's own: what the client reads, and with which status. */
const KINDS = {
  BAD_REQUEST: { status: 400, message: 'The request cannot be forwarded' },
  UNAUTHORIZED: { status: 401, message: 'Valid credentials are required' },
  FORBIDDEN: { status: 403, message: 'The origin of the page may not open this connection' },
  NOT_FOUND: { status: 404, message: 'No route for this path' },
  METHOD_NOT_ALLOWED: { status: 405, message: 'The gateway does not forward this method' },
  REQUEST_TIMEOUT: { status: 408, message: 'The request did not arrive in time' },
  PAYLOAD_TOO_LARGE: { status: 413, message: 'The request is too large' },
  EXPECTATION_FAILED: { status: 417, message: 'The only expectation that is met is 100-continue' },
  TOO_MANY_REQUESTS: { status: 429, message: 'Rate limit exceeded' },
  MISDIRECTED_REQUEST: { status: 421, message: 'Nothing is served here under this name' },
  REQUEST_HEADER_FIELDS_TOO_LARGE: { status: 431, message: 'The head of the request is too large' },
  INTERNAL_ERROR: { status: 500, message: 'Internal error' },
  NOT_IMPLEMENTED: { status: 501, message: 'The gateway does not know this method' },
  BAD_GATEWAY: { status: 502, message: 'Failed to connect to upstream service' },
  SERVICE_UNAVAILABLE: { status: 503, message: 'The service is not available' },
  GATEWAY_TIMEOUT: { status: 504, message: 'Upstream service did not respond in time' },
  HTTP_VERSION_NOT_SUPPORTED: { status: 505, message: 'Only HTTP/1.0, HTTP/1.1 and HTTP/2 are spoken here' },
  LOOP_DETECTED: { status: 508, message: 'The request came back to the gateway that sent it' }
} as const

export type ErrorCode = keyof typeof KINDS

/** A policy, or a bound, that rejects requests. */
export type Rejecter = 'cors' | 'access' | 'rate-limit' | 'auth' | 'concurrency' | 'body-buffer' | 'queue'

export interface ErrorBody {
  success: false
  error: { code: string, message: string }
  requestId: string
}

/**
 * An error response of the gateway's own. Its `message` is for the client and names no host, port or stack;
 * what happened is its `cause`, which only the log sees. It has no stack, which would cost more than the response, and
 * tell only where the gateway noticed what a client or an upstream did.
 */
export class GatewayError extends Error {
  readonly code: ErrorCode
  readonly statusCode: number
  /** Whose it is, for those who count. */
  rejecter: Rejecter | undefined

  constructor (code: ErrorCode, message: string = KINDS[code].message, cause?: unknown) {
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(message, { cause })
    Error.stackTraceLimit = stackTraceLimit
    this.name = 'GatewayError'
    this.code = code
    this.statusCode = KINDS[code].status
    this.rejecter = undefined
  }
}

export function rejectedBy (rejecter: Rejecter, error: GatewayError): GatewayError {
  error.rejecter = rejecter
  return error
}

/** No target has room, and the queue has none either, or not soon enough. */
export function noRoom (cause?: unknown): GatewayError {
  return rejectedBy('queue', new GatewayError('SERVICE_UNAVAILABLE', undefined, cause))
}

/** The JSON body of every error response. */
export function errorBody (code: string, message: string, requestId: string): ErrorBody {
  return { success: false, error: { code, message }, requestId }
}

/** What keeps a request from being sent at all: no room, or a head that Node's writer rejects although its parser let it pass. */
export function notSent (cause: unknown): GatewayError {
  return cause instanceof QueueFullError ? noRoom(cause) : new GatewayError('BAD_REQUEST', undefined, cause)
}

/** What Node's client or a socket reports before the upstream's head arrived, as the error that the client gets. */
export function upstreamFailure (cause: NodeJS.ErrnoException): GatewayError {
  if (cause instanceof QueueFullError) return notSent(cause)
  const code = String(cause.code)
  if (code === 'ERR_CONNECT_TIMEOUT') return new GatewayError('GATEWAY_TIMEOUT', 'Upstream service could not be reached in time', cause)
  return new GatewayError('BAD_GATEWAY', failureMessage(code), cause)
}

function failureMessage (code: string): string | undefined {
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'Upstream service closed the connection before it responded'
  if (code === 'ERR_HTTP2_STREAM_ERROR') return 'Upstream service rejected the request before it responded'
  if (code.startsWith('HPE_') || code.startsWith('ERR_HTTP')) return NOT_HTTP
  return undefined
}

/** For what an upstream sent and cannot be passed on. */
export const NOT_HTTP = 'Upstream service sent a response that is not valid HTTP'

/** For a response that an upstream began and did not end. */
export const BROKEN_OFF = 'Upstream service broke off its response'
