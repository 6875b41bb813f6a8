import { AsyncResource } from 'node:async_hooks'
import type { UpstreamResponse } from '../upstream/pool.js'
import type { Upstream } from '../upstream/upstream.js'
import type { OutgoingRequest } from './attempt.js'
import { authenticatesConnection } from './connection-auth.js'
import { BROKEN_OFF, GatewayError } from './errors.js'
import { changeFields, FIXED_IN_REQUEST, FIXED_IN_RESPONSE, headersOf } from './field-changes.js'
import type { GivenHeaders, Headers } from './field-changes.js'
import type { FieldNames } from './fields.js'
import { StreamedBody, streamOf } from './held-body.js'
import type { HeldBody } from './held-body.js'
import type { HookCalls, HookedExchange, Switch } from './hook-calls.js'
import type { EndedExchange, Hooks } from './hooks.js'
import type { ObservedExchange } from './observers.js'
import { isForwardable } from './path.js'
import { headOfOtherBody, SeenResponse } from './service-response.js'
import { take } from './steps.js'
import type { Steps, StepsOwner } from './steps.js'

/** What a route's hooks are made of, at start. */
export interface HooksOfRoute<Request> {
  readonly hooks: Hooks<Request>
  /** Whether encoded control characters and backslashes may pass. */
  readonly allowsEncoded: boolean
  /** @throws TypeError for what is no target */
  upstreamFor (choice: unknown): Upstream
}

/** What is used of a pino logger. */
interface Logger {
  error (line: object, message: string): void
}

/** The hooks of one exchange. They run in the async scope that it was begun in, on whatever connection a thing happens. */
export class ExchangeHooks<Request> implements HookCalls {
  upstream: Upstream | undefined
  readonly #route: HooksOfRoute<Request>
  readonly #request: Request
  readonly #log: Logger
  readonly #beforeHead: ((status: number) => Iterable<unknown>) | undefined
  readonly #scope = new AsyncResource('fastify-stream-gateway')
  /** The body of a response that was waited for, or that is to become another one. */
  #held: HeldBody | undefined
  #streamed: StreamedBody | undefined
  /** The hook that runs. */
  #name = ''

  /** @param beforeHead what else comes before the head of a response is made */
  constructor (route: HooksOfRoute<Request>, request: Request, log: Logger, beforeHead: ((status: number) => Iterable<unknown>) | undefined) {
    this.#route = route
    this.#request = request
    this.#log = log
    this.#beforeHead = beforeHead
  }

