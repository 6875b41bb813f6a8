import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import Fastify from 'fastify'
import t from 'tap'
import WebSocket, { WebSocketServer } from 'ws'
import streamGateway from '../../src/index.js'
import type { TargetChange } from '../../src/index.js'
import { call, gatewayOver, start } from '../fixtures/gateway.js'
import { closedPort, portOf, service } from '../fixtures/peers.js'
import { targets } from '../fixtures/targets.js'
import type { TestTarget } from '../fixtures/targets.js'
import { agreed, echo, webSocket, webSocketService } from '../fixtures/websockets.js'

const urls = (all: TestTarget[]): [string, ...string[]] => {
  const [first, ...others] = all.map(({ url }) => url)
  if (first === undefined) throw new Error('asked for none')
  return [first, ...others]
}

async function ask (port: number, times: number, headers: Record<string, string> = {}): Promise<string> {
  let names = ''
  for (let i = 0; i < times; i++) names += String((await call(port, '/api/x', { headers })).body)
  return names
}

t.test('round robin: each in turn, by weight', async t => {
  const [a, b] = await targets(t, 2)
  if (a === undefined || b === undefined) return
  const { port } = await gatewayOver(t, [{ url: a.url, weight: 2 }, b.url], { balance: 'round-robin' })
  t.equal([...await ask(port, 9)].sort().join(''), 'aaaaaabbb')
  t.equal(a.requests[0], 'GET /x')
})

t.test('least requests: who is busy gets none', async t => {
  const [a, b] = await targets(t, 2)
  if (a === undefined || b === undefined) return
  const { port } = await gatewayOver(t, urls([a, b]))
  const held: ServerResponse[] = []
  const hold = (_: unknown, response: ServerResponse): void => { held.push(response) }
  a.handler = hold
  b.handler = hold
  const first = call(port, '/api/x')
  while (held.length === 0) await new Promise(resolve => setImmediate(resolve))
  const [busy, other] = a.requests.length === 1 ? [a, b] : [b, a]
  other.handler = undefined
  await ask(port, 5)
  t.equal(busy.requests.length, 1)
  t.equal(other.requests.length, 5)
  held[0]?.end()
  await first
})

t.test('a hash keeps a key with its target', async t => {
  const all = await targets(t, 3)
  const { port } = await gatewayOver(t, urls(all), { balance: { hash: 'header:x-user' } })
  for (const user of ['1', '2', '3', '4', '5']) t.match(await ask(port, 3, { 'x-user': user }), /^(aaa|bbb|ccc)$/)
  t.ok(all.filter(({ requests }) => requests.length > 0).length > 1)
  const byPath = await gatewayOver(t, urls(all), { balance: { hash: 'path' } })
  t.match(await ask(byPath.port, 3), /^(aaa|bbb|ccc)$/)
  const byAddress = await gatewayOver(t, urls(all), { balance: { hash: 'ip' } })
  t.match(await ask(byAddress.port, 3), /^(aaa|bbb|ccc)$/)
})

t.test('a base path of each target, and its own Host', async t => {
  const { port: upstream } = await service(t, (request, response) => response.end(`${request.url} ${request.headers.host}`))
  const { port } = await gatewayOver(t, [`http://127.0.0.1:${upstream}/base`])
  t.equal(await ask(port, 1), `/base/x 127.0.0.1:${upstream}`)
  const named = await gatewayOver(t, [`http://127.0.0.1:${upstream}/base`], {}, { host: 'app.example' })
  t.equal(await ask(named.port, 1), '/base/x app.example')
})

t.test('Location is rewritten for whichever target it names', async t => {
  const all = await targets(t, 2)
  for (const target of all) target.handler = (_, response) => response.writeHead(302, { location: `${target.url}/login` }).end()
  const { port } = await gatewayOver(t, urls(all), { balance: 'round-robin' })
  for (let i = 0; i < 2; i++) t.equal((await call(port, '/api/x')).headers.location, '/api/login')
})

