import t from 'tap'
import { RawClient, service } from '../fixtures/peers.js'

// What is read of Node's own response (src/proxy/http1-client.ts), and is documented nowhere.

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'

t.test('chunkedEncoding', async t => {
  const { port } = await service(t, (_request, response) => {
    response.writeHead(200, ['X-A', '1'])
    response.end(String(response.chunkedEncoding))
  })
  const client = new RawClient(t, port).send(GET)
  t.match(await client.until('0\r\n\r\n'), /\r\n4\r\ntrue\r\n/, 'a response whose length is not known has chunkedEncoding once its head is written')
})

t.test('shouldKeepAlive', async t => {
  const { port } = await service(t, (_request, response) => {
    response.shouldKeepAlive = false
    response.writeHead(200, ['Content-Length', '2'])
    response.end('ok')
  })
  const client = new RawClient(t, port).send(GET)
  await client.closed
  t.match(client.received, /^Connection: close\r$[^]*ok$/m, 'a response without shouldKeepAlive closes its connection')
})

t.test('writableCorked', async t => {
  const { port } = await service(t, (_request, response) => {
    response.writeHead(200, ['Content-Length', '5'])
    response.write('ok')
    const corked = (response.socket?.writableCorked ?? 0) > 0
    t.ok(corked, 'what is written in one tick waits under writableCorked of the socket')
    while ((response.socket?.writableCorked ?? 0) > 0) response.socket?.uncork()
    response.destroy()
  })
  const client = new RawClient(t, port).send(GET)
  await client.closed
  t.match(client.received, /ok$/, 'and has left when it is uncorked')
})
