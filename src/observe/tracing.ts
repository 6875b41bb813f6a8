import type { Context, Span, Tracer } from '@opentelemetry/api'
import type { AttemptEnd, ObservedAttempt, ObservedExchange, Observer } from '../proxy/observers.js'
import { codeOf } from './reason.js'
import type { Redaction } from './redaction.js'
import { clientAttributes, methodInName, sampledAttributes, serverAttributes } from './span-attributes.js'
import type { TracedRequest } from './span-attributes.js'
import { TraceFields } from './trace-fields.js'

type Api = typeof import('@opentelemetry/api')

const NAME = 'fastify-stream-gateway'
/** Under which @opentelemetry/core keeps what instrumentations of a server tell one another. */
const RPC_METADATA = 'OpenTelemetry SDK Context Key RPC_METADATA'

const kTrace = Symbol('trace')

declare module 'http' {
  interface IncomingMessage { [kTrace]?: Trace }
}

/** The spans of one request. */
export interface Trace {
  readonly span: Span
  readonly context: Context
  /** Whether it is the one of the server; else somebody has made that, and it is within. */
  readonly isServer: boolean
  readonly isRecording: boolean
  readonly method: string
  /** Of the attempt under way. */
  attempt: Span | undefined
  /** Why the last one came to nothing. */
  reason: string
}

/**
 * Makes a span for each request, and one for each attempt within it. Where an instrumentation has made a span of the
 * server for the request, ours is no second one, but an internal one within.
 */
export class Tracing implements Observer {
  readonly #api: Api
  readonly #tracer: Tracer
  readonly #redaction: Redaction
  readonly #rpcMetadata: symbol
  readonly #set = { set: (fields: TraceFields, name: string, value: string) => { fields.add(name, value) } }

  constructor (api: Api, redaction: Redaction) {
    this.#api = api
    this.#tracer = api.trace.getTracer(NAME)
    this.#redaction = redaction
    this.#rpcMetadata = api.createContextKey(RPC_METADATA)
  }

  /**
   * A request has arrived.
   *
   * @param raw has the trace from then on
   * @param url in origin-form
   * @param within the context that somebody has made for it; absent: the active one
   */
  begin (raw: ObservedExchange['request']['raw'], url: string, within?: Context): Trace {
    const { context, propagation, trace, SpanKind } = this.#api
    const active = within ?? context.active()
    const around = trace.getSpanContext(active)
    const isServer = around === undefined || around.isRemote === true || !trace.isSpanContextValid(around)
    const { method = '' } = raw
    const parent = isServer ? propagation.extract(active, raw.headers) : active
    const name = methodInName(method)
    const span = isServer
      ? this.#tracer.startSpan(name, { kind: SpanKind.SERVER, attributes: sampledAttributes(method, url) }, parent)
      : this.#tracer.startSpan('gateway', { kind: SpanKind.INTERNAL }, parent)
    const made: Trace = {
      span, context: trace.setSpan(parent, span), isServer, isRecording: span.isRecording(), method: name, attempt: undefined, reason: ''
    }
    raw[kTrace] = made
    return made
  }

  /** Says more of a request, where it is recorded. */
  describe ({ span, isServer }: Trace, request: TracedRequest): void {
    if (isServer) span.setAttributes(serverAttributes(request, this.#redaction))
  }

  attempted (exchange: ObservedExchange): void {
    const trace = exchange.request.raw[kTrace]
    const { attempt, attempts } = exchange
    if (trace === undefined || attempt === undefined) return
    if (attempts > 1 && trace.isRecording) trace.span.addEvent('gateway.retry', { 'gateway.attempt': attempts, 'gateway.target': attempt.target.name, 'gateway.reason': trace.reason })
    if (attempts === 1 && !trace.isServer) this.#tellRoute(trace.context, exchange.route.prefix)
    // What is not recorded has one span for all of it: a service sees that nothing is, and the id of the trace.
    const context = trace.isRecording ? this.#beginAttempt(trace, attempt, attempts) : trace.context
    const fields = new TraceFields()
    this.#api.propagation.inject(context, fields, this.#set)
    fields.setIn(attempt.head)
  }

  #beginAttempt (trace: Trace, attempt: ObservedAttempt, attempts: number): Context {
    const span = this.#tracer.startSpan(methodInName(attempt.method), {
      kind: this.#api.SpanKind.CLIENT, attributes: clientAttributes(attempt, attempts, this.#redaction)
    }, trace.context)
    trace.attempt = span
    return this.#api.trace.setSpan(trace.context, span)
  }

  attemptEnded ({ request: { raw } }: ObservedExchange, { target, status, hasSwitched, hasEjected }: ObservedAttempt, { result, reason, error }: AttemptEnd): void {
    const trace = raw[kTrace]
    if (trace === undefined) return
    trace.reason = reason
    if (hasEjected && trace.isRecording) trace.span.addEvent('gateway.ejection', { 'gateway.target': target.name, 'gateway.reason': reason })
    const span = trace.attempt
    if (span === undefined) return
    trace.attempt = undefined
    const code = hasSwitched ? 101 : status
    if (code !== 0) span.setAttribute('http.response.status_code', code)
    const type = code >= 400 ? String(code) : typeOf(error) ?? (result === 'failed' && code === 0 ? 'timeout' : undefined)
    if (type !== undefined) this.#fail(span, type, reason)
    span.end()
  }

  ended ({ request: { raw }, reply, route, outcome = 'completed', error }: ObservedExchange): void {
    const trace = raw[kTrace]
    if (trace === undefined) return
    const isOurs = outcome === 'upstream error' || outcome === 'timeout'
    this.end(trace, {
      route: route.prefix, status: reply.raw.headersSent ? reply.raw.statusCode : 0, outcome, ...(isOurs && error !== undefined && { failure: error.code })
    })
  }

  /**
   * Ends the span of a request, whatever has become of it.
   *
   * @param status 0 where there was no response
   */
  end (trace: Trace, { route, status, outcome, failure }: { route: string | undefined, status: number, outcome: string, failure?: string }): void {
    const { span, isServer, isRecording, method } = trace
    if (isRecording) {
      if (route !== undefined) {
        span.updateName(isServer ? `${method} ${route}` : `gateway ${route}`)
        span.setAttribute('http.route', route)
      }
      span.setAttribute('gateway.outcome', outcome)
      if (isServer && status !== 0) span.setAttribute('http.response.status_code', status)
      // A 4xx is an error of the client's (of its span), and so is that it left.
      const type = status >= 500 ? String(status) : failure
      if (type !== undefined) this.#fail(span, type)
    }
    span.end()
  }

  /** The span of the server that somebody else has made has its route of whoever knows it before it ends. */
  #tellRoute (context: Context, route: string): void {
    const metadata = context.getValue(this.#rpcMetadata)
    if (typeof metadata === 'object' && metadata !== null && Reflect.get(metadata, 'route') === undefined) Reflect.set(metadata, 'route', route)
  }

  #fail (span: Span, type: string, message?: string): void {
    span.setAttribute('error.type', type)
    span.setStatus({ code: this.#api.SpanStatusCode.ERROR, ...(message !== undefined && message !== '' && { message }) })
  }
}

/** Of few values: never a message. */
function typeOf (error: Error | undefined): string | undefined {
  if (error === undefined) return undefined
  const { cause } = error
  return cause instanceof Error ? codeOf(cause) ?? cause.name : codeOf(error) ?? error.name
}
