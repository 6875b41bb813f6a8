import { once } from 'node:events'
import { createServer } from 'node:http2'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { http2Client } from '../../src/proxy/http2-client.js'
import { frame, PREFACE } from '../fixtures/frames.js'
import { call, gatewayTo } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway } from '../fixtures/http2.js'
import { gone, portOf, RawClient, rawService, service } from '../fixtures/peers.js'

/** GET http://x/api/x (RFC 7541 appendix A has the indices). */
const GET = Buffer.from([0x82, 0x86, 0x01, 1, 0x78, 0x04, 6, ...Buffer.from('/api/x')])

/** A client over HTTP/2 that opens its windows by one byte every 20 ms. */
async function byteByByte (t: Test, port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => { socket.destroy() })
  socket.on('error', () => {})
  socket.resume()
  await once(socket, 'connect')
  socket.write(PREFACE)
  socket.write(frame(4, 0, 0, Buffer.from([0, 4, 0, 0, 0, 1])))
  socket.write(frame(1, 5, 1, GET))
  const timer = setInterval(() => socket.write(frame(8, 0, 1, Buffer.from([0, 0, 0, 1]))), 20)
  t.teardown(() => clearInterval(timer))
  return socket
}

for (const [what, size, pieces] of [['that is long', 10_000_000, 1], ['that is short', 500, 1], ['in small pieces', 100, 100_000]] as const) {
  t.test(`HTTP/2: a client that reads a response byte by byte, ${what}, is cut off`, async t => {
    let closed: Promise<unknown> = Promise.resolve()
    const { port: upstream } = await service(t, (request, response) => {
      closed = gone(request.socket)
      for (let i = 0; i < pieces; i++) response.write(Buffer.alloc(size))
      response.end()
    })
    const { port, nextLine } = await http2Gateway(t, `http://127.0.0.1:${upstream}`, { minResponseRate: 1000, requestTimeout: 300 })
    const line = nextLine()
    await byteByByte(t, port)
    t.match(await line, { outcome: 'timeout', status: 200, err: { code: 'REQUEST_TIMEOUT', message: /read its response too slowly/ } })
    if (size * pieces > 1_000_000) await closed
  })
}

t.test('HTTP/2: so is one that does not read an error of the gateway', async t => {
  const { port, nextLine } = await http2Gateway(t, 'http://127.0.0.1:1', { minResponseRate: 1000, requestTimeout: 300 })
  const line = nextLine()
  const client = new Http2Client(t, port, { settings: { initialWindowSize: 0 } })
  await client.ask({ ':path': '/api/x' }).head
  t.match(await line, { outcome: 'upstream error', status: 502 })
})

t.test('HTTP/1: a client that reads drop by drop is cut off, also when all of the response is in the gateway', async t => {
  for (const size of [50_000_000, 8_000_000]) {
    const { port: upstream } = await service(t, (_request, response) => response.end(Buffer.alloc(size)))
    const { port, nextLine } = await gatewayTo(t, upstream, { minResponseRate: 100_000_000, requestTimeout: 300 })
    const line = nextLine()
    const client = new RawClient(t, port)
    client.keepText = false
    client.send('GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(client.socket, 'data')
    client.socket.pause()
    const timer = setInterval(() => client.socket.read(1000), 20)
    t.match(await line, { outcome: 'timeout', status: 200, err: { code: 'REQUEST_TIMEOUT' } })
    clearInterval(timer)
    client.socket.resume()
    await client.closed
  }
})

t.test('a client that waits for a slow service, and one that reads steadily, are left alone', async t => {
  const { port: upstream } = await service(t, async (request, response) => {
    if (request.url === '/drip') {
      for (let i = 0; i < 8; i++) {
        response.write('x')
        await wait(100)
      }
      response.end()
    } else {
      response.end(Buffer.alloc(3_000_000))
    }
  })
  const rate = { minResponseRate: 1000, requestTimeout: 100 }
  const plain = await gatewayTo(t, upstream, rate)
  const other = await http2Gateway(t, `http://127.0.0.1:${upstream}`, rate)
  t.equal((await call(plain.port, '/api/drip')).body.length, 8)
  const client = new Http2Client(t, other.port)
  t.match(await client.ask({ ':path': '/api/drip' }).closed, { body: 'xxxxxxxx', ended: true })
  const stream = client.session.request({ ':path': '/api/large' })
  let bytes = 0
  for await (const chunk of stream) {
    bytes += chunk.length
    if (bytes % 300_000 < chunk.length) await wait(20)
  }
  t.equal(bytes, 3_000_000)
})

t.test('minResponseRate: 0 asks for something within timeout alone', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end('x'))
  const { port, nextLine } = await http2Gateway(t, `http://127.0.0.1:${upstream}`, { minResponseRate: 0, requestTimeout: 60_000, timeout: 300 })
  const line = nextLine()
  const client = new Http2Client(t, port, { settings: { initialWindowSize: 0 } })
  await client.ask({ ':path': '/api/x' }).head
  t.match(await line, { outcome: 'timeout' })
})

for (const http2 of [false, true]) {
  t.test(`interim responses are left out while their client reads nothing (${http2 ? 'HTTP/2' : 'HTTP/1'})`, async t => {
    const { port: upstream } = await rawService(t, socket => {
      const interim = `HTTP/1.1 103 Early Hints\r\nLink: <${'x'.repeat(8000)}>\r\n\r\n`.repeat(100)
      let left = 100
      const more = (): void => {
        while (left-- > 0) if (!socket.write(interim)) return
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast')
      }
      socket.on('drain', more)
      socket.once('data', more)
    })
    const { port } = http2 ? await http2Gateway(t, `http://127.0.0.1:${upstream}`) : await gatewayTo(t, upstream)
    const socket = connect(port, '127.0.0.1')
    t.teardown(() => { socket.destroy() })
    if (http2) {
      socket.write(PREFACE)
      socket.write(frame(4, 0, 0))
    }
    socket.pause()
    const before = process.memoryUsage().rss
    socket.write(http2 ? frame(1, 5, 1, GET) : 'GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n')
    // 80 MB of them; the service is read to its end.
    await wait(1500)
    t.ok(process.memoryUsage().rss - before < 60_000_000, `grew by ${process.memoryUsage().rss - before}`)
    let bytes = 0
    let end = ''
    socket.on('data', chunk => {
      bytes += chunk.length
      end = (end + String(chunk)).slice(-200)
    })
    socket.resume()
    while (!end.includes('last')) await once(socket, 'data')
    t.ok(bytes < 40_000_000, `${bytes} came`)
  })
}

t.test('of a session that is gone nothing is queued', async t => {
  const server = createServer((_request, response) => {
    response.stream.session?.destroy()
    t.doesNotThrow(() => Reflect.apply(http2Client.inform, http2Client, [response, 103, '', []]))
  })
  server.on('session', session => session.on('error', () => {}))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  const client = new Http2Client(t, portOf(server))
  await client.ask({ ':path': '/' }).closed
})
