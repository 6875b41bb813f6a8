import cors from '@fastify/cors'
import t from 'tap'
import type { Test } from 'tap'
import streamGateway from '../../src/index.js'
import type { GatewayOptions } from '../../src/index.js'
import { call, gatewayTo, start } from '../fixtures/gateway.js'
import type { Call } from '../fixtures/gateway.js'
import { closedPort, service } from '../fixtures/peers.js'

const APP = 'https://app.example'
const PREFLIGHT: Call = { method: 'OPTIONS', headers: { origin: APP, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'x-a' } }

/** A service that has CORS of its own, and tells which methods reached it. */
async function ownCors (t: Test): Promise<{ port: number, seen: string[] }> {
  const seen: string[] = []
  const { port } = await service(t, (request, response) => {
    seen.push(`${request.method} ${request.url}`)
    response.writeHead(200, { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'x-service', vary: 'Accept-Encoding' })
    response.end('service')
  })
  return { port, seen }
}

const POLICY: GatewayOptions['cors'] = { origin: [APP], credentials: true, exposedHeaders: ['x-total'], maxAge: 600, allowedHeaders: ['x-a', 'x-b'], methods: ['GET', 'PUT'] }

t.test('a preflight gets its response from the gateway', async t => {
  const { port: upstream, seen } = await ownCors(t)
  const { port, nextLine } = await gatewayTo(t, upstream, {}, { cors: POLICY })
  const line = nextLine()
  const response = await call(port, '/api/x', PREFLIGHT)
  t.equal(response.status, 204)
  t.match(response.headers, {
    'access-control-allow-origin': APP,
    'access-control-allow-credentials': 'true',
    'access-control-allow-methods': 'GET, PUT',
    'access-control-allow-headers': 'x-a, x-b',
    'access-control-max-age': '600'
  })
  t.strictSame(seen, [])
  t.match(await line, { status: 204, method: 'OPTIONS', outcome: 'completed' })
})

t.test('the response carries the gateway\'s fields alone, and Vary of both', async t => {
  const { port: upstream } = await ownCors(t)
  const { port } = await gatewayTo(t, upstream, {}, { cors: POLICY })
  const { headers } = await call(port, '/api/x', { headers: { origin: APP } })
  t.equal(headers['access-control-allow-origin'], APP)
  t.equal(headers['access-control-expose-headers'], 'x-total')
  t.equal(headers.vary, 'Accept-Encoding, Origin')
  const stranger = await call(port, '/api/x', { headers: { origin: 'https://evil.example' } })
  t.equal(stranger.headers['access-control-allow-origin'], undefined)
})

t.test('an OPTIONS that is no preflight is forwarded', async t => {
  const { port: upstream, seen } = await ownCors(t)
  const { port } = await gatewayTo(t, upstream, {}, { cors: POLICY })
  for (const headers of [{}, { origin: APP }, { 'access-control-request-method': 'PUT' }]) {
    const response = await call(port, '/api/x', { method: 'OPTIONS', headers })
    t.equal(response.body.toString(), 'service')
    t.equal(response.headers['access-control-allow-origin'], 'origin' in headers ? APP : undefined)
  }
  t.equal(seen.length, 3)
})

t.test('without CORS all of it is the service\'s', async t => {
  const { port: upstream, seen } = await ownCors(t)
  for (const options of [{}, { cors: false }] as const) {
    const { port } = await gatewayTo(t, upstream, {}, options)
    const response = await call(port, '/api/x', PREFLIGHT)
    t.equal(response.body.toString(), 'service')
    t.equal(response.headers['access-control-allow-origin'], '*')
    t.equal(response.headers.vary, 'Accept-Encoding')
  }
  t.equal(seen.length, 2)
})

