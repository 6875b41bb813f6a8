import type { ObservedExchange, Observer, Outcome } from '../proxy/observers.js'
import { LoggerLines } from './access-lines.js'
import { codeOf } from './reason.js'
import type { AccessLine, AccessLines, LoggedRequest, Logger } from './access-line.js'

/** nginx's word for a client that left before there was a response. */
export const CLIENT_CLOSED_REQUEST = 499

/** The lines of the logs that do not go the usual way, see `writeAccessLinesAs`. */
const known = new WeakMap<Logger, AccessLines>()

/** Has the access lines of a log written in a way of their own. */
export function writeAccessLinesAs (lines: AccessLines, log: Logger): void {
  known.set(log, lines)
}

export function linesOf (log: Logger): AccessLines {
  return known.get(log) ?? new LoggerLines(log)
}

/** The first of the observers. What went wrong is in `err`, with its cause: hosts, ports and codes are for the log alone. */
export class AccessLog implements Observer {
  readonly #lines: AccessLines

  constructor (lines: AccessLines) {
    this.#lines = lines
  }

  ended (exchange: ObservedExchange): void {
    const { request, ip, reply: { raw }, route, target, attempts, bytes, error, startedAt, respondedAt, outcome = 'completed' } = exchange
    const status = raw.headersSent ? raw.statusCode : CLIENT_CLOSED_REQUEST
    // A response that an upstream itself calls a failure is one.
    const isFailure = error !== undefined || status >= 500
    if (!this.#lines.isOn(isFailure)) return
    const end = performance.now()
    const line: AccessLine = {
      reqId: request.id,
      ...(ip !== '' && { ip }),
      method: request.method,
      url: request.url,
      status,
      route: route.prefix,
      ...(target !== undefined && { target: target.name }),
      ...(attempts > 1 && { attempts }),
      bytes,
      duration: rounded(end - startedAt),
      upstreamDuration: rounded((respondedAt === 0 ? end : respondedAt) - startedAt),
      outcome
    }
    if (error !== undefined) {
      line.err = error
      const cause = causeOf(error)
      if (cause !== undefined) line.cause = cause
    }
    this.#lines.write(line, isFailure, request.raw)
  }
}

/** What is known of a request that reached no upstream. */
export type LocalRequest = Pick<AccessLine, 'reqId' | 'ip' | 'method' | 'url' | 'route' | 'err'>

/**
 * The line of a request that the gateway responded to itself: no route, over the limit, stopped by a hook, no HTTP. With
 * a `route`, the response is the one that stands there.
 *
 * @param status 499 where the client was gone before there was a response
 * @param duration milliseconds, where they are known
 */
export function logLocal (lines: AccessLines, request: LocalRequest, status: number, duration?: number, raw?: LoggedRequest): void {
  if (!lines.isOn(false)) return
  const outcome = request.route === undefined ? localOutcome(status) : 'completed'
  lines.write({ ...request, status, ...(duration !== undefined && { duration: rounded(duration) }), outcome }, false, raw)
}

export function localOutcome (status: number): Outcome {
  if (status === CLIENT_CLOSED_REQUEST) return 'client aborted'
  // A preflight is responded to as it should be, and nothing is rejected by it.
  return status < 400 ? 'completed' : 'rejected'
}

/** pino writes the message of a cause, and leaves out its code. */
function causeOf ({ cause }: Error): string | undefined {
  return cause instanceof Error ? codeOf(cause) : undefined
}

/** To a microsecond. */
function rounded (milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000
}
