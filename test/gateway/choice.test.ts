import { once } from 'node:events'
import cors from '@fastify/cors'
import t from 'tap'
import type { Test } from 'tap'
import type { GatewayConfig } from '../../src/index.js'
import { call } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2.js'
import { RawClient } from '../fixtures/peers.js'
import { named, startPlugin, startRoutes } from '../fixtures/routes.js'
import { message, rejection, webSocket, webSocketService } from '../fixtures/websockets.js'

// Which of the routes of one prefix takes a request, as a plugin and as a service.

const MODES = [['plugin', startPlugin], ['service', startRoutes]] as const

/** Targets that say their names. */
async function targets<Name extends string> (t: Test, ...names: Name[]): Promise<Record<Name, string>> {
  const entries = await Promise.all(names.map(async name => [name, await named(t, name)] as const))
  return Object.fromEntries(entries) as Record<Name, string>
}

async function byHost (t: Test): Promise<GatewayConfig> {
  const { exact, wildcard, every, root } = await targets(t, 'exact', 'wildcard', 'every', 'root')
  return {
    routes: [
      { prefix: '/', target: root },
      { prefix: '/api', target: every },
      { prefix: '/api', target: wildcard, hosts: ['*.Example.com'] },
      { prefix: '/api', target: exact, hosts: ['api.example.com', 'BÜCHER.example.', '::1'] }
    ]
  }
}

const BY_HOST: Array<[host: string, name: string]> = [
  ['api.example.com', 'exact'], ['API.Example.COM.', 'exact'], ['api.example.com:8080', 'exact'], ['api.example.com.:80', 'exact'],
  ['xn--bcher-kva.example', 'exact'], ['[::1]', 'exact'], ['[::1]:8080', 'exact'],
  ['www.example.com', 'wildcard'], ['www.EXAMPLE.com:1', 'wildcard'],
  ['example.com', 'every'], ['a.b.example.com', 'every'], ['.example.com', 'every'], ['evilexample.com', 'every'], ['api.example.com.evil', 'every'], ['', 'every']
]

