import type { Socket } from 'node:net'
import type { ClientConnection, Interim, UpstreamResponse } from '../upstream/pool.js'
import { resultOfStatus } from '../upstream/target.js'
import type { AttemptResult, Target } from '../upstream/target.js'
import type { Upstream, Waiter } from '../upstream/upstream.js'
import { Attempt } from './attempt.js'
import type { AttemptOwner, OutgoingRequest } from './attempt.js'
import { noRoom, notSent } from './errors.js'
import type { GatewayError } from './errors.js'
import { fieldValue } from './fields.js'
import type { Outcome } from './observers.js'
import { isIdempotent, mayRepeat, retryAfter } from './retry.js'
import type { AttemptFailure, RepeatableRequest, RetryPolicy } from './retry.js'

/** The exchange that attempts belong to. It is told once how they went. */
export interface AttemptsOwner {
  /** The connection that the client's request came on. */
  readonly client: ClientConnection
  /** The client's address, */
  readonly ip: string
  /** and its path without the query. */
  readonly path: string
  /** Milliseconds without a byte in either direction, after which `silent` is called. */
  readonly timeout: number
  /** By `performance.now()`. */
  readonly startedAt: number
  header (name: string): string | undefined
  /** An attempt begins. */
  attempted (): void
  attemptEnded (attempt: Attempt, result: AttemptResult, reason: string, error: Error | undefined): void
  /** @returns whether to go on waiting */
  silent (): boolean
  informed (interim: Interim): void
  responded (response: UpstreamResponse): void
  switched (response: UpstreamResponse, connection: Socket, early: Buffer): void
  /** There will be no response. */
  failed (failure: AttemptFailure): void
  /** It cannot be sent at all. */
  notSent (error: GatewayError): void
}

/**
 * The attempts of an exchange, one after another: which target is asked, whether that has to be waited for, and whether
 * a failure is followed by another try.
 */
export class Attempts implements AttemptOwner, Waiter, RepeatableRequest {
  /** The latest one. */
  current: Attempt | undefined
  count = 0
  readonly upstream: Upstream
  readonly #owner: AttemptsOwner
  readonly #outgoing: OutgoingRequest
  readonly #retry: RetryPolicy | undefined
  /** Where another try would be of no use. */
  #tried: Target[] | undefined
  #timer: NodeJS.Timeout | undefined
  #isWaiting = false

  constructor (upstream: Upstream, outgoing: OutgoingRequest, retry: RetryPolicy | undefined, owner: AttemptsOwner) {
    this.upstream = upstream
    this.#outgoing = outgoing
    this.#retry = retry
    this.#owner = owner
  }

  begin (): void {
    this.#retry?.budget.count()
    const target = this.upstream.pick(this)
    if (target !== undefined) {
      this.#try(target, false)
      return
    }
    this.#isWaiting = this.upstream.wait(this)
    if (!this.#isWaiting) this.#owner.notSent(noRoom())
  }

  targetFree (target: Target): void {
    this.#isWaiting = false
    this.#try(target, false)
  }

  waitedTooLong (): void {
    this.#isWaiting = false
    this.#owner.notSent(noRoom())
  }

  /** @param fresh whether on a new connection */
  #try (target: Target, fresh: boolean): void {
    const attempt = new Attempt(target, this.#outgoing, fresh, this.#retry?.onConnect === true && !this.isWhole, this)
    this.current = attempt
    this.count++
    const limit = this.#retry?.perTryTimeout
    if (limit !== undefined) this.#timer = setTimeout(onTryTimeout, limit, this)
    this.#owner.attempted()
    try {
      attempt.send()
    } catch (error) {
      const wrong = notSent(error)
      attempt.end('abandoned', '', wrong)
      this.#owner.notSent(wrong)
    }
  }

  /**
   * Gives the attempt up that there is, for one at a target that was not tried yet.
   *
   * @param isFree whether it reached no service, so that another one multiplies nothing
   * @returns `false` where that is not to be: there is none, it is too late, or too much is tried again already
   */
  #tryElsewhere ({ attempts, budget }: RetryPolicy, giveUp: (attempt: Attempt) => void, isFree = false): boolean {
    const { current } = this
    const { startedAt, timeout } = this.#owner
    const tried = this.#tried ?? []
    if (current === undefined || tried.length >= attempts || performance.now() - startedAt >= timeout || !(isFree || budget.hasRoom)) return false
    const nowTried = [...tried, current.target]
    const target = this.upstream.pick(this, nowTried)
    if (target === undefined) return false
    if (!isFree) budget.take()
    this.#tried = nowTried
    this.#stopClock()
    giveUp(current)
    this.#try(target, false)
    return true
  }

