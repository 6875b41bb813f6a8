import t from 'tap'
import { call, gatewayTo } from '../fixtures/gateway.js'
import { gone, RawClient, rawService, service } from '../fixtures/peers.js'

t.test('maxBodySize: by Content-Length, before a byte is forwarded', async t => {
  const { port: upstream } = await service(t, (request, response) => {
    request.resume()
    request.on('end', () => response.end('ok'))
  })
  const { port, nextLine } = await gatewayTo(t, upstream, { maxBodySize: '1kb' })
  t.equal((await call(port, '/api/x', { method: 'POST', body: 'x'.repeat(1024) })).status, 200, 'the limit itself is allowed')
  const line = nextLine()
  const client = new RawClient(t, port)
  client.send('POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1025\r\n\r\n')
  await client.until('PAYLOAD_TOO_LARGE')
  client.socket.end()
  await client.closed
  t.match(client.received, /^HTTP\/1\.1 413 [^]*\r\nconnection: close\r\n/i)
  t.match(await line, { outcome: 'rejected', status: 413 })
})

t.test('maxBodySize: while streaming, and the service\'s request is destroyed', async t => {
  let aborted: Promise<unknown> = Promise.resolve()
  let received = 0
  let arrived: () => void = () => {}
  const hasArrived = new Promise<void>(resolve => { arrived = resolve })
  const { port: upstream } = await service(t, request => {
    request.on('error', () => {})
    request.on('data', (chunk: Buffer) => {
      received += chunk.length
      if (received === 1024) arrived()
    })
    aborted = gone(request)
  })
  const { port, nextLine } = await gatewayTo(t, upstream, { maxBodySize: 1024 })
  const line = nextLine()
  const client = new RawClient(t, port)
  client.send(`POST /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n${'x'.repeat(1024)}\r\n`)
  await hasArrived
  client.send('1\r\nx\r\n')
  await client.until('PAYLOAD_TOO_LARGE')
  await aborted
  t.equal(received, 1024)
  t.match(await line, { outcome: 'rejected', status: 413 })
  client.socket.destroy()
})

t.test('maxBodySize: after the service has begun to respond, only a break can tell', async t => {
  const { port: upstream } = await service(t, (request, response) => {
    request.on('error', () => {})
    request.on('data', chunk => response.write(chunk))
  })
  const { port, nextLine } = await gatewayTo(t, upstream, { maxBodySize: 10 })
  const line = nextLine()
  const client = new RawClient(t, port)
  client.send('POST /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
  await client.until('hello')
  client.send('6\r\nworld!\r\n')
  await client.closed
  t.notMatch(client.received, /\r\n0\r\n/)
  t.match(await line, { outcome: 'rejected', status: 200 })
})

t.test('a body that comes too slowly is cut off with 408 (slow POST)', async t => {
  let aborted: Promise<unknown> = Promise.resolve()
  const { port: upstream } = await service(t, request => {
    request.on('error', () => {})
    request.resume()
    aborted = gone(request)
  })
  const { port, nextLine } = await gatewayTo(t, upstream, { requestTimeout: 200, minBodyRate: 1000 })
  const line = nextLine()
  const client = new RawClient(t, port)
  client.send('POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n')
  const timer = setInterval(() => client.send('x'), 20)
  t.teardown(() => clearInterval(timer))
  await client.until('REQUEST_TIMEOUT')
  await aborted
  t.match(client.received, /^HTTP\/1\.1 408 /)
  t.match(await line, { outcome: 'timeout', status: 408 })
  client.socket.destroy()
})

t.test('a slow but steady upload lives, for many times requestTimeout', async t => {
  const { port: upstream } = await service(t, (request, response) => {
    request.resume()
    request.on('end', () => response.end('whole'))
  })
  const { port } = await gatewayTo(t, upstream, { requestTimeout: 50, minBodyRate: 100 })
  const client = new RawClient(t, port)
  client.send('POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n')
  for (let sent = 0; sent < 4000; sent += 100) {
    client.send('x'.repeat(100))
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  await client.until('whole')
  client.socket.destroy()
})

t.test('a client that the service holds back is not slow', async t => {
  let goOn = (): void => {}
  const { port: upstream } = await rawService(t, socket => {
    // Reads nothing for longer than requestTimeout, then everything.
    goOn = () => {
      socket.on('data', () => {})
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole')
    }
  })
  const { port } = await gatewayTo(t, upstream, { requestTimeout: 100, minBodyRate: 1000, timeout: '10s' })
  const size = 8 * 1024 * 1024
  const client = new RawClient(t, port)
  client.send(`POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\n\r\n`)
  client.send(Buffer.alloc(size))
  await new Promise(resolve => setTimeout(resolve, 600))
  t.equal(client.received, '')
  goOn()
  await client.until('whole')
  client.socket.destroy()
})

t.test('minBodyRate: 0 lets a body take any time', async t => {
  const { port: upstream } = await service(t, (request, response) => {
    request.resume()
    request.on('end', () => response.end('whole'))
  })
  const { port } = await gatewayTo(t, upstream, { requestTimeout: 20, minBodyRate: 0 })
  const client = new RawClient(t, port)
  client.send('POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nx')
  await new Promise(resolve => setTimeout(resolve, 200))
  client.send('x')
  await client.until('whole')
  client.socket.destroy()
})