for (const [mode, startGateway] of MODES) {
  t.test(`${mode}: an exact host wins over a wildcard, that over none`, async t => {
    const config = await byHost(t)
    const { port } = await startGateway(t, config)
    for (const [host, name] of BY_HOST) t.equal((await call(port, '/api/x', { headers: { host } })).body.toString(), `${name} /api/x`, host)
    t.equal((await call(port, '/x', { headers: { host: 'api.example.com' } })).body.toString(), 'root /x')
    const client = new RawClient(t, port).send('GET http://api.example.com/api HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\n\r\n')
    t.match(await client.until('exact'), 'exact', 'the authority of an absolute-form counts')
    const old = new RawClient(t, port).send('GET /api HTTP/1.0\r\n\r\n')
    t.match(await old.closed.then(() => old.received), 'every /api', 'one that names no host')
    const twice = new RawClient(t, port).send('GET /api HTTP/1.1\r\nHost: api.example.com\r\nHost: www.example.com\r\n\r\n')
    t.match(await twice.closed.then(() => twice.received), /^HTTP\/1\.1 400 /)

    const { port: http2 } = await startGateway(t, config, { http2: true })
    const session = new Http2Client(t, http2)
    for (const [host, name] of BY_HOST.filter(([host]) => host !== '')) t.equal((await session.ask({ ':path': '/api/x', ':authority': host }).closed).body, `${name} /api/x`, `${host} over HTTP/2`)
  })

  t.test(`${mode}: a host that no route of the longest prefix takes is a 404`, async t => {
    const { api, root } = await targets(t, 'api', 'root')
    const { port, nextLine } = await startGateway(t, {
      cors: { origin: ['https://app.example'] },
      routes: [{ prefix: '/', target: root }, { prefix: '/api', target: api, hosts: ['api.example.com', '*.other.example'], cors: { origin: '*' } }]
    })
    for (const host of ['www.example.com', 'other.example', 'a.b.other.example']) {
      const line = nextLine()
      const response = await call(port, '/api/x', { headers: { host, origin: 'https://app.example' } })
      t.match(response, { status: 404, headers: { 'access-control-allow-origin': 'https://app.example', 'content-type': 'application/json; charset=utf-8' } })
      t.match(response.json(), { success: false, error: { code: 'NOT_FOUND', message: 'No route for this path' } })
      t.match(await line, { status: 404, outcome: 'rejected', route: undefined })
    }
    t.equal((await call(port, '/apix', { headers: { host: 'www.example.com' } })).body.toString(), 'root /apix')
  })

  t.test(`${mode}: a method that is named wins over none; GET takes HEAD; what nobody takes is a 405`, async t => {
    const { reads, writes, all, root } = await targets(t, 'reads', 'writes', 'all', 'root')
    const { port, nextLine } = await startGateway(t, {
      routes: [
        { prefix: '/', target: root },
        { prefix: '/split', target: reads, methods: ['GET'] },
        { prefix: '/split', target: writes, methods: ['POST', 'PUT'] },
        { prefix: '/rest', target: all },
        { prefix: '/rest', target: writes, methods: ['POST'] }
      ]
    })
    const ask = async (method: string, path: string): Promise<string> => (await call(port, path, { method })).body.toString()
    t.equal(await ask('GET', '/split/x'), 'reads /split/x')
    t.equal(await ask('POST', '/split/x'), 'writes /split/x')
    t.equal(await ask('POST', '/rest/x'), 'writes /rest/x')
    t.equal(await ask('PUT', '/rest/x'), 'all /rest/x')
    t.equal(await ask('DELETE', '/x'), 'root /x')
    const line = nextLine()
    t.equal((await call(port, '/split', { method: 'HEAD' })).status, 200)
    t.match(await line, { target: reads })
    for (const method of ['DELETE', 'OPTIONS', 'TRACE', 'PROPFIND']) {
      const line = nextLine()
      const response = await call(port, '/split/x', { method })
      t.match(response, { status: 405, headers: { allow: 'GET, HEAD, POST, PUT' } }, method)
      t.match(response.json(), { success: false, error: { code: 'METHOD_NOT_ALLOWED' } })
      t.match(await line, { status: 405, method, outcome: 'rejected' })
    }

    const { port: http2 } = await startGateway(t, { routes: [{ prefix: '/split', target: reads, methods: ['GET'] }] }, { http2: true })
    const session = new Http2Client(t, http2)
    t.equal((await session.ask({ ':path': '/split' }).closed).body, 'reads /split')
    t.match(await session.ask({ ':path': '/split', ':method': 'DELETE' }).closed, { status: 405, headers: { allow: 'GET, HEAD' } })
    t.match(await session.ask({ ':path': '/split', ':method': 'NONE' }).closed, { status: 405 }, 'one that Node does not know')
  })

  t.test(`${mode}: hosts count before methods; a route for all hosts takes what the others leave`, async t => {
    const { exact, wildcard, every } = await targets(t, 'exact', 'wildcard', 'every')
    const { port } = await startGateway(t, {
      routes: [
        { prefix: '/api', target: every, methods: ['GET', 'DELETE'] },
        { prefix: '/api', target: wildcard, hosts: ['*.example.com'], methods: ['POST'] },
        { prefix: '/api', target: exact, hosts: ['api.example.com'], methods: ['PUT', 'GET'] }
      ]
    })
    const headers = { host: 'api.example.com' }
    for (const [method, name] of [['GET', 'exact'], ['PUT', 'exact'], ['POST', 'wildcard'], ['DELETE', 'every']] as const) {
      t.equal((await call(port, '/api', { method, headers })).body.toString(), `${name} /api`, method)
    }
    t.match(await call(port, '/api', { method: 'PATCH', headers }), { status: 405, headers: { allow: 'PUT, GET, HEAD, POST, DELETE' } })
    t.match(await call(port, '/api', { method: 'PUT' }), { status: 405, headers: { allow: 'GET, HEAD, DELETE' } })
  })

  t.test(`${mode}: policies follow the choice, and a preflight is for the method that it asks for`, async t => {
    const { reads, writes } = await targets(t, 'reads', 'writes')
    const { port } = await startGateway(t, {
      routes: [
        { prefix: '/api', target: reads, methods: ['GET'], cors: { origin: ['https://reads.example'] }, rateLimit: { max: 1 } },
        { prefix: '/api', target: writes, methods: ['POST', 'OPTIONS'], cors: { origin: ['https://writes.example'], methods: ['POST'] } },
        { prefix: '/api', target: writes, methods: ['PUT'] }
      ]
    })
    const preflight = async (method: string, origin: string) => await call(port, '/api/x', { method: 'OPTIONS', headers: { origin, 'access-control-request-method': method } })
    for (const method of ['GET', 'HEAD']) t.match(await preflight(method, 'https://reads.example'), { status: 204, headers: { 'access-control-allow-origin': 'https://reads.example' } })
    t.match(await preflight('POST', 'https://writes.example'), { status: 204, headers: { 'access-control-allow-origin': 'https://writes.example', 'access-control-allow-methods': 'POST' } })
    t.equal((await preflight('POST', 'https://reads.example')).headers['access-control-allow-origin'], undefined)
    t.equal((await preflight('PUT', 'https://reads.example')).body.toString(), 'writes /api/x', 'without a policy it is the service\'s')
    t.match(await preflight('DELETE', 'https://reads.example'), { status: 204, headers: { 'access-control-allow-origin': 'https://reads.example' } }, 'what no route takes has the policy of the first')
    t.match(await call(port, '/api', { method: 'DELETE', headers: { origin: 'https://reads.example' } }), { status: 405, headers: { 'access-control-allow-origin': 'https://reads.example', 'x-ratelimit-limit': '1' } })
    t.match(await call(port, '/api', { method: 'POST' }), { status: 200, headers: { 'x-ratelimit-limit': undefined } })
    t.match(await call(port, '/api'), { status: 429 }, 'counted for the route alone')
  })

  t.test(`${mode}: upgrades are of the route that takes them`, async t => {
    const { port: upstream } = await webSocketService(t, (socket, request) => socket.send(String(request.url)))
    const { plain } = await targets(t, 'plain')
    const { port } = await startGateway(t, {
      routes: [
        { prefix: '/ws', target: plain, http2: true },
        { prefix: '/ws', target: `http://127.0.0.1:${upstream}`, hosts: ['ws.example.com'] },
        { prefix: '/ws', respond: { status: 403, body: 'not here' }, hosts: ['no.example.com'] },
        { prefix: '/post', target: plain, methods: ['POST'] }
      ]
    })
    t.equal(await message(webSocket(t, port, '/ws/x', [], { headers: { host: 'ws.example.com' } })), '/ws/x')
    t.match(await rejection(webSocket(t, port, '/ws/x', [], { headers: { host: 'no.example.com' } })), { status: 403, body: 'not here' })
    const http2 = new RawClient(t, port).send('GET /ws/x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    t.match(await http2.until('BAD_GATEWAY'), /\r\nConnection: keep-alive\r\n/i, 'to a service of HTTP/2 it is an ordinary request')
    t.match(await rejection(webSocket(t, port, '/post')), { status: 405, headers: { allow: 'POST' } })
  })
}

t.test('in a host that has CORS, routes of one prefix keep their own policies', async t => {
  const { reads, writes } = await targets(t, 'reads', 'writes')
  const { port } = await startPlugin(t, {
    cors: { origin: ['https://reads.example'] },
    routes: [
      { prefix: '/api', target: reads, methods: ['GET'] },
      { prefix: '/api', target: writes, methods: ['POST'], cors: { origin: ['https://writes.example'] } },
      { prefix: '/same', target: reads, methods: ['GET'] },
      { prefix: '/same', target: writes, methods: ['POST'] }
    ]
  }, { build: app => app.register(cors, { origin: ['https://host.example'] }) })
  const allowed = async (method: string, path: string, origin: string): Promise<unknown> => (await call(port, path, { method, headers: { origin } })).headers['access-control-allow-origin']
  t.equal(await allowed('GET', '/api', 'https://reads.example'), 'https://reads.example')
  t.equal(await allowed('POST', '/api', 'https://writes.example'), 'https://writes.example')
  t.equal(await allowed('POST', '/api', 'https://reads.example'), undefined)
  for (const method of ['GET', 'POST']) t.equal(await allowed(method, '/same', 'https://reads.example'), 'https://reads.example')
  t.equal(await allowed('GET', '/none', 'https://host.example'), 'https://host.example')
  t.equal(await allowed('GET', '/none', 'https://reads.example'), undefined, 'the host\'s other paths are its own')
})

t.test('a request that is given up while it waits is nobody\'s', async t => {
  const { api } = await targets(t, 'api')
  const { port, nextLine } = await startRoutes(t, { routes: [{ prefix: '/api', target: api, hosts: ['api.example.com'] }] })
  const lines = [nextLine(), nextLine()]
  const client = new RawClient(t, port).send('GET /api HTTP/1.1\r\nHost: api.example.com\r\n\r\nGET /api HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n')
  await once(client.socket, 'close')
  t.match(await Promise.all(lines), [{ status: 200 }, { status: 404 }])
})
