import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import t from 'tap'
import { networkOf } from '../../src/proxy/client-key.js'
import { Concurrency } from '../../src/proxy/concurrency.js'
import { call, gatewayTo } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway, http2Service } from '../fixtures/http2.js'
import { RawClient, service } from '../fixtures/peers.js'

t.test('maxConcurrentPerConnection: one client connection over HTTP/2 holds so many, others have their own', async t => {
  const held: ServerResponse[] = []
  let wake = (): void => {}
  const { port: upstream } = await service(t, (_request, response) => {
    held.push(response)
    wake()
  })
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`, { maxConcurrentPerConnection: 3 })
  const reached = async (count: number): Promise<void> => {
    while (held.length < count) await new Promise<void>(resolve => { wake = resolve })
  }
  const client = new Http2Client(t, port)
  const first = Array.from({ length: 3 }, () => client.ask({ ':path': '/api/x' }))
  await reached(3)
  const rejected = await client.ask({ ':path': '/api/x' }).closed
  t.match(rejected, { status: 503, headers: { 'retry-after': '1' }, ended: true })
  t.match(JSON.parse(rejected.body), { success: false, error: { code: 'SERVICE_UNAVAILABLE' } })
  const other = new Http2Client(t, port).ask({ ':path': '/api/x' })
  await reached(4)
  held[0]?.end('done')
  t.match(await first[0]?.closed, { body: 'done' })
  const next = client.ask({ ':path': '/api/x' })
  await reached(5)
  for (const response of held) response.end('done')
  for (const { closed } of [other, next]) t.match(await closed, { status: 200, body: 'done' })
})

t.test('concurrency.perClient: one address holds so many, over whatever connections', async t => {
  const held: ServerResponse[] = []
  let wake = (): void => {}
  const { port: upstream } = await service(t, (_request, response) => {
    held.push(response)
    wake()
  })
  const { port } = await gatewayTo(t, upstream, { concurrency: { perClient: 2 } }, {}, { trustProxy: true })
  const clients = [new RawClient(t, port), new RawClient(t, port)]
  for (const client of clients) {
    const before = held.length
    client.send('GET /api/x HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n')
    while (held.length === before) await new Promise<void>(resolve => { wake = resolve })
  }
  const headers = { 'x-forwarded-for': '203.0.113.7' }
  const rejected = await call(port, '/api/x', { headers })
  t.match({ ...rejected, code: rejected.json().error.code }, { status: 429, code: 'TOO_MANY_REQUESTS', headers: { 'retry-after': '1' } })
  const other = call(port, '/api/x', { headers: { 'x-forwarded-for': '203.0.113.8' } })
  while (held.length < 3) await new Promise<void>(resolve => { wake = resolve })
  held[2]?.end('other')
  t.equal((await other).status, 200)

  const closed = once(held[0] ?? t, 'close')
  clients[0]?.socket.destroy()
  await closed
  const next = call(port, '/api/x', { headers })
  while (held.length < 4) await new Promise<void>(resolve => { wake = resolve })
  held[3]?.end('next')
  t.equal((await next).status, 200)
})

t.test('as the upstream fills, one connection may hold less', async t => {
  const concurrency = new Concurrency({ perConnection: 128, keyOf: networkOf })
  const upstream = { free: 4096, capacity: 4096 }
  const held: number[] = []
  while (upstream.free > 0) {
    const connection = {}
    const before = upstream.free
    while (upstream.free > 0 && !(concurrency.enter(connection, '', { headers: {} }, upstream) instanceof Error)) upstream.free--
    held.push(before - upstream.free)
  }
  t.equal(held[0], 128)
  t.ok(held.length > 110, `${held.length} connections took all`)
  t.ok(held.slice(0, -1).every(count => count >= 8))
})

t.test('what is rejected by the address holds no place of its connection', async t => {
  const concurrency = new Concurrency({ perConnection: 2, perClient: 1, keyOf: networkOf })
  const connection = {}
  const slot = concurrency.enter(connection, 'a', { headers: {} }, { free: 100, capacity: 100 })
  t.ok(concurrency.enter(connection, 'a', { headers: {} }, { free: 100, capacity: 100 }) instanceof Error)
  t.notOk(concurrency.enter(connection, 'b', { headers: {} }, { free: 100, capacity: 100 }) instanceof Error)
  t.strictSame(slot, { connection, client: 'a' })
  t.equal(new Concurrency({ perConnection: 0, keyOf: networkOf }).enter(connection, 'a', { headers: {} }, { free: 0, capacity: 100 }), undefined)
})

t.test('the room of a target that speaks HTTP/2', async t => {
  const { port: upstream } = await http2Service(t, stream => {
    stream.respond()
    stream.end('ok')
  })
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`, { http2: true })
  const client = new Http2Client(t, port)
  const all = await Promise.all(Array.from({ length: 50 }, async () => await client.ask({ ':path': '/api/x' }).closed))
  t.ok(all.every(({ status }) => status === 200))
})
