import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { setTimeout as pass } from 'node:timers/promises'
import Fastify from 'fastify'
import t from 'tap'
import streamGateway from '../../src/index.js'
import type { GatewayOptions } from '../../src/index.js'
import { call, start } from '../fixtures/gateway.js'
import { seen } from '../fixtures/moving.js'
import { before } from '../fixtures/parity.js'
import { portOf, service } from '../fixtures/peers.js'
import { named } from '../fixtures/routes.js'
import { until } from '../fixtures/until.js'
import { openWebSocket, webSocketService } from '../fixtures/websockets.js'

// docs/parity: the gateway in an app, beside what else the app has.

declare module 'fastify' {
  interface FastifyRequest { tenant?: string }
}

t.test('a hook of the host may reject, and what it throws is the host\'s to answer', async t => {
  let forwarded = 0
  const { ask } = await before(t, {}, {
    handler: (_request, response) => { forwarded++; response.end() },
    build: app => {
      app.setErrorHandler(async (error: Error & { statusCode?: number }, _request, reply) => await reply.code(error.statusCode ?? 502).send({ host: error.message }))
      app.addHook('preHandler', async ({ headers }) => {
        if (headers['x-fail'] !== undefined) throw new Error('filter')
        if (headers.authorization === undefined) throw Object.assign(new Error('Unauthorized'), { statusCode: 401 })
      })
    }
  })
  const none = await ask('/api/x')
  t.strictSame([none.status, JSON.parse(String(none.body))], [401, { host: 'Unauthorized' }])
  t.equal((await ask('/api/x', { headers: { 'x-fail': '1' } })).status, 502)
  t.equal(forwarded, 0)
  t.equal((await ask('/api/x', { headers: { authorization: 'x' } })).status, 200)
})

t.test('a hook of the host sees the head and the route, and no body; the body reaches the service', async t => {
  const asked: unknown[] = []
  const { see } = await before(t, {}, {
    build: app => {
      app.addHook('preValidation', async ({ body }) => { asked.push(body) })
      app.addHook('preHandler', async ({ body, routeOptions }) => { asked.push(body, routeOptions.url) })
    }
  })
  const { body } = await see('/api/x', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"hello":"world"}' })
  t.equal(body, '{"hello":"world"}')
  t.strictSame(asked, [undefined, undefined, '/api/*'])
})

t.test('what a hook of the host notes on a request is there for the gateway\'s hooks', async t => {
  const [one, two] = await Promise.all([named(t, 'one'), named(t, 'two')])
  const { ask } = await before(t, {
    getTarget: async ({ tenant }) => { await pass(1); return tenant === 'two' ? two : { protocol: 'http', host: '127.0.0.1', port: Number(new URL(one).port) } },
    rewritePath: (path, { tenant }) => `${path}?q=${tenant}`
  }, {
    build: app => {
      app.decorateRequest('tenant')
      app.addHook('onRequest', async request => { request.tenant = String(request.headers['x-tenant']) })
    }
  })
  t.equal(String((await ask('/api/x', { headers: { 'x-tenant': 'one' } })).body), 'one /api/x?q=one')
  t.equal(String((await ask('/api/x', { headers: { 'x-tenant': 'two' } })).body), 'two /api/x?q=two')
})

t.test('a hook that chooses no target that there is, or fails, is a 500, and the log says why', async t => {
  const { ask, lines } = await before(t, { getTarget: async ({ headers }) => { if (headers['x-fail'] !== undefined) throw new Error('An error thrown in the router'); return 'nowhere' } })
  const failed = await ask('/api/x', { headers: { 'x-fail': '1' } })
  t.equal(failed.status, 500)
  t.notMatch(String(failed.body), 'router')
  t.equal((await ask('/api/x')).status, 500)
  t.match(JSON.stringify(lines), 'An error thrown in the router')
})

t.test('routes of the host stay the host\'s, one with a constraint of its own as well', async t => {
  const { port } = await start(t, async app => {
    app.get('/api/own', async () => 'own')
    app.get('/api/versioned', { constraints: { version: '2.0.0' } }, async () => 'version 2')
    await app.register(streamGateway, { routes: [{ prefix: '/', target: await named(t, 'service') }] })
  })
  t.equal(String((await call(port, '/api/own')).body), 'own')
  t.equal(String((await call(port, '/api/x')).body), 'service /api/x')
  t.equal(String((await call(port, '/api/versioned', { headers: { 'accept-version': '2.x' } })).body), 'version 2')
  t.equal(String((await call(port, '/api/versioned')).body), 'service /api/versioned')
})

t.test('a request waits for what the host does first, and loses nothing', async t => {
  const { see } = await before(t, {}, { build: app => app.addHook('preHandler', async () => await pass(20)) })
  t.match(await see('/api/x?y', { method: 'POST', body: 'late' }), { method: 'POST', url: '/api/x?y', body: 'late' })
})