  failed (failure: AttemptFailure): void {
    this.#stopClock()
    const { current } = this
    if (current !== undefined && !current.fresh && mayRepeat(this, failure)) this.#try(current.target, true)
    else if (this.#retry?.allowsAfter(failure, this) !== true || !this.#tryElsewhere(this.#retry, ignore, failure.progress === 'unconnected')) this.#owner.failed(failure)
  }

  responded (response: UpstreamResponse): void {
    this.#stopClock()
    const { statusCode } = response
    if (this.#retry?.allowsAfterStatus(statusCode, this) === true && this.#tryElsewhere(this.#retry, attempt => discard(attempt, response))) return
    this.#owner.responded(response)
  }

  /** The attempt takes longer than one may; where there is no other target it goes on. */
  tryTimedOut (): void {
    const retry = this.#retry
    if (retry?.allowsAfterTimeout(this) !== true) return
    this.#tryElsewhere(retry, attempt => {
      attempt.end('failed', `no response within ${retry.perTryTimeout} ms`)
      attempt.drop()
    })
  }

  #stopClock (): void {
    if (this.#timer === undefined) return
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  attemptEnded (attempt: Attempt, result: AttemptResult, reason: string, error: Error | undefined): void {
    this.#owner.attemptEnded(attempt, result, reason, error)
  }

  get client (): ClientConnection {
    return this.#owner.client
  }

  get timeout (): number {
    return this.#owner.timeout
  }

  silent (): boolean {
    return this.#owner.silent()
  }

  informed (interim: Interim): void {
    this.#owner.informed(interim)
  }

  switched (response: UpstreamResponse, connection: Socket, early: Buffer): void {
    this.#stopClock()
    this.#owner.switched(response, connection, early)
  }

  /** That the client is to keep, to stay with its target. */
  get cookie (): string | undefined {
    return this.current && this.upstream.cookieFor(this, this.current.target)
  }

  /** The exchange has ended. */
  end (outcome: Outcome, error: GatewayError | undefined): void {
    const { current } = this
    if (outcome !== 'completed' || current?.isSent === false) this.drop()
    current?.end(resultOf(current, outcome, error), error === undefined ? `status ${current.status}` : reasonOf(error), error)
  }

  /** Whatever they have come to, they are over. */
  drop (): void {
    this.#stopClock()
    if (this.#isWaiting) this.upstream.leave(this)
    this.#isWaiting = false
    this.current?.drop()
  }

  // What an upstream sees of the request.

  get method (): string {
    return this.#outgoing.method
  }

  get ip (): string {
    return this.#owner.ip
  }

  get path (): string {
    return this.#owner.path
  }

  header (name: string): string | undefined {
    return this.#owner.header(name)
  }

  get isWhole (): boolean {
    const { body } = this.#outgoing
    return body === undefined || body.wholeLength !== undefined
  }

  get isUntouched (): boolean {
    return this.#outgoing.body?.isUntouched !== false
  }

  get isRepeatable (): boolean {
    return this.#retry !== undefined && isIdempotent(this)
  }
}

function onTryTimeout (attempts: Attempts): void {
  attempts.tryTimedOut()
}

/** What the end of an exchange says of the target that was asked last. What a client does is never the target's fault. */
function resultOf ({ status, hasSwitched }: Attempt, outcome: Outcome, error: GatewayError | undefined): AttemptResult {
  if (hasSwitched) return 'succeeded'
  if (outcome === 'completed') return resultOfStatus(status)
  return outcome === 'upstream error' || (outcome === 'timeout' && error?.code === 'GATEWAY_TIMEOUT') ? 'failed' : 'abandoned'
}

function reasonOf ({ message, cause }: GatewayError): string {
  return cause instanceof Error ? cause.message : message
}

function ignore (): void {}

/** A response that is not passed on. Who says when to come back is left alone until then. */
function discard (attempt: Attempt, { statusCode, rawHeaders }: UpstreamResponse): void {
  const value = statusCode === 503 ? fieldValue(rawHeaders, 'retry-after') : undefined
  const rest = value === undefined ? undefined : retryAfter(value)
  if (rest !== undefined) attempt.rest(rest)
  // A client that asks for what is nowhere takes no target out of use.
  attempt.end(resultOfStatus(statusCode), `status ${statusCode}`)
  attempt.discard()
}