t.test('a sticky cookie keeps a client with its target', async t => {
  const all = await targets(t, 3)
  const { port } = await gatewayOver(t, urls(all), { balance: 'round-robin', sticky: { cookie: 'gw', secret: '0123456789abcdef', maxAge: '1h' } })
  const first = await call(port, '/api/x')
  const [set = ''] = first.headers['set-cookie'] ?? []
  t.match(set, /^gw=[\w-]{43}; Path=\/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax$/)
  const cookie = `other=1; ${set.slice(0, set.indexOf(';'))}`
  for (let i = 0; i < 4; i++) {
    const next = await call(port, '/api/x', { headers: { cookie } })
    t.equal(String(next.body), String(first.body))
    t.equal(next.headers['set-cookie'], undefined, 'the client has it')
  }
  const forged = await call(port, '/api/x', { headers: { cookie: 'gw=http://10.0.0.1' } })
  t.match(forged.headers['set-cookie'], [/^gw=/])

  await all.find((_, nth) => 'abc'.charAt(nth) === String(first.body))?.stop()
  const moved = await call(port, '/api/x', { headers: { cookie } })
  t.equal(moved.status, 200)
  t.not(String(moved.body), String(first.body))
  t.match(moved.headers['set-cookie'], [/^gw=/], 'of the one that took over')

  const plain = await gatewayOver(t, urls(all.slice(1, 2)), { sticky: { cookie: 'gw', secret: '0123456789abcdef', secure: false } })
  t.match((await call(plain.port, '/api/x')).headers['set-cookie'] ?? [], [/; Path=\/; HttpOnly; SameSite=Lax$/])
})

t.test('a WebSocket is given its sticky cookie with the head that opens it', async t => {
  const { port: target } = await webSocketService(t, echo)
  const { port } = await gatewayOver(t, [`http://127.0.0.1:${target}`], { sticky: { cookie: 'gw', secret: '0123456789abcdef' } })
  t.match(await agreed(webSocket(t, port, '/api/x')), { 'set-cookie': [/^gw=[\w-]{43};/] })
})

t.test('backups are asked when no other target is available', async t => {
  const [a, b] = await targets(t, 2)
  if (a === undefined || b === undefined) return
  const { port, app } = await gatewayOver(t, [a.url, { url: b.url, backup: true }], { ejection: { after: 1, maxEjected: 1 } })
  t.equal(await ask(port, 4), 'aaaa')
  await a.stop()
  t.equal(await ask(port, 4), 'bbbb', 'the first of them by another try')
  t.match(app.gateway.upstream('app')?.targets, [{ target: a.url, state: 'ejected' }, { target: b.url, state: 'available' }])
})

t.test('two routes share an upstream, its connections and what is known of its targets', async t => {
  const all = await targets(t, 1)
  const { port, app } = await start(t, async app => await app.register(streamGateway, {
    upstreams: { app: { targets: urls(all) } },
    routes: [{ prefix: '/a', upstream: 'app' }, { prefix: '/b', upstream: 'app' }]
  }))
  await call(port, '/a')
  await call(port, '/b')
  t.match(app.gateway.state.upstreams, [{ upstream: 'app', target: all[0]?.url, state: 'available', inFlight: 0, size: 1 }])
  t.match(app.gateway.routes, [{ prefix: '/a', target: undefined, upstream: 'app' }, { prefix: '/b', upstream: 'app' }])
})

t.test('a tunnel is a request in progress, and over HTTP/1 an upgrade takes any target', async t => {
  const { port: upstream, server } = await service(t, () => {})
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', socket => socket.on('message', data => socket.send(data)))
  const { port, app } = await gatewayOver(t, [`http://127.0.0.1:${upstream}`])
  const client = new WebSocket(`ws://127.0.0.1:${port}/api/ws`)
  await once(client, 'open')
  client.send('hello')
  t.equal(String((await once(client, 'message'))[0]), 'hello')
  t.match(app.gateway.upstream('app')?.targets, [{ inFlight: 1 }])
  client.close()
  await once(client, 'close')
  while (app.gateway.upstream('app')?.targets[0]?.inFlight !== 0) await new Promise(resolve => setImmediate(resolve))
  sockets.close()
})

