import hostCors from '@fastify/cors'
import t from 'tap'
import { compileOrigins, isAllowed } from '../../src/proxy/origins.js'
import { call, gatewayTo } from '../fixtures/gateway.js'
import { gone, service } from '../fixtures/peers.js'
import { named, startPlugin, startRoutes } from '../fixtures/routes.js'
import { agreed, echo, rejection, webSocket, webSocketService } from '../fixtures/websockets.js'

const ALLOWED = ['https://a.example.com', 'https://a-b_1.example.com', 'https://xn--bcher-kva.example.com']
const FORBIDDEN = [
  'https://example.com', 'https://.example.com', 'https://a.b.example.com', 'https://evilexample.com', 'https://a.example.com.evil', 'https://a.exampleXcom',
  'http://a.example.com', 'https://a.example.com:8443', 'https://a.example.com/', 'https://evil.com#.example.com', 'https://evil.com/.example.com',
  'https://evil.com?.example.com', 'https://u@.example.com', 'https://a:b.example.com', 'xhttps://a.example.com', 'https://a.example.com\n', 'null', ''
]

t.test('an asterisk stands for one label', async t => {
  const origins = compileOrigins(['https://exact.example', 'https://*.example.com'])
  for (const origin of [...ALLOWED, 'https://exact.example']) t.ok(isAllowed(origin, origins), origin)
  for (const origin of FORBIDDEN) t.notOk(isAllowed(origin, origins), origin)
  t.ok(isAllowed('http://a.localhost:5173', compileOrigins('http://*.localhost:5173')))
})

for (const [mode, startGateway] of [['plugin', startPlugin], ['service', startRoutes]] as const) {
  t.test(`${mode}: the origins of one label may call, one alone or in a list`, async t => {
    const target = await named(t, 'service')
    const { port } = await startGateway(t, {
      cors: { origin: ['https://exact.example', 'https://*.example.com'], credentials: true },
      routes: [{ prefix: '/list', target }, { prefix: '/one', target, cors: { origin: 'https://*.example.com' } }]
    })
    for (const path of ['/list', '/one']) {
      for (const origin of ALLOWED) {
        t.match((await call(port, path, { headers: { origin } })).headers, { 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true', vary: 'Origin' })
        t.match(await call(port, path, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'PUT' } }), { status: 204, headers: { 'access-control-allow-origin': origin } })
      }
      for (const origin of FORBIDDEN.filter(origin => !origin.includes('\n'))) {
        t.equal((await call(port, path, { headers: { origin } })).headers['access-control-allow-origin'], undefined, `${path} ${origin}`)
        t.equal((await call(port, path, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'PUT' } })).headers['access-control-allow-origin'], undefined)
      }
    }
  })
}

t.test('in a host that has CORS', async t => {
  const target = await named(t, 'service')
  const { port } = await startPlugin(t, { cors: { origin: 'https://*.example.com' }, routes: [{ prefix: '/api', target }, { prefix: '/off', target, cors: false }] }, {
    build: app => app.register(hostCors, { origin: ['https://host.example'] })
  })
  t.equal((await call(port, '/api', { headers: { origin: 'https://a.example.com' } })).headers['access-control-allow-origin'], 'https://a.example.com')
  t.equal((await call(port, '/api', { headers: { origin: 'https://a.b.example.com' } })).headers['access-control-allow-origin'], undefined)
  t.equal((await call(port, '/off', { headers: { origin: 'https://host.example' } })).headers['access-control-allow-origin'], undefined)
})

t.test('a page of one label may open a tunnel, and no other', async t => {
  const { port: upstream } = await webSocketService(t, echo)
  const { port } = await gatewayTo(t, upstream, { cors: { origin: ['https://*.example.com'] } })
  for (const origin of ALLOWED) {
    const client = webSocket(t, port, '/api/x', [], { origin })
    t.equal((await agreed(client))['access-control-allow-origin'], origin)
    client.terminate()
    await gone(client)
  }
  for (const origin of ['https://example.com', 'https://a.b.example.com', 'https://evilexample.com']) t.match(await rejection(webSocket(t, port, '/api/x', [], { origin })), { status: 403 })
})

t.test('more pages than are remembered: each response has the headers of its own', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end())
  const { port } = await gatewayTo(t, upstream, {}, { cors: { origin: ['https://*.app.example'] } })
  for (let nth = 0; nth <= 300; nth++) {
    const origin = `https://a${nth % 290}.app.example`
    const { headers } = await call(port, '/api/x', { headers: { origin } })
    t.equal(headers['access-control-allow-origin'], origin)
  }
})
