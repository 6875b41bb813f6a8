import type { Progress } from '../upstream/pool.js'

/** A request may be sent twice only when a second time changes nothing (RFC 9110 section 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PROPFIND', 'REPORT', 'SEARCH'])

/** Always allowed beyond the budget's share, by the second: a route with few requests may retry as well. */
const FREE_RETRIES = 3
/** Seconds over which the budget is counted. */
const WINDOW = 10

/** How an attempt failed before the head of a response. */
export interface AttemptFailure {
  readonly error: NodeJS.ErrnoException
  readonly progress: Progress
}

/** What is known of a request that may be sent once more. */
export interface RepeatableRequest {
  readonly method: string
  /** The body is there still, or there is none. */
  readonly isWhole: boolean
  /** No byte of the body was taken from the client. */
  readonly isUntouched: boolean
}

/** Whether a request may be sent twice, as far as it goes. */
export function isIdempotent ({ method, isWhole }: RepeatableRequest): boolean {
  return isWhole && IDEMPOTENT.has(method)
}

/**
 * Whether a request is sent once more to the same target, on a new connection. Repeated is what was lost on a kept
 * connection that the target closed at that moment, and what the target said that it did not process (RFC 9113
 * section 8.7); an attempt on a new one cannot fail so.
 */
export function mayRepeat (request: RepeatableRequest, { progress }: AttemptFailure): boolean {
  return (progress === 'lost' && isIdempotent(request)) || (progress === 'unprocessed' && request.isWhole)
}

export interface RetryOptions {
  /** Further tries after the first. */
  readonly attempts: number
  readonly on: ReadonlyArray<string | number>
  /** Milliseconds until the head of a response. */
  readonly perTryTimeout?: number
  /** The part of the requests of the last 10 s that may be tried again. */
  readonly budget: number
}

/** When a request is tried at another target. */
export class RetryPolicy {
  readonly attempts: number
  /** Milliseconds; `undefined`: a try has all the time that the route has. */
  readonly perTryTimeout: number | undefined
  readonly budget: RetryBudget
  readonly #on: ReadonlySet<string | number>

  constructor ({ attempts, on, perTryTimeout, budget }: RetryOptions) {
    this.attempts = attempts
    this.perTryTimeout = perTryTimeout
    this.budget = new RetryBudget(budget)
    this.#on = new Set(on)
  }

  /** Whether any request waits with its body until it is connected. */
  get onConnect (): boolean {
    return this.#on.has('connect')
  }

  /** After an attempt that got no response. */
  allowsAfter ({ progress }: AttemptFailure, request: RepeatableRequest): boolean {
    if (progress === 'unconnected' || progress === 'unprocessed') {
      return (this.#on.has('connect') && (request.isUntouched || request.isWhole)) || (this.#on.has('reset') && isIdempotent(request))
    }
    return this.#on.has('reset') && isIdempotent(request)
  }

  allowsAfterTimeout (request: RepeatableRequest): boolean {
    return this.#on.has('timeout') && isIdempotent(request)
  }

  allowsAfterStatus (status: number, request: RepeatableRequest): boolean {
    return this.#on.has(status) && isIdempotent(request)
  }
}

/** Bounds how many tries there are beyond the first, so that an outage is not multiplied. */
export class RetryBudget {
  readonly #share: number
  readonly #now: () => number
  /** Of each second of the window. */
  readonly #requests = new Uint32Array(WINDOW)
  readonly #retries = new Uint32Array(WINDOW)
  #second = 0

  /** @param now milliseconds that only grow */
  constructor (share: number, now: () => number = () => performance.now()) {
    this.#share = share
    this.#now = now
  }

  /** A request begins. */
  count (): void {
    const slot = this.#slot()
    this.#requests[slot] = Number(this.#requests[slot]) + 1
  }

  /** Whether one more try is allowed. */
  get hasRoom (): boolean {
    this.#slot()
    return sum(this.#retries) < sum(this.#requests) * this.#share + FREE_RETRIES * WINDOW
  }

  /** A request is tried again. */
  take (): void {
    const slot = this.#slot()
    this.#retries[slot] = Number(this.#retries[slot]) + 1
  }

  /** That of the present second; those of seconds in which nothing was counted are emptied. */
  #slot (): number {
    const second = Math.floor(this.#now() / 1000)
    for (let passed = Math.max(this.#second, second - WINDOW) + 1; passed <= second; passed++) {
      this.#requests[passed % WINDOW] = 0
      this.#retries[passed % WINDOW] = 0
    }
    this.#second = second
    return second % WINDOW
  }
}

function sum (counts: Uint32Array): number {
  let total = 0
  for (const count of counts) total += count
  return total
}

/** Milliseconds that a Retry-After asks for: seconds, or a date (RFC 9110 section 10.2.3); `undefined` for anything else. */
export function retryAfter (value: string, now = Date.now()): number | undefined {
  const milliseconds = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now
  return milliseconds > 0 ? milliseconds : undefined
}
