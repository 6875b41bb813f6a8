import type { Context } from '@opentelemetry/api'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Settings } from '../src/config/index.js'
import { localOutcome } from '../src/observe/access-log.js'
import { Redaction, SECRET_KEYS } from '../src/observe/redaction.js'
import type { TracedRequest } from '../src/observe/span-attributes.js'
import { Tracing } from '../src/observe/tracing.js'
import type { Trace } from '../src/observe/tracing.js'
import { isGone } from '../src/proxy/client-protocol.js'
import { exchangeOf } from '../src/proxy/exchange.js'
import type { Observer } from '../src/proxy/observers.js'
import { splitAbsolute } from '../src/proxy/path.js'
import { clientOf } from '../src/server/client.js'
import { own } from '../src/server/host-hooks.js'
import { exportLast, hasTracer, loadTracingApi } from '../src/server/tracing-api.js'
import { responderOf } from '../src/server/unforwarded.js'

export interface Options extends Pick<Settings, 'tracing'> {
  /** Who is told of exchanges; the spans are added. */
  observers: Observer[]
  /** Whether the app is the gateway alone: nobody's hooks look for a span. */
  isService?: boolean
}

/** As @fastify/otel decorates it. */
type Instrumented = FastifyRequest & { opentelemetry?: () => { context?: Context | null } }

/**
 * Spans for requests and for what is sent to services, where an OpenTelemetry SDK is registered; nothing where none is.
 * The span of a request begins with the first of the gateway's hooks, so that what a policy rejects has one as well.
 */
export default fp(async function gatewayTracing (fastify: FastifyInstance, { tracing, observers, isService }: Options) {
  if (!tracing || !hasTracer()) return
  const api = await loadTracingApi()
  const spans = new Tracing(api, new Redaction(SECRET_KEYS))
  observers.push(spans)
  fastify.addHook('onRequest', own(begin))
  // A host ends its SDK itself.
  if (isService === true) fastify.addHook('onClose', async () => await exportLast(api.trace.getTracerProvider()))

  function begin (request: Instrumented, reply: FastifyReply, done: () => void): void {
    // Health checks are asked every few seconds.
    if (request.routeOptions.config.accessLog === false) {
      done()
      return
    }
    const { url } = request
    const path = splitAbsolute(url)?.path ?? url
    const trace = spans.begin(request.raw, path, request.opentelemetry?.().context ?? undefined)
    if (trace.isRecording) {
      spans.describe(trace, requestOf(request, path))
      reply.raw.once('close', () => { endUnforwarded(trace, request, reply) })
    }
    // It costs more than the spans that are not recorded.
    if (isService === true) done()
    else api.context.with(trace.context, done)
  }

  /** An exchange ends its own. */
  function endUnforwarded (trace: Trace, request: FastifyRequest, reply: FastifyReply): void {
    if (exchangeOf(reply.raw) !== undefined) return
    const status = reply.raw.headersSent ? reply.raw.statusCode : 0
    const responder = responderOf(request)
    spans.end(trace, { route: responder?.route, status, outcome: status === 0 ? 'client aborted' : responder === undefined ? localOutcome(status) : 'completed' })
  }
}, { name: 'stream-gateway-tracing', fastify: '5.x' })

function requestOf (request: FastifyRequest, path: string): TracedRequest {
  const { httpVersion, headers } = request.raw
  // Nobody can be asked for the address of a client that is gone.
  const client = isGone(request.raw) ? { ip: '', protocol: 'http', host: '' } : clientOf(request, splitAbsolute(request.url))
  return { url: path, httpVersion, protocol: client.protocol, host: client.host, ip: client.ip, userAgent: headers['user-agent'] }
}
