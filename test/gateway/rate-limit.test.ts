import rateLimit from '@fastify/rate-limit'
import t from 'tap'
import streamGateway from '../../src/index.js'
import { call, gatewayTo, start } from '../fixtures/gateway.js'
import { closedPort, RawClient, service } from '../fixtures/peers.js'

t.test('over the limit: 429 in the gateway\'s words, and the service is not asked', async t => {
  let asked = 0
  const { port: upstream } = await service(t, (_request, response) => {
    asked++
    response.writeHead(200, { 'x-ratelimit-limit': '7', 'X-RateLimit-Remaining': '6', 'x-ratelimit-policy': 'service' })
    response.end('ok')
  })
  const { port, nextLine } = await gatewayTo(t, upstream, {}, { rateLimit: { max: 2, timeWindow: '1h' } })
  const first = await call(port, '/api/x')
  t.match(first.headers, { 'x-ratelimit-limit': '2', 'x-ratelimit-remaining': '1', 'x-ratelimit-reset': /^\d+$/ })
  t.equal(first.headers['x-ratelimit-policy'], undefined, 'the family is the gateway\'s')
  t.equal((await call(port, '/api', { method: 'POST' })).status, 200, 'the prefix and all methods share one counter')
  const line = nextLine()
  const response = await call(port, '/api/y', { method: 'PUT', body: 'x' })
  t.equal(response.status, 429)
  t.match(response.json(), { success: false, error: { code: 'TOO_MANY_REQUESTS', message: /^Rate limit exceeded, retry in 1 hour$/ }, requestId: /./ })
  t.match(response.headers, { 'retry-after': /^\d+$/, 'x-ratelimit-remaining': '0', 'content-type': 'application/json; charset=utf-8' })
  t.equal(asked, 2)
  t.match(await line, { status: 429, outcome: 'rejected' })
})

t.test('without a limit the service\'s own fields travel', async t => {
  const { port: upstream } = await service(t, (_request, response) => {
    response.writeHead(200, { 'x-ratelimit-limit': '7' })
    response.end()
  })
  for (const options of [{}, { rateLimit: false }] as const) {
    const { port } = await gatewayTo(t, upstream, {}, options)
    t.equal((await call(port, '/api/x')).headers['x-ratelimit-limit'], '7')
  }
})

t.test('routes share the global counter; one with its own limit counts apart; one without is free', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end())
  const target = `http://127.0.0.1:${upstream}`
  const { port } = await start(t, app => app.register(streamGateway, {
    rateLimit: { max: 2 },
    routes: [
      { prefix: '/a', target }, { prefix: '/b', target },
      { prefix: '/own', target, rateLimit: { max: 1 } },
      { prefix: '/free', target, rateLimit: false }
    ]
  }))
  const statuses: number[] = []
  for (const path of ['/a', '/b', '/b', '/own', '/own', '/free', '/free', '/free']) statuses.push((await call(port, path)).status)
  t.strictSame(statuses, [200, 200, 429, 200, 429, 200, 200, 200])
})

t.test('clients are told apart by the address that the server believes', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end())
  const { port } = await gatewayTo(t, upstream, {}, { rateLimit: { max: 1, allowList: ['203.0.113.9'] } }, { trustProxy: ['127.0.0.1'] })
  const ask = async (client: string): Promise<number> => (await call(port, '/api/x', { headers: { 'x-forwarded-for': client } })).status
  t.strictSame([await ask('203.0.113.1'), await ask('203.0.113.1'), await ask('203.0.113.2')], [200, 429, 200])
  t.strictSame([await ask('203.0.113.9'), await ask('203.0.113.9')], [200, 200], 'listed ones are not limited')
})

t.test('in a host that has @fastify/rate-limit its plugin counts, and its own limit stays off the gateway\'s', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end())
  const target = `http://127.0.0.1:${upstream}`
  const { port } = await start(t, async app => {
    await app.register(rateLimit, { max: 1, timeWindow: '1m' })
    app.get('/host', async () => 'host')
    await app.register(streamGateway, { rateLimit: { max: 3 }, routes: [{ prefix: '/api', target }] })
    await app.register(streamGateway, { routes: [{ prefix: '/silent', target }] })
  })
  const statuses: number[] = []
  for (const path of ['/api', '/api', '/api', '/api', '/silent', '/host']) statuses.push((await call(port, path)).status)
  t.strictSame(statuses, [200, 200, 200, 429, 200, 429], 'where the gateway is silent, the host\'s counter holds')
})

t.test('one route with a limit, and none for all', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end('ok'))
  const target = `http://127.0.0.1:${upstream}`
  const { port } = await start(t, app => app.register(streamGateway, { routes: [{ prefix: '/limited', target, rateLimit: { max: 1 } }, { prefix: '/free', target }] }))
  t.equal((await call(port, '/limited')).headers['x-ratelimit-limit'], '1')
  t.equal((await call(port, '/limited')).status, 429)
  t.equal((await call(port, '/free')).headers['x-ratelimit-limit'], undefined)
})

t.test('neither a limit nor a preflight is a reason to believe a malformed request', async t => {
  const { port } = await gatewayTo(t, await closedPort(), {}, { cors: { origin: ['https://app.example'] }, rateLimit: { max: 1 } })
  t.equal((await call(port, '/api/x')).status, 502)
  t.equal((await call(port, '/api/x')).status, 429)
  const hidden = 'GET /api/hidden HTTP/1.1\r\nHost: x\r\n\r\n'
  for (const head of ['GET /api/x HTTP/1.1', 'OPTIONS /api/x HTTP/1.1\r\nOrigin: https://app.example\r\nAccess-Control-Request-Method: PUT']) {
    const client = new RawClient(t, port)
    client.send(`${head}\r\nHost: x\r\nHost: y\r\n\r\n${hidden}`)
    await client.closed
    t.match(client.received, /^HTTP\/1\.1 400 [^]*\r\nconnection: close\r\n[^]*"BAD_REQUEST"/i)
    t.equal(client.received.match(/HTTP\/1\.1 /g)?.length, 1)
  }
})
