import type { IncomingHttpHeaders } from 'node:http'
import type { Outcome } from '../proxy/observers.js'

/** One line for each request, whichever way it ended. */
export interface AccessLine {
  reqId: string
  /** The client's address; absent where it could not be told any more. */
  ip?: string
  method?: string | undefined
  url?: string | undefined
  /** 499, as nginx writes it, when the client went away before there was a response. */
  status: number
  /** The mounted prefix; absent where no route took the request. */
  route?: string
  target?: string
  /** How often it was tried, where that is more than once. */
  attempts?: number
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

/** Of a request, what some formats show beside the line. */
export interface LoggedRequest {
  readonly httpVersion: string
  readonly headers: IncomingHttpHeaders
}

/** How access lines get into a log. */
export interface AccessLines {
  /** Whether a line of this kind is written at all: none is made where it is not. */
  isOn (isFailure: boolean): boolean
  /** @param isFailure whether it shows at level warn */
  write (line: AccessLine, isFailure: boolean, request?: LoggedRequest): void
}

/** The part of a logger that is used: pino's, or any other that Fastify takes. */
export interface Logger {
  info (line: object, message: string): void
  warn (line: object, message: string): void
  isLevelEnabled? (level: 'info' | 'warn'): boolean
}
