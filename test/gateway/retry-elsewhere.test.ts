import { randomBytes } from 'node:crypto'
import type { RequestListener } from 'node:http'
import type { Test } from 'tap'
import t from 'tap'
import WebSocket, { WebSocketServer } from 'ws'
import { RetryBudget, retryAfter } from '../../src/proxy/retry.js'
import { call, gatewayOver } from '../fixtures/gateway.js'
import type { Started } from '../fixtures/gateway.js'
import { http2Service } from '../fixtures/http2.js'
import { closedPort, rawService, service } from '../fixtures/peers.js'
import { targets } from '../fixtures/targets.js'
import type { TestTarget } from '../fixtures/targets.js'

const STILL = { balance: 'round-robin' as const, ejection: false as const }

async function two (t: Test, retry: object | false | undefined, route: object = {}, upstream: object = {}): Promise<Started & { a: TestTarget, b: TestTarget }> {
  const [a, b] = await targets(t, 2)
  if (a === undefined || b === undefined) throw new Error('asked for two')
  const gateway = await gatewayOver(t, [a.url, b.url], { ...STILL, ...upstream }, { ...(retry !== undefined && { retry }), ...route })
  return { ...gateway, a, b }
}

const reset: RequestListener = request => request.socket.resetAndDestroy()

function statusIs (status: number, headers = {}): RequestListener {
  return (_, response) => response.writeHead(status, headers).end('sorry')
}

t.test('by default, with several targets: who cannot be connected to is passed over, whatever the method', async t => {
  const { port, a, b, nextLine } = await two(t, undefined)
  await a.stop()
  for (const method of ['GET', 'POST', 'PATCH', 'DELETE']) {
    const body = method === 'GET' ? {} : { body: 'a body', headers: { 'content-length': '6' } }
    for (let i = 0; i < 2; i++) t.equal((await call(port, '/api/x', { method, ...body })).status, 200, method)
  }
  t.equal(b.requests.length, 8)
  const all = [nextLine(), nextLine()]
  for (let i = 0; i < 2; i++) await call(port, '/api/x')
  const [first, second] = (await Promise.all(all)).sort((one, other) => Number(one.attempts ?? 1) - Number(other.attempts ?? 1))
  t.match(first, { status: 200, target: b.url, outcome: 'completed' })
  t.equal(first?.attempts, undefined)
  t.match(second, { status: 200, target: b.url, attempts: 2, outcome: 'completed' })
})

t.test('a large upload goes whole to the target that takes it', async t => {
  const bodies: Buffer[] = []
  const good = await service(t, async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    bodies.push(Buffer.concat(chunks))
    response.end('got it')
  })
  const body = randomBytes(300_000)
  const { port } = await gatewayOver(t, [`http://127.0.0.1:${await closedPort()}`, `http://127.0.0.1:${good.port}`], STILL)
  for (const headers of [{ 'content-length': '300000' }, { 'transfer-encoding': 'chunked' }] as Record<string, string>[]) {
    for (let i = 0; i < 2; i++) t.equal((await call(port, '/api/x', { method: 'POST', headers, body })).status, 200)
  }
  t.equal(bodies.length, 4)
  t.ok(bodies.every(got => got.equals(body)))
})

t.test('over TLS and over HTTP/2 as well', async t => {
  const dead = await closedPort()
  const http1 = await service(t, (request, response) => request.resume().on('end', () => response.end('ok')))
  const overTls = await gatewayOver(t, [`https://127.0.0.1:${dead}`, `http://127.0.0.1:${http1.port}`], STILL)
  for (let i = 0; i < 2; i++) t.equal((await call(overTls.port, '/api/x', { method: 'POST', body: 'x' })).status, 200)
  const closing = await rawService(t, socket => socket.destroy())
  const handshake = await gatewayOver(t, [`https://127.0.0.1:${closing.port}`, `http://127.0.0.1:${http1.port}`], STILL)
  for (let i = 0; i < 2; i++) t.equal((await call(handshake.port, '/api/x', { method: 'POST', body: 'x' })).status, 200, 'no handshake, no connection')

  const good = await http2Service(t, stream => {
    stream.resume().on('end', () => {
      stream.respond({ ':status': 200 })
      stream.end('ok')
    })
  })
  const overHttp2 = await gatewayOver(t, [`http://127.0.0.1:${dead}`, `http://127.0.0.1:${good.port}`], { ...STILL, http2: true })
  for (let i = 0; i < 4; i++) t.equal((await call(overHttp2.port, '/api/x', { method: 'POST', body: 'x' })).status, 200)
})

