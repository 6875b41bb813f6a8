import type { ObservedExchange, Observer, Outcome } from '../proxy/observers.js'

/** The part of a pino logger that is used. */
export interface Logger {
  info (line: object, message: string): void
  warn (line: object, message: string): void
}

/** One line for each request, whichever way it ended. */
export interface AccessLine {
  reqId: string
  method?: string | undefined
  url?: string | undefined
  /** 499, as nginx writes it, when the client went away before there was a response. */
  status: number
  /** The mounted prefix; absent where no route took the request. */
  route?: string
  target?: string
  /** Of the response's body. */
  bytes?: number
  /** Milliseconds from the handler's start to the last byte written. */
  duration?: number
  /** Milliseconds of these until the upstream's head arrived, or until it was given up. */
  upstreamDuration?: number
  outcome: Outcome
  err?: Error
  /** The code of what went wrong beneath it: ECONNREFUSED, CERT_HAS_EXPIRED. */
  cause?: string
}

const CLIENT_CLOSED_REQUEST = 499

/** The first of the observers. What went wrong is in `err`, with its cause: hosts, ports and codes are for the log alone. */
export class AccessLog implements Observer {
  readonly #log: Logger

  constructor (log: Logger) {
    this.#log = log
  }

  ended ({ request, reply: { raw }, route, target, bytes, error, startedAt, respondedAt, outcome = 'completed' }: ObservedExchange): void {
    const end = performance.now()
    const line: AccessLine = {
      reqId: request.id,
      method: request.method,
      url: request.url,
      status: raw.headersSent ? raw.statusCode : CLIENT_CLOSED_REQUEST,
      route: route.prefix,
      ...(target !== undefined && { target: target.name }),
      bytes,
      duration: rounded(end - startedAt),
      upstreamDuration: rounded((respondedAt === 0 ? end : respondedAt) - startedAt),
      outcome
    }
    if (error === undefined) {
      this.#log.info(line, outcome)
    } else {
      line.err = error
      const cause = causeOf(error)
      if (cause !== undefined) line.cause = cause
      this.#log.warn(line, outcome)
    }
  }
}

/** What is known of a request that reached no upstream. */
export type LocalRequest = Pick<AccessLine, 'reqId' | 'method' | 'url' | 'err'>

/**
 * The line of a request that the gateway responded to itself: no route, over the limit, stopped by a hook, no HTTP.
 *
 * @param duration milliseconds, where they are known
 */
export function logLocal (log: Logger, request: LocalRequest, status: number, duration?: number): void {
  // A preflight is responded to as it should be, and nothing is rejected by it.
  const outcome = status < 400 ? 'completed' : 'rejected'
  const line: AccessLine = { ...request, status, ...(duration !== undefined && { duration: rounded(duration) }), outcome }
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
