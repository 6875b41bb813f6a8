import type { ServerResponse } from 'node:http'
import t from 'tap'
import type { Test } from 'tap'
import { call, gatewayTo } from '../fixtures/gateway.js'
import type { Started } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway } from '../fixtures/http2.js'
import { RawClient, service } from '../fixtures/peers.js'
import { until } from '../fixtures/until.js'

interface Holding {
  port: number
  /** Requests that have reached the service, unresponded. */
  held: ServerResponse[]
}

async function holding (t: Test): Promise<Holding> {
  const held: ServerResponse[] = []
  const { port } = await service(t, (_request, response) => { held.push(response) })
  return { port, held }
}

const FULL = { status: 503, headers: { 'retry-after': '1' } }

t.test('concurrency.max: of all clients together, and free again whichever way one ends', async t => {
  const { port: upstream, held } = await holding(t)
  const { port, nextLine }: Started = await gatewayTo(t, upstream, { concurrency: { max: 2 } }, {}, { trustProxy: true })
  const first = call(port, '/api/x', { headers: { 'x-forwarded-for': '10.0.0.1' } })
  const leaving = new RawClient(t, port).send('GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n')
  await until(() => held.length === 2)
  const line = nextLine()
  const rejected = await call(port, '/api/x', { headers: { 'x-forwarded-for': '10.0.0.2' } })
  t.match({ ...rejected, error: rejected.json().error }, { ...FULL, error: { code: 'SERVICE_UNAVAILABLE', message: 'Too many requests are in progress' } })
  t.match(await line, { status: 503, outcome: 'rejected' })
  const gone = nextLine()
  leaving.socket.destroy()
  await gone
  const next = call(port, '/api/x')
  await until(() => held.length === 3)
  for (const response of held) response.end()
  t.strictSame([(await first).status, (await next).status], [200, 200])
  const last = call(port, '/api/x')
  await until(() => held.length === 4)
  held[3]?.end()
  t.equal((await last).status, 200)
})

t.test('concurrency.max over HTTP/2, and for tunnels', async t => {
  const { port: upstream, held } = await holding(t)
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`, { concurrency: { max: 1 } })
  const client = new Http2Client(t, port)
  const first = client.ask({ ':path': '/api/x' })
  await until(() => held.length === 1)
  t.match(await client.ask({ ':path': '/api/x' }).closed, FULL)
  held[0]?.end()
  t.match(await first.closed, { status: 200 })

  const { port: tunnels, server } = await service(t, () => {})
  server.on('upgrade', (_request, socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'))
  const gateway = await gatewayTo(t, tunnels, { concurrency: { max: 1 } })
  const ask = 'GET /api/x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'
  const open = new RawClient(t, gateway.port).send(ask)
  await until(() => open.received.includes('101'))
  const second = new RawClient(t, gateway.port).send(ask)
  await second.closed
  t.match(second.received, /^HTTP\/1\.1 503 [^]*retry-after: 1/i)
  open.socket.destroy()
})

t.test('concurrency.perClient goes by what rateLimit.key says one client is: 429 before 503', async t => {
  const { port: upstream, held } = await holding(t)
  const { port } = await gatewayTo(t, upstream, { concurrency: { perClient: 1, max: 2 }, rateLimit: { max: 100, key: 'header:x-api-key' } })
  const asKey = (key: string) => call(port, '/api/x', { headers: { 'x-api-key': key } })
  const open = [asKey('a'), asKey('b')]
  await until(() => held.length === 2)
  t.match(await asKey('a'), { status: 429, headers: { 'retry-after': '1' } })
  t.match(await asKey('c'), FULL)
  for (const response of held) response.end()
  for (const { status } of await Promise.all(open)) t.equal(status, 200)
})

t.test('without a key of its own a client of IPv6 is its /64 network', async t => {
  const { port: upstream, held } = await holding(t)
  const { port } = await gatewayTo(t, upstream, { concurrency: { perClient: 1 } }, {}, { trustProxy: true })
  const asFrom = (address: string) => call(port, '/api/x', { headers: { 'x-forwarded-for': address } })
  const open = asFrom('2001:db8::1')
  await until(() => held.length === 1)
  t.equal((await asFrom('2001:db8::2')).status, 429)
  const other = asFrom('2001:db8:0:1::1')
  await until(() => held.length === 2)
  for (const response of held) response.end()
  for (const { status } of await Promise.all([open, other])) t.equal(status, 200)
})
