import { EventEmitter } from 'node:events'
import t from 'tap'
import streamGateway from '../../src/index.js'
import type { GatewayOptions } from '../../src/index.js'
import { Mirror } from '../../src/proxy/mirror.js'
import { SingleUpstream } from '../../src/upstream/upstream.js'
import { Target } from '../../src/upstream/target.js'
import { call, start } from '../fixtures/gateway.js'
import type { Started } from '../fixtures/gateway.js'
import { mistakesIn } from '../config/mistakes.js'
import { closedPort, rawService } from '../fixtures/peers.js'
import { targets } from '../fixtures/targets.js'
import type { TestTarget } from '../fixtures/targets.js'

async function mirrored (t: Parameters<typeof targets>[0], more: Partial<GatewayOptions['routes'][number]> = {}, url?: string): Promise<Started & { service: TestTarget, copy: TestTarget, until: (count: number) => Promise<void> }> {
  const [service, copy] = await targets(t, 2)
  if (service === undefined || copy === undefined) throw new Error('asked for two')
  const gateway = await start(t, app => app.register(streamGateway, {
    upstreams: { next: { targets: [url ?? copy.url] } },
    routes: [{ prefix: '/api', target: service.url, stripPrefix: true, mirror: { upstream: 'next' }, ...more }]
  }))
  const until = async (count: number): Promise<void> => { while (copy.requests.length < count) await new Promise(resolve => setImmediate(resolve)) }
  return { ...gateway, service, copy, until }
}

t.test('a copy of each request goes to the other upstream, with its own Host', async t => {
  const { port, service, copy, until } = await mirrored(t)
  const seen: unknown[] = []
  copy.handler = (request, response) => {
    seen.push(request.headers.host, request.headers['x-own'])
    response.writeHead(500).end('thrown away')
  }
  const response = await call(port, '/api/x?y=1', { headers: { 'x-own': 'yes' } })
  t.match(response, { status: 200 })
  t.equal(String(response.body), 'a')
  await until(1)
  t.strictSame(copy.requests, ['GET /x?y=1'])
  t.strictSame(service.requests, ['GET /x?y=1'])
  t.strictSame(seen, [new URL(copy.url).host, 'yes'])
})

t.test('a body is copied where it was collected, and not where it streams', async t => {
  const { port, copy, until } = await mirrored(t, { bodyBuffer: '1kb' })
  const bodies: string[] = []
  copy.handler = async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    bodies.push(body)
    response.end()
  }
  t.equal((await call(port, '/api/x', { method: 'POST', body: 'a body' })).status, 200)
  t.equal((await call(port, '/api/x', { method: 'POST', body: 'x'.repeat(5000) })).status, 200)
  t.equal((await call(port, '/api/x', { method: 'POST', body: 'another' })).status, 200)
  await until(2)
  while (bodies.length < 2) await new Promise(resolve => setImmediate(resolve))
  t.strictSame(bodies, ['a body', 'another'])
})

t.test('nobody waits for a copy, and its failures are nobody\'s', async t => {
  const dead = await mirrored(t, {}, `http://127.0.0.1:${await closedPort()}`)
  t.equal((await call(dead.port, '/api/x')).status, 200)
  t.strictSame(dead.lines.filter(({ level, outcome }) => level > 30 || (outcome !== undefined && outcome !== 'completed')), [])

  const silent = await rawService(t, socket => socket.on('data', () => {}))
  const hung = await mirrored(t, { timeout: 30 }, `http://127.0.0.1:${silent.port}`)
  t.equal((await call(hung.port, '/api/x')).status, 200)
  while (silent.sockets[0]?.readableEnded !== true) await new Promise(resolve => setImmediate(resolve))

  const switching = await rawService(t, socket => socket.on('data', () => socket.write('HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n')))
  const odd = await mirrored(t, {}, `http://127.0.0.1:${switching.port}`)
  t.equal((await call(odd.port, '/api/x')).status, 200)
  while (switching.sockets[0]?.readableEnded !== true) await new Promise(resolve => setImmediate(resolve))
})

t.test('a copy is balanced by what its request has', async t => {
  const [service, ...copies] = await targets(t, 3)
  const [one, other] = copies
  if (service === undefined || one === undefined || other === undefined) return
  const { port } = await start(t, app => app.register(streamGateway, {
    upstreams: { next: { targets: [one.url, other.url], balance: { hash: 'header:x-user' } } },
    routes: [{ prefix: '/api', target: service.url, mirror: { upstream: 'next' } }]
  }))
  const counts = (): number[] => copies.map(({ requests }) => requests.length)
  for (let i = 0; i < 4; i++) await call(port, '/api/x', { headers: { 'x-user': 'ann' } })
  while (Math.max(...counts()) < 4) await new Promise(resolve => setImmediate(resolve))
  t.strictSame(counts().sort(), [0, 4], 'all of one user at one target')
})

t.test('of all requests a part is copied; none where there is no room, or the connection is authenticated', async t => {
  const [copy] = await targets(t, 1)
  if (copy === undefined) return
  const upstream = new SingleUpstream(new Target({ protocol: 'http', host: '127.0.0.1', port: Number(new URL(copy.url).port) }))
  let next = 0
  const mirror = new Mirror(upstream, 25, () => (next++ % 4) / 4)
  const socket = Object.assign(new EventEmitter(), { destroyed: false })
  const exchange = { client: socket, timeout: 1000, ip: '::1', path: '/', header: () => undefined }
  const outgoing = { method: 'GET', path: '/', host: undefined, head: ['Host', ''], body: undefined, bindsConnection: false }
  for (let i = 0; i < 8; i++) mirror.copy(outgoing, exchange)
  mirror.copy({ ...outgoing, bindsConnection: true }, exchange)
  // Its head cannot be written.
  new Mirror(upstream, 100).copy({ ...outgoing, head: ['Host', '', 'x', 'a\nb'] }, exchange)
  while (copy.requests.length < 2) await new Promise(resolve => setImmediate(resolve))
  t.equal(copy.requests.length, 2)
  upstream.close()
  const full = { ...upstream, pick: () => undefined, name: undefined, targets: [], free: 0, capacity: 0, wait: () => false, leave () {}, cookieFor: () => undefined, close () {} }
  new Mirror(full, 100).copy(outgoing, exchange)
})

t.test('mistakes', async t => {
  const routes = [{ prefix: '/api', target: 'http://a', mirror: { upstream: 'next' } }]
  t.strictSame(mistakesIn({ routes }), ['routes[0].mirror.upstream: found "next", but there are no upstreams'])
  t.strictSame(mistakesIn({ routes: [{ prefix: '/api', target: 'http://a', mirror: { percent: 101, upstream: 'b' } }], upstreams: { b: { targets: ['http://b'] } } }),
    ['routes[0].mirror.percent: found 101, must be a number from 0 to 100'])
  t.strictSame(mistakesIn({ routes: [{ prefix: '/api', redirect: { to: '/x' }, mirror: { upstream: 'b' } }], upstreams: { b: { targets: ['http://b'] } } }),
    ['routes[0].mirror: found an object, must be left out: the route has no target'])
})