  prepare (outgoing: OutgoingRequest, exchange: HookedExchange): void {
    take(this.#prepare(outgoing, exchange), this.#owner(exchange, ignore))
  }

  * #prepare (outgoing: OutgoingRequest, exchange: HookedExchange): Steps {
    const { hooks } = this.#route
    let { path, head, bindsConnection } = outgoing
    if (hooks.getTarget !== undefined) {
      this.#name = 'getTarget'
      const choice = yield hooks.getTarget(this.#request)
      if (choice !== undefined) this.upstream = this.#route.upstreamFor(choice)
    }
    if (hooks.rewritePath !== undefined) {
      this.#name = 'rewritePath'
      path = this.#validatePath(yield hooks.rewritePath(path, this.#request), path)
    }
    if (hooks.rewriteRequestHeaders !== undefined) {
      this.#name = 'rewriteRequestHeaders'
      const headers = headersOf(head)
      head = changed(head, headers, yield hooks.rewriteRequestHeaders(headers, this.#request), FIXED_IN_REQUEST)
      bindsConnection = authenticatesConnection(head)
    }
    exchange.send({ ...outgoing, path, head, bindsConnection })
  }

  /** What a hook makes of a client's path is no safer than what a pattern makes of it. */
  #validatePath (given: unknown, path: string): string {
    if (given === undefined) return path
    if (typeof given !== 'string') throw new TypeError('a path was to be returned')
    if (!isForwardable(given, this.#route.allowsEncoded)) throw new GatewayError('BAD_REQUEST', 'The path cannot be forwarded')
    return given
  }

  responded (response: UpstreamResponse, exchange: HookedExchange): void {
    this.#scope.runInAsyncScope(take, undefined, this.#respond(response, exchange), this.#owner(exchange, () => this.#hold(exchange)))
  }

  /** What comes while a hook is waited for would be lost. */
  #hold (exchange: HookedExchange): HeldBody {
    this.#held ??= exchange.hold(this.#scope)
    return this.#held
  }

  /** As long as nothing has to be waited for, the body goes its usual way. */
  * #respond (response: UpstreamResponse, exchange: HookedExchange): Steps {
    const { transformResponse } = this.#route.hooks
    const seen = new SeenResponse(response)
    const head = yield * this.#makeHead(seen, () => exchange.responseHead(response))
    let made: unknown
    if (transformResponse !== undefined && !exchange.isBodiless(response)) {
      this.#name = 'transformResponse'
      made = yield transformResponse(this.#hold(exchange).stream, this.#request, seen)
    }
    const body = this.#held
    if (body === undefined) {
      exchange.pass(response, head, undefined, false)
      return
    }
    if (body.error !== undefined) throw new GatewayError('BAD_GATEWAY', BROKEN_OFF, body.error)
    const isOther = made !== undefined && made !== body.stream
    this.#streamed = new StreamedBody(body, isOther ? streamOf(made) : body.stream, exchange.timeout)
    exchange.pass(response, isOther ? headOfOtherBody(head) : head, this.#streamed, isOther)
  }

  switched (response: UpstreamResponse, exchange: HookedExchange, to: Switch): void {
    this.#scope.runInAsyncScope(take, undefined, this.#switch(response, to), this.#owner(exchange, ignore))
  }

  * #switch (response: UpstreamResponse, to: Switch): Steps {
    let isWanted = false
    try {
      const head = yield * this.#makeHead(new SeenResponse(response), () => to.head())
      isWanted = true
      to.pass(head)
    } finally {
      if (!isWanted) to.drop()
    }
  }

  * #makeHead (seen: SeenResponse, make: () => string[]): Generator<unknown, string[]> {
    const { onResponse, rewriteResponseHeaders } = this.#route.hooks
    if (onResponse !== undefined) {
      this.#name = 'onResponse'
      yield onResponse(this.#request, seen)
    }
    if (this.#beforeHead !== undefined) {
      this.#name = 'onSend'
      yield * this.#beforeHead(seen.statusCode)
    }
    const head = make()
    if (rewriteResponseHeaders === undefined) return head
    this.#name = 'rewriteResponseHeaders'
    const headers = headersOf(head)
    return changed(head, headers, yield rewriteResponseHeaders(headers, this.#request, seen), FIXED_IN_RESPONSE)
  }

  ended (exchange: ObservedExchange): void {
    this.#streamed?.destroy()
    this.#held?.stream.destroy()
    this.#scope.runInAsyncScope(this.#tell, this, exchange)
  }

  #tell (exchange: ObservedExchange): void {
    const { onError, onEnd } = this.#route.hooks
    const { error } = exchange
    if (onError !== undefined && error !== undefined) this.#notify('onError', () => onError(error, this.#request))
    if (onEnd !== undefined) this.#notify('onEnd', () => onEnd(endedExchange(exchange, this.#request)))
  }

  /** There is no response any more that it could become. */
  #notify (name: string, hook: () => unknown): void {
    try {
      Promise.resolve(hook()).catch(error => this.#logFailure(name, error))
    } catch (error) {
      this.#logFailure(name, error)
    }
  }

  #logFailure (name: string, err: unknown): void {
    this.#log.error({ err }, `the hook ${name} failed`)
  }

  #owner (exchange: HookedExchange, waiting: () => void): StepsOwner {
    return {
      timeout: exchange.timeout,
      isOver: () => exchange.isOver(),
      waiting,
      failed: error => {
        if (error instanceof GatewayError) {
          exchange.hookFailed(error)
          return
        }
        this.#logFailure(this.#name, error)
        exchange.hookFailed(new GatewayError('INTERNAL_ERROR', undefined, error))
      }
    }
  }
}

function ignore (): void {}

/** @param given what the hook returned; it may have changed `headers` alone */
function changed (head: string[], headers: Headers, given: unknown, fixed: FieldNames): string[] {
  const after = given ?? headers
  if (!isHeaders(after)) throw new TypeError('an object of headers was to be returned')
  return changeFields(head, headersOf(head), after, fixed)
}

function isHeaders (given: unknown): given is GivenHeaders {
  return typeof given === 'object' && given !== null
}

function endedExchange<Request> (exchange: ObservedExchange, request: Request): EndedExchange<Request> {
  const { reply: { raw }, route, target, outcome = 'completed', error, bytes, startedAt } = exchange
  return {
    request,
    route: route.prefix,
    target: target?.name,
    statusCode: raw.headersSent ? raw.statusCode : undefined,
    outcome,
    error,
    bytes,
    duration: performance.now() - startedAt
  }
}
