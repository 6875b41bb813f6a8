import type { IncomingHttpHeaders } from 'node:http'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { context, createContextKey, SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { AlwaysOffSampler } from '@opentelemetry/sdk-trace-node'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node'
import Fastify from 'fastify'
import t from 'tap'
import { checkConfig, ConfigError } from '../../src/config/index.js'
import streamGateway from '../../src/index.js'
import { registerService } from '../../src/register-service.js'
import { exportLast, loadTracingApi } from '../../src/server/tracing-api.js'
import { call, gatewayOver, gatewayTo, start } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway, http2Service } from '../fixtures/http2.js'
import { closedPort, RawClient, rawService, service } from '../fixtures/peers.js'
import { startService } from '../fixtures/service.js'
import { first, isWithin, kinds, Spans } from '../fixtures/spans.js'
import { echo, message, openWebSocket, webSocketService } from '../fixtures/websockets.js'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = `00-${TRACE}-b7ad6b7169203331-01`

/** Of an exchange with one attempt. */
function split (spans: ReadableSpan[]): [server: ReadableSpan, client: ReadableSpan] {
  return [first(spans), first(spans.slice(1))]
}

t.test('a span of the server and one of the client, and the service sees the latter', async t => {
  const spans = new Spans(t)
  let seen: IncomingHttpHeaders = {}
  const { port } = await service(t, (request, response) => { seen = request.headers; response.end('hello') })
  const gateway = await gatewayTo(t, port)
  await call(gateway.port, '/api/x?a=1&token=confidential', { headers: ['Host', 'shop.example.com:8080', 'Traceparent', PARENT, 'TraceState', 'a=b', 'Traceparent', PARENT, 'User-Agent', 'test/1'] })
  const [server, client] = split(await spans.take(2))
  t.equal(server.name, 'GET /api')
  t.equal(server.kind, SpanKind.SERVER)
  t.strictSame(server.attributes, {
    'http.request.method': 'GET',
    'url.scheme': 'http',
    'network.protocol.version': '1.1',
    'url.path': '/api/x',
    'url.query': 'a=1&token=[redacted]',
    'server.address': 'shop.example.com',
    'server.port': 8080,
    'client.address': '127.0.0.1',
    'user_agent.original': 'test/1',
    'http.route': '/api',
    'gateway.outcome': 'completed',
    'http.response.status_code': 200
  })
  t.equal(server.parentSpanContext, undefined, 'two parents are none')
  t.equal(client.name, 'GET')
  t.equal(client.kind, SpanKind.CLIENT)
  t.strictSame(client.attributes, {
    'http.request.method': 'GET',
    'server.address': '127.0.0.1',
    'server.port': port,
    'url.full': `http://127.0.0.1:${port}/x?a=1&token=[redacted]`,
    'network.protocol.version': '1.1',
    'http.response.status_code': 200
  })
  t.ok(isWithin(client, server))
  t.same([server.status.code, client.status.code], [SpanStatusCode.UNSET, SpanStatusCode.UNSET])
  t.equal(seen.traceparent, `00-${server.spanContext().traceId}-${client.spanContext().spanId}-01`)
  t.equal(seen.tracestate, undefined, 'that of another trace')
})

t.test('the client\'s trace goes on', async t => {
  const spans = new Spans(t)
  let headers: IncomingHttpHeaders = {}
  const { port } = await service(t, (request, response) => { headers = request.headers; response.end() })
  const gateway = await gatewayTo(t, port)
  await call(gateway.port, '/api/x', { headers: { traceparent: PARENT, tracestate: 'a=b', baggage: 'k=v' } })
  const [server, client] = await spans.take(2)
  t.equal(server?.parentSpanContext?.spanId, 'b7ad6b7169203331')
  t.match(headers, { traceparent: `00-${TRACE}-${client?.spanContext().spanId}-01`, tracestate: 'a=b', baggage: 'k=v' })
})

t.test('what is not sampled has no span, and a traceparent that says so', async t => {
  const spans = new Spans(t, new AlwaysOffSampler())
  let headers: IncomingHttpHeaders = {}
  const { port } = await service(t, (request, response) => { headers = request.headers; response.writeHead(500).end() })
  const gateway = await gatewayOver(t, [`http://127.0.0.1:${port}`, `http://127.0.0.1:${await closedPort()}`])
  for (let i = 0; i < 4; i++) {
    await call(gateway.port, '/api/x', { headers: { traceparent: PARENT } })
    t.match(headers.traceparent, new RegExp(`^00-${TRACE}-(?!b7ad6b7169203331)[\\da-f]{16}-00$`))
  }
  t.equal(spans.all.length, 0)
})

