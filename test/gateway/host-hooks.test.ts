import cookie from '@fastify/cookie'
import session from '@fastify/session'
import Fastify from 'fastify'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import streamGateway from '../../src/index.js'
import type { GatewayOptions } from '../../src/index.js'
import { HostHooks, own } from '../../src/server/host-hooks.js'
import { call, start } from '../fixtures/gateway.js'
import type { Started } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway } from '../fixtures/http2.js'
import { RawClient, service } from '../fixtures/peers.js'
import { message, webSocket, webSocketService } from '../fixtures/websockets.js'

/** A service that tells what it got. */
async function telling (t: Test): Promise<number> {
  const { port } = await service(t, async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    response.setHeader('set-cookie', 'service=1')
    response.end(JSON.stringify({ raw: request.rawHeaders, headers: request.headers, body }))
  })
  return port
}

/** A host with hooks of its own before the gateway. */
async function host (t: Test, port: number, prepare: (app: FastifyInstance) => unknown, options: Partial<GatewayOptions> = {}, server: FastifyServerOptions = {}): Promise<Started> {
  return await start(t, async app => {
    await prepare(app)
    await app.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${port}` }], ...options })
  }, server)
}

t.test('contract: Fastify keeps the hooks of an instance under the symbol fastify.hooks, those of the scopes around it as well', async t => {
  const app = Fastify()
  t.teardown(async () => await app.close())
  const late = async (): Promise<void> => {}
  const ours = own(async () => {})
  app.addHook('onRequest', ours)
  app.addHook('onSend', async () => {})
  let inner: FastifyInstance = app
  await app.register(async scope => { inner = scope })
  app.addHook('onSend', late)
  await app.ready()
  const hosts = new HostHooks()
  hosts.addScope(inner)
  t.equal(hosts.onSend?.length, 2)
  t.equal(hosts.changeRequests, false, 'the gateway\'s own do not count')
  inner = Object.create(null)
  t.throws(() => hosts.addScope(inner), /keeps no hooks under fastify\.hooks/)

  for (const name of ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const) {
    const other = Fastify()
    t.teardown(async () => await other.close())
    other.addHook(name, async () => {})
    await other.ready()
    const found = new HostHooks()
    found.addScope(other)
    t.equal(found.changeRequests, true, name)
    t.equal(found.onSend, undefined)
  }
})

t.test('headers that hooks set, replace or delete are what the service gets', async t => {
  const { port } = await host(t, await telling(t), app => {
    app.addHook('onRequest', async ({ headers }) => {
      headers['x-set'] = 'set'
      headers['x-twice'] = 'once'
      delete headers['x-gone']
      headers['set-cookie']?.push('two=2')
    })
    app.addHook('preHandler', async request => { request.headers = { ...request.headers, 'x-by-setter': 'yes' } })
  }, { via: false })
  const answer = await call(port, '/api', { headers: ['Host', 'x', 'X-Gone', '1', 'X-Twice', '1', 'X-Twice', '2', 'X-Cookie', 'k', 'Cookie', 'a=1', 'Set-Cookie', 'one=1'] })
  const { raw } = JSON.parse(String(answer.body))
  t.strictSame(raw.slice(2, raw.indexOf('X-Forwarded-For')), ['X-Twice', 'once', 'X-Cookie', 'k', 'Cookie', 'a=1', 'Set-Cookie', 'one=1', 'Set-Cookie', 'two=2', 'x-set', 'set', 'x-by-setter', 'yes'])
})

t.test('framing, Host and what tells of the client stay what the client sent', async t => {
  const { port } = await host(t, await telling(t), app => {
    app.addHook('preHandler', async ({ headers }) => {
      for (const name of ['content-length', 'host', 'te', 'x-forwarded-for']) delete headers[name]
      Object.assign(headers, { 'transfer-encoding': 'chunked', connection: 'close, x-kept', 'x-forwarded-proto': 'evil', 'x-forwarded-host': 'evil', forwarded: 'for=evil', 'x-real-ip': 'evil', expect: 'no' })
    })
  }, {}, { trustProxy: true })
  const answer = await call(port, '/api', { method: 'POST', body: 'hello', headers: { 'x-forwarded-for': '192.0.2.1', 'x-kept': 'k', host: 'asked.example' } })
  const { headers, body } = JSON.parse(String(answer.body))
  t.equal(body, 'hello')
  t.match(headers, { 'content-length': '5', 'x-kept': 'k', 'x-forwarded-for': '192.0.2.1, 127.0.0.1', 'x-forwarded-host': 'asked.example', 'x-forwarded-proto': 'http', 'x-real-ip': '192.0.2.1' })
  t.equal(headers.forwarded, undefined)
  t.equal(headers['transfer-encoding'], undefined)
})

t.test('a hook\'s header that is none is a 500; a Content-Type that only Fastify does not understand arrives', async t => {
  const { port, nextLine } = await host(t, await telling(t), app => {
    app.addHook('onRequest', async ({ headers }) => { if (headers['x-bad'] !== undefined) headers['x-bad'] = 'a\r\nb: c' })
  })
  const line = nextLine()
  const answer = await call(port, '/api', { headers: { 'x-bad': '1' } })
  t.equal(answer.status, 500)
  t.match(answer.json(), { success: false, error: { code: 'INTERNAL_ERROR' } })
  t.match(await line, { status: 500, outcome: 'rejected' })
  const odd = await call(port, '/api', { method: 'POST', body: 'x', headers: { 'content-type': 'odd' } })
  t.equal(JSON.parse(String(odd.body)).headers['content-type'], 'odd')
})

t.test('headers over HTTP/2 and of an upgrade as well', async t => {
  const { port } = await http2Gateway(t, `http://127.0.0.1:${await telling(t)}`, {}, {
    prepare (app) {
      app.addHook('onRequest', async ({ headers }) => { headers['x-set'] = String(headers['x-was']) })
      app.addHook('onSend', async (_request, reply) => { reply.header('x-sent', 'yes') })
    }
  })
  const { body, headers } = await new Http2Client(t, port).ask({ ':path': '/api', 'x-was': '1' }).closed
  t.match(JSON.parse(body).headers, { 'x-was': '1', 'x-set': '1' })
  t.equal(headers['x-sent'], 'yes')

  const { port: upstream } = await webSocketService(t, (socket, request) => socket.send(String(request.headers['x-set'])))
  const upgraded = await host(t, upstream, app => {
    app.addHook('onRequest', async ({ headers }) => { headers['x-set'] = String(headers['x-was']) })
    app.addHook('onSend', async (_request, reply) => { reply.header('x-sent', 'yes') })
  })
  const socket = webSocket(t, upgraded.port, '/api', [], { headers: { 'x-was': '2' } })
  const sent = new Promise(resolve => socket.once('upgrade', answer => resolve(answer.headers['x-sent'])))
  t.equal(await message(socket), '2')
  t.equal(await sent, 'yes')
})

