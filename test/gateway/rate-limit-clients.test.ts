import t from 'tap'
import streamGateway from '../../src/index.js'
import { call, gatewayTo, start } from '../fixtures/gateway.js'
import { RawClient, service } from '../fixtures/peers.js'

const TRUSTING = { trustProxy: ['127.0.0.1'] }

async function statusFor (port: number, path: string, client: string): Promise<number> {
  return (await call(port, path, { headers: { 'x-forwarded-for': client } })).status
}

t.test('by default 100,000 clients are counted: the first is limited still when 5,100 came', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end())
  const { port } = await gatewayTo(t, upstream, {}, { rateLimit: { max: 1 } }, TRUSTING)
  for (let first = 0; first < 5_100; first += 100) {
    const requests = Array.from({ length: 100 }, (_, i) => `GET /api/x HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 10.0.${(first + i) >> 8}.${(first + i) & 255}\r\n`)
    const client = new RawClient(t, port).send(`${requests.join('\r\n')}Connection: close\r\n\r\n`)
    await client.closed
    t.equal(client.received.match(/HTTP\/1\.1 200 /g)?.length, 100)
  }
  t.equal(await statusFor(port, '/api/x', '10.0.0.0'), 429)
})

t.test('above maxClients the one that was seen longest ago is forgotten', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end())
  const target = `http://127.0.0.1:${upstream}`
  const { port } = await start(t, app => app.register(streamGateway, {
    rateLimit: { max: 1, maxClients: 2 },
    routes: [{ prefix: '/shared', target }, { prefix: '/own', target, rateLimit: { maxClients: 3 } }]
  }), TRUSTING)
  const statuses = async (path: string): Promise<number[]> => {
    const list: number[] = []
    // The first, seen again before the third comes, is not the one that is forgotten.
    for (const client of ['10.0.0.1', '10.0.0.2', '10.0.0.1', '10.0.0.3', '10.0.0.1', '10.0.0.2']) list.push(await statusFor(port, path, client))
    return list
  }
  t.strictSame(await statuses('/shared/x'), [200, 200, 429, 200, 429, 200])
  t.strictSame(await statuses('/own/x'), [200, 200, 429, 200, 429, 429], 'a route that counts apart may count more')
})