t.test('options that lack a target, or name none, stop the start', async t => {
  const registered = async (routes: unknown): Promise<unknown> => await start(t, app => app.register(streamGateway, Object(routes)))
  await t.rejects(registered({}), /routes/)
  await t.rejects(registered({ routes: [] }), /routes/)
  await t.rejects(registered({ routes: [{ prefix: '/' }] }), /target/)
  await t.rejects(registered({ routes: [{ prefix: '/', target: '127.0.0.1:3000' }] }), /target/)
  await t.rejects(registered({ routes: [{ prefix: '/', target: 'ftp://127.0.0.1' }] }), /must start with "http/)
  await t.rejects(registered({ routes: [{ prefix: '/', target: 'http://a', getTarget: 'x' }] }), /getTarget/)
  await t.rejects(registered({ routes: [{ prefix: '/', getTarget: () => 'http://a' }] }), /target/, 'it may return none')
  await t.rejects(registered({ routes: [{ prefix: null, target: 'http://a' }] }), /prefix/)
  await t.rejects(registered({ routes: [{ prefix: 'api', target: 'http://a' }] }), /prefix/)
  await t.rejects(registered({ routes: [{ prefix: '/', target: 'http://a', pathRewrite: 'x' }] }), /pathRewrite/)
})

t.test('a port that is taken is told to whoever listens', async t => {
  const { port } = await before(t)
  const app = Fastify()
  t.teardown(async () => await app.close())
  await app.register(streamGateway, { routes: [{ prefix: '/', target: 'http://127.0.0.1:1' }] })
  await t.rejects(app.listen({ port, host: '127.0.0.1' }), { code: 'EADDRINUSE' })
})

t.test('in a server that the host makes itself', async t => {
  const app = Fastify({ serverFactory: handler => createServer((request, response) => { response.setHeader('x-server', 'own'); handler(request, response) }) })
  t.teardown(async () => { app.server.closeAllConnections(); await app.close() })
  await app.register(streamGateway, { routes: [{ prefix: '/', target: await named(t, 'service') }] })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const response = await call(portOf(app.server), '/x')
  t.equal(String(response.body), 'service /x')
  t.equal(response.headers['x-server'], 'own')
})

t.test('the same options in several apps: each has its own, requests and WebSockets, and its own end', async t => {
  const { port: upstream, sockets } = await webSocketService(t, socket => socket.send('hello'))
  const options: GatewayOptions = { accessLog: false, routes: [{ prefix: '/', target: `http://127.0.0.1:${upstream}` }] }
  const first = await start(t, async app => await app.register(streamGateway, options))
  const second = await start(t, async app => await app.register(streamGateway, options))
  for (const { port } of [first, second]) (await openWebSocket(t, port, '/socket')).terminate()
  t.equal(String((await call(first.port, '/x')).body), 'ordinary /x')
  await first.app.close()
  await t.rejects(call(first.port, '/x'), { code: 'ECONNREFUSED' })
  t.equal(String((await call(second.port, '/x')).body), 'ordinary /x')
  await until(() => sockets.size === 0)
})

t.test('an app that closes leaves no connection to a service, once what is under way has ended', async t => {
  let finish = (): void => {}
  const { port: upstream, server } = await service(t, (_request, response) => { finish = () => response.end('whole') })
  const connections = async (): Promise<number> => await new Promise(resolve => server.getConnections((_error, count) => resolve(count)))
  const { app, port } = await start(t, async app => await app.register(streamGateway, { routes: [{ prefix: '/', target: `http://127.0.0.1:${upstream}` }] }))
  const response = call(port, '/x')
  await once(server, 'request')
  const closed = app.close()
  finish()
  t.equal(String((await response).body), 'whole')
  await closed
  await until(async () => await connections() === 0)
})

t.test('a client that leaves before the response: no hook of a response runs, and the end is told', async t => {
  const told: string[] = []
  let respond = (): void => {}
  const { port: upstream, server } = await service(t, (_request, response) => { respond = () => response.end('late') })
  const { port } = await start(t, async app => await app.register(streamGateway, {
    routes: [{ prefix: '/', target: `http://127.0.0.1:${upstream}`, onResponse: () => { told.push('response') }, onEnd: ({ outcome }) => { told.push(outcome) } }]
  }))
  const asked = request({ port, host: '127.0.0.1', agent: false }).on('error', () => {})
  asked.end()
  await once(server, 'request')
  asked.destroy()
  await until(() => told.length > 0)
  respond()
  t.strictSame(told, ['client aborted'])
})

t.test('one line tells of each request where it went and how it ended, and of a failure its cause', async t => {
  const { ask, target, nextLine } = await before(t)
  const line = nextLine()
  await ask('/api/foo/bar')
  t.match(await line, { method: 'GET', url: '/api/foo/bar', target, status: 200, outcome: 'completed' })
  const gone = await before(t, { target: 'http://name.that.is.invalid' })
  const failure = gone.nextLine()
  t.equal((await gone.ask('/api/x')).status, 502)
  t.match(await failure, { target: 'http://name.that.is.invalid', status: 502, outcome: 'upstream error', cause: /^E(NOTFOUND|AI_AGAIN)$/ })
})

t.test('where the gateway\'s prefix ends, the app\'s own responses begin', async t => {
  const { ask } = await before(t, {}, { build: app => { app.get('/other', async () => 'own'); app.setNotFoundHandler(async (_request, reply) => await reply.code(404).send('nobody')) } })
  t.equal(String((await ask('/other')).body), 'own')
  t.equal(String((await ask('/nobody')).body), 'nobody')
  t.equal(seen(await ask('/api/other')).url, '/api/other')
})