t.test('what onSend hooks set reaches the client, with callbacks and promises, in their order', async t => {
  const seen: unknown[] = []
  const { port } = await host(t, await telling(t), app => {
    app.addHook('onSend', (_request, reply, payload, done) => {
      seen.push(payload, reply.statusCode)
      reply.header('x-order', 'callback')
      done()
    })
    app.addHook('onSend', (_request, reply, _payload, done) => {
      setImmediate(() => {
        reply.header('x-late', String(reply.getHeader('x-order')))
        done(null, 'another body')
      })
    })
    app.addHook('onSend', async (_request, reply) => {
      await Promise.resolve()
      reply.header('x-order', 'promise')
      return 'another body'
    })
    app.addHook('onSend', function (_request, _reply, _payload, done) {
      seen.push(this.server === app.server)
      done()
    })
  })
  const answer = await call(port, '/api', { method: 'POST', body: 'hello' })
  t.match(answer.headers, { 'x-order': 'promise', 'x-late': 'callback' })
  t.equal(JSON.parse(String(answer.body)).body, 'hello', 'the payload goes past them')
  t.strictSame(seen, [null, 200, true])
})

t.test('an onSend hook that fails is a 500', async t => {
  const upstream = await telling(t)
  let count = 0
  const failing: Array<(app: FastifyInstance) => void> = [
    app => app.addHook('onSend', (_request, _reply, payload, done) => payload === null ? done(new Error('mine')) : done()),
    app => app.addHook('onSend', (_request, _reply, payload, done) => { setImmediate(() => payload === null ? done(new Error('mine')) : done()) }),
    app => app.addHook('onSend', async (_request, _reply, payload) => { if (payload === null) throw new Error('mine') }),
    app => app.addHook('onSend', (_request, _reply, payload, done) => { if (payload === null) throw new Error('mine'); done() })
  ]
  for (const prepare of failing) {
    const { port, lines } = await host(t, upstream, prepare)
    const answer = await call(port, '/api')
    t.equal(answer.status, 500)
    t.match(answer.json(), { success: false, error: { code: 'INTERNAL_ERROR' } })
    t.match(lines.find(({ msg }) => msg === 'the hook onSend failed')?.err?.message, 'mine')
    count++
  }
  t.equal(count, 4)
})

