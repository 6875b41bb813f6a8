import { once } from 'node:events'
import t from 'tap'
import { gatewayTo } from '../fixtures/gateway.js'
import { gone, RawClient, rawService } from '../fixtures/peers.js'
import { startService } from '../fixtures/service.js'

t.test('what Node\'s parser takes for HTTP/1.0 and is none gets 400', async t => {
  const { port: upstream } = await rawService(t, () => t.fail('forwarded'))
  const { port } = await startService(t, {}, `http://127.0.0.1:${upstream}`)
  for (const line of ['GET /api/x RTSP/1.0', 'SOURCE /api/x ICE/1.0']) {
    const client = new RawClient(t, port).send(`${line}\r\nHost: x\r\n\r\n`)
    await client.closed
    t.match(client.received, /^HTTP\/1\.1 400 [^]*The request is not HTTP/, line)
  }
})

t.test('a response of another version than 1 is none', async t => {
  const { port: upstream } = await rawService(t, socket => socket.once('data', () => socket.end('HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok')))
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port).send('GET /api/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  await client.closed
  t.match(client.received, /^HTTP\/1\.1 502 /)
})

t.test('a method that is none, in bytes that are not there any more, is not taken for one of HTTP', async t => {
  const { app, port } = await startService(t)
  const accepted = once(app.server, 'connection')
  const client = new RawClient(t, port)
  const [socket] = await accepted
  app.server.emit('clientError', Object.assign(new Error('Parse Error'), { code: 'HPE_INVALID_METHOD' }), socket)
  await gone(client.socket)
  t.match(client.received, /^HTTP\/1\.1 400 [^]*The request is not valid HTTP/)
})