t.test('a POST is never sent twice after a byte of it reached a target', async t => {
  const { port, a, b } = await two(t, { attempts: 3, on: ['connect', 'reset', 'timeout', 502, 503], perTryTimeout: 20 })
  a.handler = reset
  b.handler = reset
  t.equal((await call(port, '/api/x', { method: 'POST', body: 'x' })).status, 502)
  t.equal((await call(port, '/api/x', { method: 'POST' })).status, 502)
  t.equal(a.requests.length + b.requests.length, 2)
  a.handler = statusIs(503)
  b.handler = statusIs(503)
  t.equal((await call(port, '/api/x', { method: 'POST', body: 'x' })).status, 503)
  t.equal(a.requests.length + b.requests.length, 3)
})

t.test('a reset before the response: what is idempotent goes to the other target', async t => {
  const { port, a, b } = await two(t, undefined)
  a.handler = reset
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) for (let i = 0; i < 2; i++) t.equal((await call(port, '/api/x', { method })).status, 200)
  t.equal(a.requests.length, 4)
  b.handler = reset
  await b.stop()
  await b.start()
  const before = a.requests.length + b.requests.length
  t.equal((await call(port, '/api/x')).status, 502)
  t.equal(a.requests.length + b.requests.length, before + 2, 'each was tried once')
})

t.test('a body that was collected is there for another try', async t => {
  const { port, a, b } = await two(t, undefined, { bodyBuffer: '1kb' })
  const bodies: string[] = []
  a.handler = request => request.resume().on('end', () => request.socket.destroy())
  b.handler = async (request, response) => {
    for await (const chunk of request) bodies.push(String(chunk))
    response.end('ok')
  }
  for (let i = 0; i < 2; i++) t.equal((await call(port, '/api/x', { method: 'PUT', body: 'a body' })).status, 200)
  t.strictSame(bodies, ['a body', 'a body'])
})

t.test('a listed status is tried elsewhere; the last is passed on as it came', async t => {
  const { port, a, b } = await two(t, { attempts: 5, on: [502, 503] })
  a.handler = statusIs(503)
  for (let i = 0; i < 4; i++) t.equal(String((await call(port, '/api/x')).body), 'b')
  b.handler = statusIs(502, { 'x-from': 'b' })
  const last = await call(port, '/api/x')
  t.ok(last.status === 502 || last.status === 503)
  t.equal(String(last.body), 'sorry')
  b.handler = statusIs(500)
  const statuses = [(await call(port, '/api/x')).status, (await call(port, '/api/x')).status]
  t.ok(statuses.every(status => status === 500), 'what is not listed is a response')
})

t.test('of a body that is thrown away the connection is kept, unless it is long', async t => {
  const connections = new Set<unknown>()
  const { port, a } = await two(t, { on: [503] })
  a.handler = (request, response) => {
    connections.add(request.socket)
    response.writeHead(503).end(Buffer.alloc(request.url === '/long' ? 1_000_000 : 10_000))
  }
  for (let i = 0; i < 6; i++) t.equal((await call(port, '/api/short')).status, 200)
  t.equal(connections.size, 1)
  for (let i = 0; i < 6; i++) t.equal((await call(port, '/api/long')).status, 200)
  t.ok(connections.size > 1)
})

t.test('a body that is thrown away and does not end is given up', async t => {
  const closed: unknown[] = []
  const { port, a } = await two(t, { on: [503] }, { timeout: 50 })
  a.handler = (request, response) => {
    response.writeHead(503).write('the beginning')
    request.socket.once('close', () => closed.push(1))
  }
  for (let i = 0; i < 2; i++) t.equal((await call(port, '/api/x')).status, 200)
  while (closed.length === 0) await new Promise(resolve => setImmediate(resolve))
})

t.test('a 503 with Retry-After gives its target a rest', async t => {
  const { port, a, b, app } = await two(t, { on: [503] }, {}, { ejection: { after: 100 } })
  a.handler = statusIs(503, { 'retry-after': '60' })
  for (let i = 0; i < 6; i++) t.equal((await call(port, '/api/x')).status, 200)
  t.equal(a.requests.length, 1)
  t.equal(b.requests.length, 6)
  t.match(app.gateway.upstream('app')?.targets, [{ state: 'ejected' }, { state: 'available' }])
  t.equal(retryAfter('2'), 2000)
  t.equal(retryAfter('Thu, 01 Jan 1970 00:00:05 GMT', 1000), 4000)
  for (const nothing of ['0', '-1', 'soon', 'Thu, 01 Jan 1970 00:00:05 GMT']) t.equal(retryAfter(nothing), undefined)
})

/** Milliseconds: far more than a response takes, also where the machine has much else to do. */
const LONG = 500

