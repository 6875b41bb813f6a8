import { connect } from 'node:http2'
import type { ServerResponse } from 'node:http'
import type { Test } from 'tap'
import t from 'tap'
import { call, gatewayOver } from '../fixtures/gateway.js'
import type { Started } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/peers.js'
import { targets } from '../fixtures/targets.js'
import type { TestTarget } from '../fixtures/targets.js'

const turn = async (): Promise<void> => await new Promise(resolve => setImmediate(resolve))

/** Targets whose responses are held until the test lets them go. */
async function holding (t: Test, count: number, upstream: object, route: object = {}): Promise<Started & { all: TestTarget[], held: ServerResponse[], until: (number: number) => Promise<void> }> {
  const all = await targets(t, count)
  const held: ServerResponse[] = []
  for (const target of all) target.handler = (request, response) => { request.resume().on('end', () => held.push(response)) }
  const [first = '', ...others] = all.map(({ url }) => url)
  const gateway = await gatewayOver(t, [first, ...others], upstream, route)
  const until = async (number: number): Promise<void> => { while (held.length < number) await turn() }
  return { ...gateway, all, held, until }
}

t.test('maxConcurrent: requests beyond it wait, first in, first out', async t => {
  const { port, app, held, until, all } = await holding(t, 2, { maxConcurrent: 1 })
  const asked = ['1', '2', '3', '4'].map(async name => await call(port, `/api/${name}`, { method: 'POST', body: name }))
  await until(2)
  t.strictSame(app.gateway.upstream('app')?.targets.map(({ inFlight }) => inFlight), [1, 1])
  held[0]?.end('a response')
  await until(3)
  held[1]?.end('a response')
  await until(4)
  for (const response of held) response.end()
  t.strictSame((await Promise.all(asked)).map(({ status }) => status), [200, 200, 200, 200])
  t.equal(all.flatMap(({ requests }) => requests).length, 4)
})

t.test('one more than maxQueue is a 503 at once, with Retry-After', async t => {
  const { port, held, until, nextLine } = await holding(t, 1, { maxConcurrent: 1, maxQueue: 1 })
  const first = call(port, '/api/1')
  await until(1)
  const line = nextLine()
  const [second, third] = [call(port, '/api/2'), call(port, '/api/3')]
  const rejected = await Promise.race([second, third])
  t.equal(rejected.status, 503)
  t.equal(rejected.headers['retry-after'], '1')
  t.equal(rejected.json().error.code, 'SERVICE_UNAVAILABLE')
  t.match(await line, { status: 503, outcome: 'rejected' })
  held[0]?.end()
  await until(2)
  held[1]?.end()
  t.strictSame((await Promise.all([first, second, third])).map(({ status }) => status).sort(), [200, 200, 503])
})

t.test('who waits longer than queueTimeout gets a 503', async t => {
  const { port, held, until } = await holding(t, 1, { maxConcurrent: 1, queueTimeout: 20 })
  const first = call(port, '/api/1')
  await until(1)
  const second = await call(port, '/api/2')
  t.equal(second.status, 503)
  t.equal(second.headers['retry-after'], '1')
  held[0]?.end()
  t.equal((await first).status, 200)
})

t.test('a request whose client has gone leaves the queue', async t => {
  const { port, held, until, nextLine, all, app } = await holding(t, 1, { maxConcurrent: 1 })
  const first = call(port, '/api/1')
  await until(1)
  const client = new RawClient(t, port)
  const left = nextLine()
  client.socket.write('GET /api/gone HTTP/1.1\r\nHost: x\r\n\r\n')
  while (app.gateway.upstream('app')?.waiting !== 1) await turn()
  client.socket.destroy()
  t.match(await left, { url: '/api/gone', outcome: 'client aborted', status: 499 })
  t.equal(app.gateway.upstream('app')?.waiting, 0)
  const third = call(port, '/api/3')
  held[0]?.end()
  await until(2)
  held[1]?.end()
  await Promise.all([first, third])
  t.strictSame(all[0]?.requests, ['GET /1', 'GET /3'])
})

t.test('who waits is served by a target that comes, and by one that comes back', async t => {
  const { port, held, until, app, all } = await holding(t, 2, { maxConcurrent: 1 })
  app.gateway.upstream('app')?.setTargets(all.slice(0, 1).map(({ url }) => url))
  const asked = [call(port, '/api/1')]
  await until(1)
  asked.push(call(port, '/api/2'))
  while (app.gateway.upstream('app')?.waiting !== 1) await turn()
  app.gateway.upstream('app')?.setTargets(all.map(({ url }) => url))
  await until(2)
  held[0]?.end()
  held[1]?.end()
  t.strictSame((await Promise.all(asked)).map(({ status }) => status), [200, 200])
})

t.test('maxConnections is the bound where nothing else is said', async t => {
  const { port, held, until, app } = await holding(t, 1, { maxConnections: 2 })
  const asked = ['1', '2', '3'].map(async name => await call(port, `/api/${name}`))
  await until(2)
  await turn()
  t.equal(held.length, 2)
  t.match(app.gateway.state.upstreams, [{ inFlight: 2, size: 2 }])
  held[0]?.end()
  await until(3)
  for (const response of held) response.end()
  await Promise.all(asked)
})

t.test('a connection of HTTP/2 may hold its share alone of an upstream that fills up', async t => {
  const { http2Gateway } = await import('../fixtures/http2.js')
  const all = await targets(t, 2)
  const held: ServerResponse[] = []
  for (const target of all) target.handler = (_, response) => { held.push(response) }
  const [first = '', ...others] = all.map(({ url }) => url)
  const { port } = await http2Gateway(t, '', { upstream: 'app' }, { options: { upstreams: { app: { targets: [first, ...others], maxConcurrent: 10 } }, routes: [{ prefix: '/api', upstream: 'app' }] } })
  const session = connect(`http://127.0.0.1:${port}`)
  const statuses: number[] = []
  for (let i = 0; i < 20; i++) session.request({ ':path': '/api/x' }).on('response', ({ ':status': status }) => statuses.push(Number(status))).end()
  while (statuses.length + held.length < 20) await turn()
  t.strictSame(statuses, Array(10).fill(503), 'half of it, and at least 8 of what is left')
  for (const response of held) response.end()
  session.destroy()
})