t.test('retries and ejections are events, and each attempt has its span', async t => {
  const spans = new Spans(t)
  const seen: Array<string | string[] | undefined> = []
  const { port } = await service(t, (request, response) => { seen.push(request.headers.traceparent); response.end() })
  const closed = await closedPort()
  const gateway = await gatewayOver(t, [`http://127.0.0.1:${closed}`, `http://127.0.0.1:${port}`], { balance: 'round-robin', ejection: { after: 1, maxEjected: 0.5 } })
  await call(gateway.port, '/api/x')
  const [server, first, second] = await spans.take(3)
  t.strictSame(kinds([server, first, second].flatMap(span => span ?? [])), ['SERVER', 'CLIENT', 'CLIENT'])
  t.ok(isWithin(first, server) && isWithin(second, server))
  t.match(first, { status: { code: SpanStatusCode.ERROR, message: 'ECONNREFUSED' }, attributes: { 'error.type': 'ECONNREFUSED', 'server.port': closed } })
  t.match(second?.attributes, { 'http.request.resend_count': 1, 'http.response.status_code': 200 })
  t.match(server?.events, [
    { name: 'gateway.ejection', attributes: { 'gateway.target': `http://127.0.0.1:${closed}`, 'gateway.reason': 'ECONNREFUSED' } },
    { name: 'gateway.retry', attributes: { 'gateway.attempt': 2, 'gateway.target': `http://127.0.0.1:${port}`, 'gateway.reason': 'ECONNREFUSED' } }
  ])
  t.equal(server?.status.code, SpanStatusCode.UNSET)
  t.match(seen, [new RegExp(second?.spanContext().spanId ?? '-')])
})

t.test('a target that asks to be left alone', async t => {
  const spans = new Spans(t)
  const { port: busy } = await service(t, (_request, response) => response.writeHead(503, { 'retry-after': '60' }).end())
  const { port } = await service(t, (_request, response) => response.end())
  const gateway = await gatewayOver(t, [`http://127.0.0.1:${busy}`, `http://127.0.0.1:${port}`], { balance: 'round-robin', ejection: { maxEjected: 0.5 } }, { retry: { on: [503] } })
  await call(gateway.port, '/api/x')
  const [server, first] = await spans.take(3)
  t.match(first, { attributes: { 'http.response.status_code': 503, 'error.type': '503' }, status: { code: SpanStatusCode.ERROR } })
  t.match(server?.events.map(({ name }) => name), ['gateway.ejection', 'gateway.retry'])
})

t.test('failures: of the service, of the connection, in time, of the client', async t => {
  const spans = new Spans(t)
  const { port } = await service(t, (request, response) => {
    if (request.url === '/500') response.writeHead(500).end()
    else if (request.url === '/404') response.writeHead(404).end()
    else if (request.url === '/cut') response.writeHead(200, { 'content-length': '10' }).write('x', () => response.destroy())
  })
  const gateway = await gatewayTo(t, port, { timeout: 200 })
  for (const [path, server, client] of [
    ['/500', { 'error.type': '500', 'http.response.status_code': 500 }, { 'error.type': '500' }],
    ['/404', { 'error.type': undefined, 'http.response.status_code': 404 }, { 'error.type': '404' }],
    ['/cut', { 'error.type': 'BAD_GATEWAY', 'http.response.status_code': 200, 'gateway.outcome': 'upstream error' }, { 'error.type': 'ECONNRESET', 'http.response.status_code': 200 }],
    ['/slow', { 'error.type': '504', 'http.response.status_code': 504, 'gateway.outcome': 'timeout' }, { 'error.type': 'GATEWAY_TIMEOUT', 'http.response.status_code': undefined }]
  ] as const) {
    await call(gateway.port, `/api${path}`).catch(() => {})
    const [outer, inner] = await spans.take(2)
    t.match(outer?.attributes, server, path)
    t.match(inner?.attributes, client, path)
    t.equal(outer?.status.code, server['error.type'] === undefined ? SpanStatusCode.UNSET : SpanStatusCode.ERROR)
    t.equal(inner?.status.code, SpanStatusCode.ERROR)
  }
  const line = gateway.nextLine()
  const client = new RawClient(t, gateway.port)
  client.send('GET /api/slow HTTP/1.1\r\nHost: x\r\n\r\n')
  await new Promise(resolve => setTimeout(resolve, 50))
  client.socket.destroy()
  await line
  const [outer, inner] = await spans.take(2)
  t.match(outer, { attributes: { 'gateway.outcome': 'client aborted' }, status: { code: SpanStatusCode.UNSET } })
  t.notOk('http.response.status_code' in (outer?.attributes ?? {}))
  t.equal(inner?.status.code, SpanStatusCode.UNSET)
})

