import type { IncomingMessage } from 'node:http'
import type { Outcome, Settled } from '../proxy/route.js'

/** The part of a pino logger that is used. */
export interface Logger {
  info (line: object, message: string): void
  warn (line: object, message: string): void
}

/** One line for each request that was answered or given up, whichever way it ended. */
export interface AccessLine {
  reqId: string
  method: string | undefined
  url: string | undefined
  /** 499, as nginx writes it, when the client went away before there was an answer. */
  status: number
  /** The mounted prefix; absent where no route took the request. */
  route?: string
  target?: string
  /** Of the answer's body. */
  bytes?: number
  /** Milliseconds from the handler's start to the last byte written. */
  duration: number
  /** Milliseconds of these until the service's head arrived, or until it was given up. */
  upstreamDuration?: number
  outcome: Outcome
  err?: Error
  /** The code of what went wrong beneath it: ECONNREFUSED, CERT_HAS_EXPIRED. */
  cause?: string
}

const CLIENT_CLOSED_REQUEST = 499

/** The line of an exchange. What went wrong is in `err`, with its cause: hosts, ports and codes are for the log alone. */
export function logExchange (log: Logger, exchange: Settled): void {
  const { request, reply: { raw }, route, error, startedAt, answeredAt, outcome = 'completed' } = exchange
  const end = performance.now()
  const line: AccessLine = {
    reqId: request.id,
    method: request.method,
    url: request.url,
    status: raw.headersSent ? raw.statusCode : CLIENT_CLOSED_REQUEST,
    route: route.prefix,
    target: route.target.name,
    bytes: exchange.bytes,
    duration: rounded(end - startedAt),
    upstreamDuration: rounded((answeredAt === 0 ? end : answeredAt) - startedAt),
    outcome
  }
  if (error === undefined) {
    log.info(line, outcome)
  } else {
    line.err = error
    const cause = causeOf(error)
    if (cause !== undefined) line.cause = cause
    log.warn(line, outcome)
  }
}

/** The line of a request that was answered before it reached a service: no route, over the limit, stopped by a hook. */
export function logAnswered (log: Logger, reqId: string, { method, url }: IncomingMessage, status: number, duration: number): void {
  // A preflight is answered as it should be, and nothing is refused by it.
  const outcome = status < 400 ? 'completed' : 'refused'
  const line: AccessLine = { reqId, method, url, status, duration: rounded(duration), outcome }
  log.info(line, outcome)
}

/** pino writes the message and stack of a cause, and leaves out its code. */
function causeOf ({ cause }: Error): string | undefined {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : undefined
}

/** To a microsecond. */
function rounded (milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000
}
