import type { Rejecter } from '../proxy/errors.js'
import type { ObservedExchange, Observer, Outcome } from '../proxy/observers.js'
import { CLIENT_CLOSED_REQUEST } from './access-log.js'
import type { RecentFailures } from './recent-failures.js'
import { codeOf, reasonOf } from './reason.js'

/** Methods that are told apart; all others count as the last one, as a client may make up any. */
export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'OTHER'] as const
export const STATUSES = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const
export const OUTCOMES = ['completed', 'rejected', 'client aborted', 'upstream error', 'timeout'] as const satisfies readonly Outcome[]
export const REJECTERS = ['cors', 'access', 'rate-limit', 'auth', 'concurrency', 'body-buffer', 'queue'] as const satisfies readonly Rejecter[]
/** Seconds: the upper bounds of what durations are counted in. What takes longer is counted behind the last one. */
export const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const

const METHOD_PLACES = new Map<string, number>(METHODS.map((method, place) => [method, place]))
const OTHER = METHODS.length - 1
/** Behind the buckets: what is above all of them, and the sum. */
const SUM = BUCKETS.length + 1
/** Values of a histogram. */
export const HISTOGRAM = BUCKETS.length + 2
/** Values of one method and status: requests by outcome, and a histogram of their durations. */
const CELL = OUTCOMES.length + HISTOGRAM

/** Characters of a path that are kept. */
const LONGEST_PATH = 200

/** Requests of one method with one class of status. */
export interface Cell {
  readonly method: string
  readonly status: string
  /** In the order of `OUTCOMES`. */
  readonly outcomes: Float64Array
  /** Of all buckets, each alone, then what is above, then the sum in seconds. */
  readonly durations: Float64Array
}

/** A request that no exchange was begun for. */
export interface LocalEnd {
  readonly method: string
  readonly status: number
  /** Milliseconds. */
  readonly duration: number
  readonly outcome: Outcome
  readonly rejecter: Rejecter | undefined
}

/**
 * What is counted of one route: numbers in arrays that are there, since it happens with each request. They get their
 * names when somebody asks for them.
 */
export class RouteTally implements Observer {
  inFlight = 0
  tunnels = 0
  /** Of those that ended. */
  requests = 0
  /** Of these, those that the gateway or the service failed: a 5xx, a timeout, a response that was broken off. */
  failures = 0
  retries = 0
  received = 0
  sent = 0
  /** As `Cell.durations`. */
  readonly durations = new Float64Array(HISTOGRAM)
  /** Of the time until the upstream's head came, as `Cell.durations`. */
  readonly upstreamDurations = new Float64Array(HISTOGRAM)
  /** In the order of `REJECTERS`. */
  readonly rejected = new Float64Array(REJECTERS.length)
  /** By method and status; there from the first such request on. */
  readonly #cells: Array<Float64Array | undefined> = new Array(METHODS.length * STATUSES.length).fill(undefined)
  readonly #recent: RecentFailures

  /** @param upstream its name, or that of the route's own target */
  constructor (readonly prefix: string, readonly upstream: string, recent: RecentFailures) {
    this.#recent = recent
  }

  began (): void {
    this.inFlight++
  }

  tunnelled (): void {
    this.tunnels++
  }

  ended (exchange: ObservedExchange): void {
    const { request: { method }, reply: { raw }, outcome = 'completed', startedAt, respondedAt, attempts, error } = exchange
    const status = raw.headersSent ? raw.statusCode : CLIENT_CLOSED_REQUEST
    const isTunnel = status === 101
    this.inFlight--
    if (isTunnel) this.tunnels--
    if (attempts > 1) this.retries += attempts - 1
    this.received += exchange.received
    this.sent += exchange.bytes
    if (respondedAt !== 0) add(this.upstreamDurations, 0, (respondedAt - startedAt) / 1000)
    // How long a tunnel was open says nothing about how fast anybody is.
    this.#count(method, status, outcome, (isTunnel ? respondedAt : performance.now()) - startedAt)
    if (error?.rejecter !== undefined) this.#countRejected(error.rejecter)
    if (isFailure(status, outcome)) this.#failed(exchange, status, outcome)
  }

  endedLocally ({ method, status, duration, outcome, rejecter }: LocalEnd): void {
    this.#count(method, status, outcome, duration)
    if (rejecter !== undefined) this.#countRejected(rejecter)
    if (isFailure(status, outcome)) this.failures++
  }

  get cells (): Cell[] {
    return this.#cells.flatMap((values, place) => values === undefined
      ? []
      : [{
          method: String(METHODS[Math.floor(place / STATUSES.length)]),
          status: String(STATUSES[place % STATUSES.length]),
          outcomes: values.subarray(0, OUTCOMES.length),
          durations: values.subarray(OUTCOMES.length)
        }])
  }

  #count (method: string, status: number, outcome: Outcome, milliseconds: number): void {
    const place = (METHOD_PLACES.get(method) ?? OTHER) * STATUSES.length + Math.min(Math.floor(status / 100), STATUSES.length) - 1
    const cell = this.#cells[place] ??= new Float64Array(CELL)
    const seconds = milliseconds / 1000
    this.requests++
    addOne(cell, OUTCOMES.indexOf(outcome))
    add(cell, OUTCOMES.length, seconds)
    add(this.durations, 0, seconds)
  }

  #countRejected (rejecter: Rejecter): void {
    addOne(this.rejected, REJECTERS.indexOf(rejecter))
  }

  #failed ({ request: { id, method, url }, target, error, attempts }: ObservedExchange, status: number, outcome: Outcome): void {
    this.failures++
    this.#recent.add({
      time: Date.now(),
      id,
      method,
      path: pathOf(url),
      route: this.prefix,
      upstream: this.upstream,
      target: target?.name,
      attempts,
      status,
      outcome,
      reason: error === undefined ? `status ${status}` : reasonOf(error),
      cause: error?.cause instanceof Error ? codeOf(error.cause) ?? error.cause.message : undefined
    })
  }
}

/** Without what may hold a secret: a query, and what an absolute-form has before its path. */
function pathOf (url: string): string {
  const path = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, '').replace(/\?.*$/s, '')
  return path.length > LONGEST_PATH ? `${path.slice(0, LONGEST_PATH)}…` : path
}

function isFailure (status: number, outcome: Outcome): boolean {
  return status >= 500 || outcome === 'upstream error' || outcome === 'timeout'
}

function addOne (values: Float64Array, place: number): void {
  values[place] = Number(values[place]) + 1
}

/** @param from where the histogram begins */
function add (values: Float64Array, from: number, seconds: number): void {
  let bucket = 0
  while (bucket < BUCKETS.length && seconds > Number(BUCKETS[bucket])) bucket++
  addOne(values, from + bucket)
  values[from + SUM] = Number(values[from + SUM]) + seconds
}

/** What is counted of all routes of one registration. */
export class Tally {
  /** Paths that no route takes. */
  readonly unrouted: RouteTally
  readonly recent: RecentFailures
  readonly #routes = new Map<string, RouteTally>()

  constructor (recent: RecentFailures) {
    this.recent = recent
    this.unrouted = new RouteTally('none', 'none', recent)
  }

  /** Routes that go from one prefix to one upstream are one. */
  of (prefix: string, upstream: string): RouteTally {
    const key = `${prefix} ${upstream}`
    const tally = this.#routes.get(key) ?? new RouteTally(prefix, upstream, this.recent)
    this.#routes.set(key, tally)
    return tally
  }

  get routes (): RouteTally[] {
    return [...this.#routes.values(), this.unrouted]
  }
}