t.test('the targets change while the gateway runs', async t => {
  const [a, b, c] = await targets(t, 3)
  if (a === undefined || b === undefined || c === undefined) return
  const { port, app, lines } = await gatewayOver(t, urls([a, b]), { balance: 'round-robin' })
  const changes: TargetChange[] = []
  app.gateway.events.on('target', change => { changes.push(change) })
  t.equal(app.gateway.upstream('nobody'), undefined)
  const upstream = app.gateway.upstream('app')
  t.equal(upstream?.name, 'app')
  await ask(port, 2)

  const held: ServerResponse[] = []
  a.handler = (_, response) => { held.push(response) }
  const waiting = call(port, '/api/held')
  while (held.length === 0) {
    await Promise.race([waiting, new Promise(resolve => setImmediate(resolve))])
  }
  upstream?.setTargets([b.url, { url: c.url, weight: 3 }])
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame(changes, [{ upstream: 'app', target: a.url, state: 'draining', reason: 'it is no longer a target' }])
  t.match(lines.filter(({ state }) => state !== undefined), [{ level: 30, msg: 'a target has left', upstream: 'app', target: a.url }])
  t.match([...await ask(port, 8)].sort().join(''), /^b{1,3}c{5,7}$/)
  held[0]?.end('late')
  t.equal(String((await waiting).body), 'late', 'what is in progress ends')

  t.throws(() => upstream?.setTargets([a.url, 'nonsense']), /must start with/)
  t.match(upstream?.targets, [{ target: b.url }, { target: c.url }], 'nothing has changed')
  upstream?.setTargets([{ url: c.url, weight: 1 }, { url: b.url, backup: true }])
  t.equal(await ask(port, 3), 'ccc')
  upstream?.setTargets([])
  const none = await call(port, '/api/x')
  t.equal(none.status, 503)
  t.equal(none.headers['retry-after'], '1')
})

t.test('a listener may change the targets, and one that throws stops nothing', async t => {
  const [a, b, c] = await targets(t, 3)
  if (a === undefined || b === undefined || c === undefined) return
  const { port, app, lines } = await gatewayOver(t, urls([a, b]))
  const changed = new Promise<void>(resolve => app.gateway.events.on('target', ({ target }) => {
    if (target === a.url) app.gateway.upstream('app')?.setTargets([c.url])
    else resolve()
  }))
  app.gateway.events.on('target', () => { throw new Error('a mistake of the program') })
  app.gateway.upstream('app')?.setTargets([b.url])
  await changed
  t.equal(await ask(port, 2), 'cc')
  t.match(lines.filter(({ level }) => level === 50), [{ err: { message: 'a mistake of the program' } }, { msg: 'a listener for changes of targets failed' }])
})

t.test('a program may choose one by its name', async t => {
  const all = await targets(t, 1)
  const other = await service(t, (_, response) => response.end('other'))
  const { port } = await gatewayOver(t, urls(all), {}, {
    getTarget: request => request.headers.to === 'other' ? `http://127.0.0.1:${other.port}` : request.headers.to === 'nobody' ? 'nobody' : 'app'
  })
  t.equal(await ask(port, 1), 'a')
  t.equal(await ask(port, 1, { to: 'other' }), 'other')
  t.equal((await call(port, '/api/x', { headers: { to: 'nobody' } })).status, 500)
})

t.test('a host closes: nothing is left', async t => {
  const [a] = await targets(t, 1)
  if (a === undefined) return
  const app = Fastify()
  await app.register(streamGateway, {
    upstreams: { app: { targets: [a.url, `http://127.0.0.1:${await closedPort()}`], ejection: { after: 1 } } },
    routes: [{ prefix: '/api', upstream: 'app' }]
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  await ask(portOf(app.server), 4)
  await app.gateway.close()
  await app.close()
})
