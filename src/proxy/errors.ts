/** Every error that the gateway itself answers: what the client reads, and by which status. */
const KINDS = {
  BAD_REQUEST: { status: 400, message: 'The request cannot be forwarded' },
  NOT_FOUND: { status: 404, message: 'No route for this path' },
  REQUEST_TIMEOUT: { status: 408, message: 'The request did not arrive in time' },
  PAYLOAD_TOO_LARGE: { status: 413, message: 'The request is too large' },
  TOO_MANY_REQUESTS: { status: 429, message: 'Rate limit exceeded' },
  REQUEST_HEADER_FIELDS_TOO_LARGE: { status: 431, message: 'The head of the request is too large' },
  INTERNAL_ERROR: { status: 500, message: 'Internal error' },
  BAD_GATEWAY: { status: 502, message: 'Failed to connect to upstream service' },
  SERVICE_UNAVAILABLE: { status: 503, message: 'The service is not available' },
  GATEWAY_TIMEOUT: { status: 504, message: 'Upstream service did not respond in time' }
} as const

export type ErrorCode = keyof typeof KINDS

export interface ErrorBody {
  success: false
  error: { code: string, message: string }
  requestId: string
}

/**
 * An answer of the gateway's own. Its `message` is for the client and names no host, port or stack;
 * what happened is its `cause`, which only the log sees.
 */
export class GatewayError extends Error {
  readonly code: ErrorCode
  readonly statusCode: number

  constructor (code: ErrorCode, message: string = KINDS[code].message, cause?: unknown) {
    super(message, { cause })
    this.name = 'GatewayError'
    this.code = code
    this.statusCode = KINDS[code].status
  }
}

/** The JSON body of every error answer. */
export function errorBody (code: string, message: string, requestId: string): ErrorBody {
  return { success: false, error: { code, message }, requestId }
}

/** What Node's client or a socket reports before the upstream's head arrived, as the answer it deserves. */
export function upstreamFailure (cause: NodeJS.ErrnoException): GatewayError {
  return new GatewayError('BAD_GATEWAY', failureMessage(cause), cause)
}

function failureMessage (cause: NodeJS.ErrnoException): string | undefined {
  const code = cause.code ?? ''
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'Upstream service closed the connection before it answered'
  if (code.startsWith('HPE_')) return 'Upstream service sent an answer that is not valid HTTP'
  return undefined
}
