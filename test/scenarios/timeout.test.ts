import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { call, gatewayTo } from '../fixtures/gateway.js'
import { RawClient, rawService, service } from '../fixtures/peers.js'

t.test('a service that stays silent gets 504, and its connection is destroyed', async t => {
  let ended: Promise<unknown> = Promise.resolve()
  const { port: upstream } = await rawService(t, socket => {
    socket.resume()
    ended = once(socket, 'end')
  })
  const { port, nextLine } = await gatewayTo(t, upstream, { timeout: 200 })
  const line = nextLine()
  const response = await call(port, '/api/slow')
  t.equal(response.status, 504)
  t.match(response.json(), {
    success: false,
    error: { code: 'GATEWAY_TIMEOUT', message: 'Upstream service did not respond in time' },
    requestId: /./
  })
  await ended
  t.match(await line, { outcome: 'timeout', status: 504, level: 40 })
})

t.test('the time is counted anew on a kept connection', async t => {
  const { port: upstream } = await service(t, (request, response) => {
    if (request.url === '/fast') response.end('fast')
  })
  const { port } = await gatewayTo(t, upstream, { timeout: 300 })
  t.equal((await call(port, '/api/fast')).status, 200)
  await wait(200)
  const start = performance.now()
  t.equal((await call(port, '/api/slow')).status, 504)
  t.ok(performance.now() - start >= 280, 'not from the connection\'s last use')
})

t.test('a service that stops in mid response: the client sees a break', async t => {
  const { port: upstream } = await rawService(t, socket => {
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'))
  })
  const timeout = 1500
  const { port, nextLine } = await gatewayTo(t, upstream, { timeout })
  const line = nextLine()
  await t.rejects(call(port, '/api/x'), { code: 'ECONNRESET' })
  const { duration, ...rest } = await line
  t.match(rest, { outcome: 'timeout', status: 200, bytes: 4, err: { message: 'No byte moved in either direction' } })
  t.ok(Number(duration) < 1.9 * timeout, 'after the timeout once, as nobody waits for the client')
})

t.test('a response lives as long as bytes flow, far beyond the timeout', async t => {
  const { port: upstream } = await service(t, async (_request, response) => {
    for (let i = 0; i < 8; i++) {
      response.write(`${i}`)
      await wait(100)
    }
    response.end()
  })
  const { port } = await gatewayTo(t, upstream, { timeout: 400 })
  t.equal((await call(port, '/api/events')).body.toString(), '01234567')
})

t.test('an upload lives as long as bytes flow', async t => {
  const { port: upstream } = await service(t, (request, response) => {
    request.resume()
    request.on('end', () => response.end('ok'))
  })
  const { port } = await gatewayTo(t, upstream, { timeout: 400 })
  const client = new RawClient(t, port)
  client.send('POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n')
  for (let i = 0; i < 8; i++) {
    client.send('x')
    await wait(100)
  }
  await client.until('200 OK')
})

t.test('a client that reads slowly is not taken for a silent service', async t => {
  const size = 8 * 1024 * 1024
  const { port: upstream } = await service(t, (_request, response) => {
    response.writeHead(200, { 'content-length': size })
    response.end(Buffer.alloc(size))
  })
  const { port, nextLine } = await gatewayTo(t, upstream, { timeout: 300 })
  const line = nextLine()
  const client = new RawClient(t, port)
  client.keepText = false
  client.send('GET /api/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  // Reads in bursts; between two of them the service's side is halted for less than the client's is.
  while (client.socket.bytesRead < size / 2) {
    client.socket.resume()
    await wait(5)
    client.socket.pause()
    await wait(150)
  }
  client.socket.resume()
  t.equal(await client.closed, undefined)
  t.match(await line, { outcome: 'completed', bytes: size })
})

t.test('a client that stops reading for good is cut off', async t => {
  const { port: upstream } = await service(t, (_request, response) => {
    response.writeHead(200, { 'content-length': 64 * 1024 * 1024 })
    response.end(Buffer.alloc(64 * 1024 * 1024))
  })
  const { port, nextLine } = await gatewayTo(t, upstream, { timeout: 300 })
  const line = nextLine()
  const client = new RawClient(t, port)
  client.socket.pause()
  client.send('GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n')
  t.match(await line, { outcome: 'timeout', status: 200 })
})

t.test('a service that cannot be reached in time gets 504', async t => {
  // TEST-NET-1 (RFC 5737): nobody responds there.
  const { port, nextLine } = await gatewayTo(t, 9, { target: 'http://192.0.2.1:9', timeout: 200 })
  const line = nextLine()
  const response = await call(port, '/api/x')
  const { outcome } = await line
  // Where the network says at once that there is no way, it is a failed connection.
  t.ok((response.status === 504 && outcome === 'timeout') || (response.status === 502 && outcome === 'upstream error'))
})

t.test('a timeout that is not reached leaves nothing behind', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end('ok'))
  const { port } = await gatewayTo(t, upstream, { timeout: '30s' })
  t.equal((await call(port, '/api/x')).status, 200)
})

t.test('a service that accepts and never shakes hands gets 504 after connectTimeout', async t => {
  const { port: upstream } = await rawService(t, () => {})
  const { port, nextLine } = await gatewayTo(t, upstream, { target: `https://127.0.0.1:${upstream}`, connectTimeout: 100 })
  const line = nextLine()
  const response = await call(port, '/api/x')
  t.equal(response.status, 504)
  t.match(response.json().error, { code: 'GATEWAY_TIMEOUT', message: 'Upstream service could not be reached in time' })
  t.match(await line, { outcome: 'timeout', cause: 'ERR_CONNECT_TIMEOUT' })
})
