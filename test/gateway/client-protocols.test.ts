import { once } from 'node:events'
import { IncomingMessage, ServerResponse } from 'node:http'
import { connect, createServer } from 'node:http2'
import { Socket } from 'node:net'
import t from 'tap'
import { http1Client } from '../../src/proxy/http1-client.js'
import { http2Client } from '../../src/proxy/http2-client.js'
import { validateOrigin } from '../../src/proxy/upgrade.js'
import { portOf } from '../fixtures/peers.js'

t.test('a response of HTTP/1 that waits behind another is broken off before it has a connection', async t => {
  const response = new ServerResponse(new IncomingMessage(new Socket()))
  http1Client.breakOff(response, false)
  t.ok(response.destroyed)
})

t.test('a stream of HTTP/2 that has lost its session stands for its connection', async t => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect(`http://127.0.0.1:${portOf(server)}`)
  t.teardown(() => {
    client.destroy()
    server.close()
  })
  client.on('error', () => {})
  client.request().on('error', () => {})
  const [request] = await once(server, 'request')
  const { stream } = request
  t.equal(http2Client.connection(request), stream.session)
  stream.on('error', () => {})
  stream.destroy()
  await once(stream, 'close')
  t.equal(http2Client.connection(request), stream)
})

t.test('what is no origin is none of the host', async t => {
  for (const origin of ['', 'null', 'localhost', 'http://a\nb']) t.equal(validateOrigin(origin, [], 'localhost')?.code, 'FORBIDDEN', JSON.stringify(origin))
})
