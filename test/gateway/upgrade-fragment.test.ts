import t from 'tap'
import { gatewayTo } from '../fixtures/gateway.js'
import { RawClient, service } from '../fixtures/peers.js'

t.test('an upgrade whose fragment cannot be decoded is 400', async t => {
  const { port: upstream } = await service(t, () => t.fail('forwarded'))
  const { port } = await gatewayTo(t, upstream)
  for (const target of ['/api/5#%', '/api/5#%zz', '/api/5#x%']) {
    const client = new RawClient(t, port).send(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`)
    await client.closed
    t.match(client.received, /^HTTP\/1\.1 400 [^]*BAD_REQUEST/, target)
  }
})