t.test('a try may be given up before the route\'s timeout', async t => {
  const { port, a, b } = await two(t, { on: ['timeout'], perTryTimeout: LONG })
  a.handler = () => {}
  for (let i = 0; i < 4; i++) t.equal((await call(port, '/api/x')).status, 200)
  t.equal(a.requests.length, 2)
  b.handler = (_, response) => { setTimeout(() => response.end('late'), 1.4 * LONG) }
  t.equal(String((await call(port, '/api/x')).body), 'late', 'where there is no other target it goes on')
  const post = await call(port, '/api/x', { method: 'POST' })
  t.equal(String(post.body), 'late', 'what may not be repeated as well')
})

t.test('a try counts until the head alone', async t => {
  const { port, a, b } = await two(t, { on: ['timeout'], perTryTimeout: LONG })
  const slow: RequestListener = (_, response) => {
    response.write('begin')
    setTimeout(() => response.end(' end'), 1.4 * LONG)
  }
  a.handler = slow
  b.handler = slow
  t.equal(String((await call(port, '/api/x')).body), 'begin end')
  t.equal(a.requests.length + b.requests.length, 1)
})

t.test('nothing is tried again after the route\'s timeout', async t => {
  const { port, a, b } = await two(t, { on: ['reset'] }, { timeout: LONG })
  const late: RequestListener = (request, response) => {
    // 1xx keeps the connection from being silent.
    response.writeEarlyHints({ link: '</a>; rel=preload' })
    setTimeout(() => response.writeEarlyHints({ link: '</b>; rel=preload' }), 0.7 * LONG)
    setTimeout(() => request.socket.destroy(), 1.4 * LONG)
  }
  a.handler = late
  b.handler = late
  t.equal((await call(port, '/api/x')).status, 502)
  t.equal(a.requests.length + b.requests.length, 1)
})

t.test('retry: false tries nothing again', async t => {
  const { port, a } = await two(t, false)
  await a.stop()
  t.strictSame([(await call(port, '/api/x')).status, (await call(port, '/api/x')).status].sort(), [200, 502])
})

t.test('an upgrade repeats as a GET does', async t => {
  const { port: upstream, server } = await service(t, () => {})
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', socket => socket.close())
  const resetting = await rawService(t, socket => socket.on('data', () => socket.destroy()))
  const { port } = await gatewayOver(t, [`http://127.0.0.1:${resetting.port}`, `http://127.0.0.1:${upstream}`], STILL)
  for (let i = 0; i < 4; i++) {
    const client = new WebSocket(`ws://127.0.0.1:${port}/api/ws`)
    await new Promise((resolve, reject) => client.on('close', resolve).on('error', reject))
  }
  sockets.close()
  t.ok(resetting.sockets.length > 0)
})

t.test('HTTP/2: what was not processed goes elsewhere, whatever the method', async t => {
  let refused = 0
  const refusing = await http2Service(t, stream => {
    refused++
    stream.close(7)
  })
  const good = await http2Service(t, stream => {
    stream.respond({ ':status': 200 })
    stream.end('ok')
  })
  const { port } = await gatewayOver(t, [`http://127.0.0.1:${refusing.port}`, `http://127.0.0.1:${good.port}`], { ...STILL, http2: true })
  for (let i = 0; i < 4; i++) t.equal((await call(port, '/api/x', { method: 'POST', headers: { 'content-length': '0' } })).status, 200)
  t.ok(refused > 0)
})

t.test('the budget bounds tries by the requests of the last ten seconds', async t => {
  let now = 0
  const budget = new RetryBudget(0.2, () => now)
  for (let i = 0; i < 30; i++) {
    t.equal(budget.hasRoom, true)
    budget.take()
  }
  t.equal(budget.hasRoom, false, '3 a second without a request')
  for (let i = 0; i < 10; i++) budget.count()
  t.equal(budget.hasRoom, true)
  budget.take()
  budget.take()
  t.equal(budget.hasRoom, false, 'and a fifth of the requests')
  now = 9_000
  t.equal(budget.hasRoom, false)
  now = 10_000
  t.equal(budget.hasRoom, true, 'the first second counts no more')
  now = 1_000_000
  for (let i = 0; i < 29; i++) budget.take()
  t.equal(budget.hasRoom, true)
})

t.test('an outage is not multiplied', async t => {
  const { port, a, b } = await two(t, { attempts: 1, on: [500], budget: 0 })
  a.handler = statusIs(500)
  b.handler = a.handler
  for (let i = 0; i < 100; i++) await call(port, '/api/x')
  t.equal(a.requests.length + b.requests.length, 130)
})

t.test('who cannot be connected to costs no budget, as nobody gets more for it', async t => {
  const { port, a, b } = await two(t, { attempts: 1, on: ['connect'], budget: 0 })
  await a.stop()
  for (let i = 0; i < 100; i++) t.equal((await call(port, '/api/x')).status, 200)
  t.equal(b.requests.length, 100)
})