t.test('a try that takes too long', async t => {
  const spans = new Spans(t)
  const { port: slow } = await rawService(t, () => {})
  const { port } = await service(t, (_request, response) => response.end())
  const gateway = await gatewayOver(t, [`http://127.0.0.1:${slow}`, `http://127.0.0.1:${port}`], { balance: 'round-robin' }, { retry: { on: ['timeout'], perTryTimeout: 50 } })
  await call(gateway.port, '/api/x')
  const [, first] = await spans.take(3)
  t.match(first, { attributes: { 'error.type': 'timeout' }, status: { message: 'no response within 50 ms' } })
})

t.test('what the gateway responds itself has a span as well: rejected, local, unrouted, before its time', async t => {
  const spans = new Spans(t)
  const { port } = await startService(t, { health: true }, { target: 'http://127.0.0.1:1', rateLimit: { max: 2, timeWindow: '1m' } })
  for (const [path, name, status] of [['/api/../x', 'GET /api', 400], ['/api/x', 'GET /api', 502], ['/api/x', 'GET', 429], ['/nowhere', 'GET', 404]] as const) {
    t.equal((await call(port, path)).status, status)
    const taken = await spans.take(status === 502 ? 2 : 1)
    t.match(taken[0], { name, kind: SpanKind.SERVER, attributes: { 'http.response.status_code': status } })
    t.equal(taken.length, status === 502 ? 2 : 1)
  }
  t.equal(spans.all.length, 0)
})

t.test('health checks have none, local responses do', async t => {
  const spans = new Spans(t)
  const app = Fastify()
  await registerService(app, checkConfig({ server: { health: true, accessLog: false }, routes: [{ prefix: '/', respond: { status: 204 } }] }))
  t.equal((await app.inject('/healthz')).statusCode, 200)
  await app.close()
  t.equal(spans.all.length, 0)
  const { port } = await startService(t, {}, { respond: { status: 204 } })
  await call(port, '/api/x')
  t.match(await spans.take(1), [{ name: 'GET /api', attributes: { 'gateway.outcome': 'completed', 'http.response.status_code': 204 } }])
})

t.test('a method that nobody knows', async t => {
  const spans = new Spans(t)
  const { port } = await service(t, (_request, response) => response.end())
  const gateway = await gatewayTo(t, port)
  await call(gateway.port, '/api/x', { method: 'PROPFIND' })
  const [server, client] = await spans.take(2)
  t.match(server, { name: 'HTTP /api', attributes: { 'http.request.method': '_OTHER', 'http.request.method_original': 'PROPFIND' } })
  t.equal(client?.name, 'HTTP')
})

t.test('requests of one connection whose client leaves before their turn', async t => {
  const spans = new Spans(t)
  let reached = (): void => {}
  const isReached = new Promise<void>(resolve => { reached = resolve })
  const { port } = await rawService(t, socket => { socket.once('data', () => reached()) })
  const { port: to } = await startService(t, {}, `http://127.0.0.1:${port}`)
  const client = new RawClient(t, to)
  client.send('GET /api/1 HTTP/1.1\r\nHost: x\r\n\r\nGET /api/2 HTTP/1.1\r\nHost: x\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n')
  await isReached
  client.socket.destroy()
  const taken = await spans.take(4)
  t.strictSame(kinds(taken).sort(), ['CLIENT', 'SERVER', 'SERVER', 'SERVER'])
  for (const { attributes, kind } of taken) if (kind === SpanKind.SERVER) t.equal(attributes['gateway.outcome'], 'client aborted')
})