t.test('hooks that a host\'s onRoute gives to the gateway\'s routes count, too', async t => {
  const { port } = await host(t, await telling(t), app => {
    app.addHook('onRoute', route => {
      route.preHandler = [async ({ headers }) => { headers['x-set'] = 'by route' }]
      route.onSend = async (_request, reply) => { reply.header('x-sent', 'by route') }
    })
  })
  const answer = await call(port, '/api')
  t.equal(JSON.parse(String(answer.body)).headers['x-set'], 'by route')
  t.equal(answer.headers['x-sent'], 'by route')
})

t.test('@fastify/cookie and @fastify/session work in front of the gateway', async t => {
  const { port } = await host(t, await telling(t), async app => {
    await app.register(cookie)
    await app.register(session, { secret: 'x'.repeat(32), cookie: { secure: false }, saveUninitialized: true })
    app.addHook('preHandler', async (request, reply) => { reply.setCookie('own', request.session.sessionId.slice(0, 0) + 'yes') })
  })
  const answer = await call(port, '/api')
  const cookies = answer.headers['set-cookie'] ?? []
  t.equal(cookies[0], 'service=1', 'the service\'s stays')
  t.ok(cookies.some(one => one.startsWith('own=yes')))
  const sessionCookie = cookies.find(one => one.startsWith('sessionId='))
  t.ok(sessionCookie)
  const again = await call(port, '/api', { headers: { cookie: String(sessionCookie).split(';')[0] ?? '' } })
  t.ok(again.headers['set-cookie']?.every(one => !one.startsWith('sessionId=') || one.split(';')[0] === String(sessionCookie).split(';')[0]), 'the session is the same one')
})

t.test('request.log writes at the host\'s level, with the request\'s id, and Fastify\'s own two lines are left out', async t => {
  const { port, lines, nextLine } = await host(t, await telling(t), app => {
    app.addHook('onRequest', async ({ log }) => {
      log.info({ mine: 1 }, 'from a hook')
      log.child({ deep: 1 }).info('from its child')
      log.info('request completed')
      log.debug('too low')
    })
    app.get('/own', async () => 'own')
  })
  const line = nextLine()
  await call(port, '/api')
  const { reqId } = await line
  await new Promise(resolve => setImmediate(resolve))
  const own = lines.filter(({ reqId: of }) => of === reqId && reqId !== undefined).map(({ msg }) => msg)
  t.strictSame(own, ['from a hook', 'from its child', 'request completed', 'completed'])
  await call(port, '/own')
  await new Promise(resolve => setImmediate(resolve))
  t.equal(lines.filter(({ msg }) => msg === 'incoming request').length, 1, 'the host\'s own routes have them')
})

t.test('an app without a log, and one with a logger factory of its own', async t => {
  const upstream = await telling(t)
  const silent = Fastify()
  silent.addHook('onRequest', async ({ log }) => { log.info('nobody hears') })
  await silent.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }] })
  await silent.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(async () => { silent.server.closeAllConnections(); await silent.close() })
  const address = silent.server.address()
  for (let i = 0; i < 3; i++) t.equal((await call(typeof address === 'object' && address !== null ? address.port : 0, '/api')).status, 200)

  const { port, lines } = await host(t, upstream, app => {
    app.addHook('onRequest', async ({ log }) => { log.info('from a hook') })
  }, {}, { childLoggerFactory: (logger, bindings, options) => logger.child({ ...bindings, factory: 'mine' }, options) })
  await call(port, '/api')
  t.match(lines.find(({ msg }) => msg === 'from a hook'), { factory: 'mine' })
})

