import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { gatewayTo } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway, http2Service } from '../fixtures/http2.js'
import { RawClient, service } from '../fixtures/peers.js'

/** A body must have come faster for ten looks at it. */
const LIMITS = { requestTimeout: 50, minBodyRate: 1000 }
const LONG = 500

t.test('from the response on a client may be all ears while its body is open (HTTP/1)', async t => {
  const { port: upstream } = await service(t, (request, response) => {
    response.write('first')
    request.once('data', () => {})
    request.on('end', () => response.end('last'))
  })
  const { port, nextLine } = await gatewayTo(t, upstream, LIMITS)
  const line = nextLine()
  const client = new RawClient(t, port).send('POST /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n')
  await client.until('first')
  await wait(LONG)
  client.send('0\r\n\r\n')
  await client.until('last')
  t.match(await line, { outcome: 'completed', status: 200 })
  client.socket.destroy()
})

t.test('a gRPC watch: over HTTP/2 on both sides', async t => {
  const { port: upstream } = await http2Service(t, stream => {
    stream.respond({ ':status': 200 })
    stream.write('first')
    stream.on('data', () => {})
    stream.on('end', () => stream.end('last'))
  })
  const { port, nextLine } = await http2Gateway(t, `http://127.0.0.1:${upstream}`, { ...LIMITS, http2: true })
  const line = nextLine()
  const { stream, head, closed } = new Http2Client(t, port).begin({ ':path': '/api/x', ':method': 'POST' })
  stream.write('x')
  await head
  await wait(LONG)
  stream.end()
  t.match(await closed, { status: 200, body: 'firstlast', ended: true })
  t.match(await line, { outcome: 'completed', status: 200 })
})