t.test('HTTP/2 on both sides, and a Unix socket', async t => {
  const spans = new Spans(t)
  let seen: IncomingHttpHeaders = {}
  const { port } = await http2Service(t, (stream, headers) => { seen = headers; stream.respond(); stream.end('x') })
  const gateway = await http2Gateway(t, `http://127.0.0.1:${port}`, { http2: true })
  await new Http2Client(t, gateway.port).ask({ ':path': '/api/x', traceparent: PARENT }).closed
  const [server, client] = await spans.take(2)
  t.match(server, { attributes: { 'network.protocol.version': '2', 'server.address': 'localhost', 'server.port': gateway.port, 'client.address': '127.0.0.1' } })
  t.match(client?.attributes, { 'network.protocol.version': '2', 'http.response.status_code': 200 })
  t.equal(seen.traceparent, `00-${TRACE}-${client?.spanContext().spanId}-01`)

  const folder = mkdtempSync(join(tmpdir(), 'gateway-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'socket')
  const other = Fastify()
  other.get('/x', async () => 'x')
  await other.listen({ path })
  t.teardown(async () => await other.close())
  const { port: toSocket } = await gatewayTo(t, 1, { target: `unix:${path}` })
  await call(toSocket, '/api/x', { headers: { host: '[::1]' } })
  const taken = await spans.take(2)
  t.match(taken.map(({ attributes }) => attributes), [{ 'server.address': '[::1]' }, { 'network.transport': 'unix', 'server.address': path }])
  t.notOk('url.full' in (taken[1]?.attributes ?? {}))
  t.notOk('server.port' in (taken[0]?.attributes ?? {}))
})

t.test('a WebSocket is a span from its first to its last byte', async t => {
  const spans = new Spans(t)
  let seen: IncomingHttpHeaders = {}
  const { port } = await webSocketService(t, (socket, request) => { seen = request.headers; echo(socket) })
  const gateway = await gatewayTo(t, port)
  const socket = await openWebSocket(t, gateway.port, '/api/ws')
  socket.send('x')
  await message(socket)
  t.equal(spans.all.length, 0)
  socket.close()
  const [server, client] = await spans.take(2)
  t.match(server?.attributes, { 'http.response.status_code': 101, 'gateway.outcome': 'completed' })
  t.match(client?.attributes, { 'http.response.status_code': 101 })
  t.match(seen.traceparent, String(client?.spanContext().spanId))
})

t.test('tracing: false, and an SDK that comes too late', async t => {
  const { port } = await service(t, (_request, response) => response.end())
  const late = await gatewayTo(t, port)
  const spans = new Spans(t)
  const off = await gatewayTo(t, port, {}, { tracing: false })
  for (const gateway of [late, off]) t.equal((await call(gateway.port, '/api/x')).status, 200)
  await new Promise(setImmediate)
  t.equal(spans.all.length, 0)
})

t.test('without the package the message says what to install', async t => {
  const missing = Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
  await t.rejects(loadTracingApi(async () => await Promise.reject(missing)), new ConfigError('tracing', [{
    path: 'tracing', message: 'an OpenTelemetry SDK is registered, which needs a package that is not installed: npm install @opentelemetry/api, or write false'
  }]))
  const other = new Error('broken')
  await t.rejects(loadTracingApi(async () => await Promise.reject(other)), other)
})

t.test('an absolute target, and a client that is gone when it is looked at', async t => {
  const spans = new Spans(t)
  const { port } = await service(t, (_request, response) => response.end())
  const gateway = await gatewayTo(t, port)
  const client = new RawClient(t, gateway.port)
  client.send('GET http://user.example/api/x?a=1 HTTP/1.1\r\nHost: x\r\n\r\n')
  const [server] = split(await spans.take(2))
  t.match(server.attributes, { 'url.path': '/api/x', 'url.query': 'a=1', 'server.address': 'user.example' })
  const gone = await start(t, async app => {
    app.addHook('onRequest', (request, _reply, done) => {
      request.raw.socket.destroy()
      done()
    })
    await app.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${port}` }] })
  })
  await t.rejects(call(gone.port, '/api/x'))
  const [left] = await spans.take(1)
  t.match(left?.attributes, { 'url.path': '/api/x', 'gateway.outcome': 'client aborted' })
  t.notOk('client.address' in (left?.attributes ?? {}))
})

t.test('where a host suppresses tracing, what the client sent passes', async t => {
  const spans = new Spans(t)
  let headers: IncomingHttpHeaders = {}
  const { port } = await service(t, (request, response) => { headers = request.headers; response.end() })
  const suppressed = context.active().setValue(createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING'), true)
  const gateway = await start(t, async app => {
    app.addHook('onRequest', (_request, _reply, done) => { context.with(suppressed, done) })
    await app.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${port}` }] })
  })
  await call(gateway.port, '/api/x', { headers: { traceparent: PARENT, tracestate: 'a=b' } })
  t.match(headers, { traceparent: PARENT, tracestate: 'a=b' })
  t.equal(spans.all.length, 0)
})

t.test('the last spans of a service: of an SDK that has none, that fails, and that is slow', async t => {
  await exportLast({})
  await exportLast({ getDelegate: 'none' })
  await exportLast({ forceFlush: async () => await Promise.reject(new Error('away')) })
  await exportLast({ getDelegate: () => ({ forceFlush: async () => {} }) })
  const begun = Date.now()
  await exportLast({ forceFlush: async () => await new Promise(() => {}) })
  t.ok(Date.now() - begun >= 990)
})