t.test('a bodyLimit of the host\'s is said to be none of the gateway\'s, once', async t => {
  const upstream = await telling(t)
  const said = async (server: FastifyServerOptions, maxBodySize: string): Promise<unknown[]> => {
    const { lines } = await host(t, upstream, () => {}, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}`, maxBodySize }] }, server)
    return lines.filter(({ msg }) => msg.startsWith('bodyLimit'))
  }
  t.match(await said({ bodyLimit: 5000 }, '1mb'), [{ level: 40, bodyLimit: 5000, routes: [{ prefix: '/api', maxBodySize: 1_048_576 }] }])
  t.equal((await said({ bodyLimit: 5000 }, '1mb')).length, 1)
  t.strictSame(await said({ bodyLimit: 5120 }, '5kb'), [])
  t.strictSame(await said({}, '1mb'), [])
})

t.test('the gateway\'s routes are hidden from what reads schemas', async t => {
  const hidden: unknown[] = []
  await host(t, 1, app => { app.addHook('onRoute', ({ schema }) => { hidden.push(schema) }) })
  for (const schema of hidden) t.match(schema, { hide: true })
  t.equal(hidden.length, 4)
})

t.test('fastify.gateway: one for an app, with its routes and how they stand', async t => {
  const { port: a } = await service(t, (_request, response) => response.end('a'))
  const pending: Array<() => void> = []
  const { port: b } = await service(t, (_request, response) => { pending.push(() => response.end('b')) })
  const onEnd = (): void => {}
  const { app, port } = await start(t, async app => {
    await app.register(async scope => {
      await scope.register(streamGateway, { routes: [{ prefix: '/a', target: `http://127.0.0.1:${a}`, onEnd }], prefix: '/v1' })
    })
    await app.register(streamGateway, { routes: [{ prefix: '/b', target: { host: '127.0.0.1', port: b } }, { prefix: '/c', redirect: { to: '/b' } }] })
  })
  t.strictSame(app.gateway.routes, [
    { prefix: '/v1/a', target: `http://127.0.0.1:${a}`, upstream: undefined, options: { prefix: '/a', target: `http://127.0.0.1:${a}`, onEnd } },
    { prefix: '/b', target: `http://127.0.0.1:${b}`, upstream: undefined, options: { prefix: '/b', target: { host: '127.0.0.1', port: b } } },
    { prefix: '/c', target: undefined, upstream: undefined, options: { prefix: '/c', redirect: { to: '/b' } } }
  ])
  app.gateway.events.once('target', () => {})
  t.equal((await call(port, '/v1/a')).body.toString(), 'a')
  const waiting = call(port, '/b')
  while (pending.length === 0) await new Promise(resolve => setImmediate(resolve))
  t.strictSame(app.gateway.state, {
    inFlight: 1,
    upstreams: [
      { upstream: undefined, target: `http://127.0.0.1:${a}`, state: 'available', inFlight: 0, size: 1, idle: 1, waiting: 0 },
      { upstream: undefined, target: `http://127.0.0.1:${b}`, state: 'available', inFlight: 1, size: 1, idle: 0, waiting: 0 }
    ]
  })
  let isClosed = false
  const closed = app.gateway.close().then(() => { isClosed = true })
  const late = await call(port, '/v1/a')
  t.equal(late.status, 503)
  t.match(late.json(), { error: { code: 'SERVICE_UNAVAILABLE' } })
  t.equal(isClosed, false, 'what is in flight is waited for')
  pending[0]?.()
  t.equal((await waiting).body.toString(), 'b')
  await closed
  await app.gateway.close()
  while (app.gateway.state.upstreams.some(({ size }) => size > 0)) await new Promise(resolve => setImmediate(resolve))
  t.pass('every connection is closed')
})

t.test('fastify.gateway: a host that has something of that name keeps it', async t => {
  const upstream = await telling(t)
  const { app, port } = await host(t, upstream, app => app.decorate('gateway', Object.create(null)))
  t.equal(Object.getPrototypeOf(app.gateway), null)
  t.equal((await call(port, '/api')).status, 200)
})

t.test('a host\'s hook on a raw socket: HTTP/1.0 and pipelined requests have their headers, too', async t => {
  const { port } = await host(t, await telling(t), app => {
    app.addHook('onRequest', async request => { request.headers['x-set'] = request.url })
  })
  const client = new RawClient(t, port)
  client.send('GET /api/1 HTTP/1.1\r\nHost: x\r\n\r\nGET /api/2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  await client.closed
  t.match(client.received, /"x-set":"\/api\/1"[^]*"x-set":"\/api\/2"/)
})