t.test('a route has a policy of its own, or none', async t => {
  const { port: upstream, seen } = await ownCors(t)
  const target = `http://127.0.0.1:${upstream}`
  const { port } = await start(t, app => app.register(streamGateway, {
    cors: { origin: [APP] },
    routes: [
      { prefix: '/shared', target },
      { prefix: '/own', target, cors: { origin: ['https://other.example'] } },
      { prefix: '/none', target, cors: false }
    ]
  }))
  t.equal((await call(port, '/shared', { headers: { origin: APP } })).headers['access-control-allow-origin'], APP)
  t.equal((await call(port, '/own', { headers: { origin: APP } })).headers['access-control-allow-origin'], undefined)
  t.equal((await call(port, '/own', { headers: { origin: 'https://other.example' } })).headers['access-control-allow-origin'], 'https://other.example')
  t.equal((await call(port, '/own', PREFLIGHT)).status, 204)
  t.equal((await call(port, '/none', PREFLIGHT)).body.toString(), 'service')
  t.equal((await call(port, '/none', PREFLIGHT)).headers['access-control-allow-origin'], '*')
  t.strictSame(seen.filter(line => line.startsWith('OPTIONS')), ['OPTIONS /none', 'OPTIONS /none'])
})

t.test('one route with CORS, the others without', async t => {
  const { port: upstream } = await ownCors(t)
  const target = `http://127.0.0.1:${upstream}`
  const { port } = await start(t, app => app.register(streamGateway, {
    routes: [{ prefix: '/with', target, cors: { origin: [APP] } }, { prefix: '/without', target }]
  }))
  t.equal((await call(port, '/with', PREFLIGHT)).headers['access-control-allow-origin'], APP)
  t.equal((await call(port, '/without', PREFLIGHT)).headers['access-control-allow-origin'], '*')
})

t.test('errors and rejections can be read by a browser', async t => {
  const { port } = await gatewayTo(t, await closedPort(), {}, { cors: POLICY, rateLimit: { max: 1 } })
  for (const status of [502, 429]) {
    const response = await call(port, '/api/x', { headers: { origin: APP } })
    t.equal(response.status, status)
    t.equal(response.headers['access-control-allow-origin'], APP)
    t.equal(response.headers['access-control-expose-headers'], 'x-total')
  }
  const preflight = await call(port, '/api/x', PREFLIGHT)
  t.equal(preflight.status, 204, 'a preflight is not counted')
})

t.test('in a host that has CORS, its plugin does the work, with the route\'s policy', async t => {
  const { port: upstream } = await ownCors(t)
  const target = `http://127.0.0.1:${upstream}`
  const { port } = await start(t, async app => {
    await app.register(cors, { origin: ['https://host.example'] })
    app.get('/host', async () => 'host')
    await app.register(streamGateway, { cors: { origin: [APP] }, routes: [{ prefix: '/api', target }] })
    await app.register(streamGateway, { routes: [{ prefix: '/silent', target }] })
  })
  t.equal((await call(port, '/api', { headers: { origin: APP } })).headers['access-control-allow-origin'], APP)
  t.equal((await call(port, '/api', PREFLIGHT)).headers['access-control-allow-origin'], APP)
  t.equal((await call(port, '/host', { headers: { origin: 'https://host.example' } })).headers['access-control-allow-origin'], 'https://host.example')
  t.equal((await call(port, '/silent', { headers: { origin: 'https://host.example' } })).headers['access-control-allow-origin'], 'https://host.example')
})

t.test('two gateways with CORS in one app, and the host keeps its own OPTIONS', async t => {
  const { port: upstream } = await ownCors(t)
  const target = `http://127.0.0.1:${upstream}`
  const { port } = await start(t, async app => {
    app.options('/host', async () => 'host')
    for (const name of ['a', 'b']) {
      await app.register(streamGateway, { cors: { origin: [`https://${name}.example`] }, routes: [{ prefix: `/${name}`, target }] })
    }
  })
  for (const name of ['a', 'b']) {
    t.equal((await call(port, `/${name}`, { headers: { origin: `https://${name}.example` } })).headers['access-control-allow-origin'], `https://${name}.example`)
  }
  t.equal((await call(port, '/host', { method: 'OPTIONS' })).body.toString(), 'host')
})
