import { createRequire } from 'node:module'
import type { IncomingMessage } from 'node:http'
import { FastifyOtelInstrumentation } from '@fastify/otel'
import { SpanKind } from '@opentelemetry/api'
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node'
import t from 'tap'
import type { Test } from 'tap'
import streamGateway from '../../src/index.js'
import { call, start } from '../fixtures/gateway.js'
import { service } from '../fixtures/peers.js'
import { startService } from '../fixtures/service.js'
import { first, isWithin, Spans } from '../fixtures/spans.js'

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

// One for all, as in a process of a host's: an instrumentation keeps the first SDK that it has found.
const spans = new Spans(t)

/** From here on. What it patches, it patches when that is required next. */
function instrument (): void {
  // The services of the test are in this process, too.
  const http = new HttpInstrumentation({ ignoreIncomingRequestHook: ({ headers }) => headers['x-real-ip'] !== undefined })
  http.enable()
  createRequire(import.meta.url)('http')
  t.teardown(() => http.disable())
}

function only (spans: readonly ReadableSpan[], kind: SpanKind, scope?: string): ReadableSpan[] {
  return spans.filter(span => span.kind === kind && (scope === undefined || span.instrumentationScope.name === scope))
}

/** A service that keeps what it was asked, with fields that must not be made into an object. */
async function echo (t: Test) {
  const seen: IncomingMessage[] = []
  const { port } = await service(t, (request, response) => {
    seen.push(request)
    response.writeHead(404, ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'X-Case', 'kept']).end('nothing')
  })
  return { port, seen }
}

async function ask (t: Test, port: number, seen: IncomingMessage[]): Promise<void> {
  const response = await call(port, '/api/x', { headers: ['Host', 'x', 'traceparent', PARENT, 'X-Twice', '1', 'x-twice', '2'] })
  t.equal(response.status, 404)
  t.strictSame(response.rawHeaders.slice(0, 6), ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'X-Case', 'kept'])
  const raw = seen[0]?.rawHeaders ?? []
  t.equal(raw[raw.indexOf('X-Twice') + 1], '1')
  t.equal(raw[raw.indexOf('x-twice') + 1], '2')
  t.equal(raw.filter(name => name.toLowerCase() === 'traceparent').length, 1)
}

async function hosted (t: Test, both: boolean): Promise<void> {
  const otel = new FastifyOtelInstrumentation()
  otel.enable()
  t.teardown(() => otel.disable())
  const { port, seen } = await echo(t)
  const gateway = await start(t, async app => {
    await app.register(otel.plugin())
    app.addHook('onRequest', async () => {})
    await app.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${port}` }] })
  })
  await ask(t, gateway.port, seen)
  const taken = await spans.take(1, both ? '@opentelemetry/instrumentation-http' : '@fastify/otel')
  await new Promise(setImmediate)
  const servers = only(taken, SpanKind.SERVER)
  t.equal(servers.length, 1)
  t.equal(servers[0]?.instrumentationScope.name, both ? '@opentelemetry/instrumentation-http' : '@fastify/otel')
  t.match(servers[0]?.attributes, { 'http.route': '/api/*', 'http.response.status_code': 404 })
  const request = taken.find(({ name, instrumentationScope }) => name === 'request' && instrumentationScope.name === '@fastify/otel')
  t.equal(request?.attributes['http.response.status_code'], 404)
  const [inner, ...others] = only(taken, SpanKind.INTERNAL, 'fastify-stream-gateway')
  const [client, ...more] = only(taken, SpanKind.CLIENT, 'fastify-stream-gateway')
  t.strictSame([others, more], [[], []])
  t.ok(isWithin(inner, request), 'within the span of the request')
  t.ok(isWithin(client, inner))
  t.match(seen[0]?.headers.traceparent, String(client?.spanContext().spanId))
}

t.test('with @fastify/otel alone', async t => await hosted(t, false))

t.test('with @opentelemetry/instrumentation-http: one span of the server, which is not ours', async t => {
  instrument()
  const { port, seen } = await echo(t)
  const gateway = await startService(t, {}, `http://127.0.0.1:${port}`)
  await ask(t, gateway.port, seen)
  const taken = await spans.take(1, '@opentelemetry/instrumentation-http')
  const [server, inner, client] = [only(taken, SpanKind.SERVER), only(taken, SpanKind.INTERNAL), only(taken, SpanKind.CLIENT)].map(first)
  t.equal(taken.length, 3)
  if (server === undefined || inner === undefined || client === undefined) return
  t.equal(server.instrumentationScope.name, '@opentelemetry/instrumentation-http')
  t.equal(server.name, 'GET /api')
  t.match(server.attributes, { 'http.route': '/api' })
  t.equal(inner.name, 'gateway /api')
  t.strictSame(inner.attributes, { 'http.route': '/api', 'gateway.outcome': 'completed' })
  t.ok(isWithin(inner, server) && isWithin(client, inner))
  t.match(seen[0]?.headers.traceparent, client.spanContext().spanId)
})

t.test('with both', async t => await hosted(t, true))
