import t from 'tap'
import streamGateway from '../../src/index.js'
import { call, gatewayTo, start } from '../fixtures/gateway.js'
import { gone, RawClient, rawService, service } from '../fixtures/peers.js'

t.test('a client that goes away in mid upload: the service\'s request is destroyed', async t => {
  let aborted: Promise<unknown> = Promise.resolve()
  let started: () => void = () => {}
  const hasStarted = new Promise<void>(resolve => { started = resolve })
  const { port: upstream } = await service(t, request => {
    request.on('error', () => {})
    aborted = gone(request)
    request.once('data', started)
  })
  const { port, nextLine } = await gatewayTo(t, upstream)
  const line = nextLine()
  const client = new RawClient(t, port)
  client.send('POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf')
  await hasStarted
  client.socket.destroy()
  await aborted
  t.match(await line, { outcome: 'client aborted', status: 499 })
})

t.test('a client that ends its side in mid upload is not taken for one that is done', async t => {
  let aborted: Promise<unknown> = Promise.resolve()
  const { port: upstream } = await service(t, request => {
    t.equal(request.complete, false)
    request.on('error', () => {})
    aborted = gone(request)
    request.resume()
  })
  const { port, nextLine } = await gatewayTo(t, upstream)
  const line = nextLine()
  const client = new RawClient(t, port)
  client.send('POST /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel')
  client.socket.end()
  t.match(await line, { outcome: 'client aborted' })
  await aborted
})

t.test('a client that goes away in mid download: the service\'s connection is destroyed', async t => {
  let closed: Promise<unknown> = Promise.resolve()
  const { port: upstream } = await service(t, (request, response) => {
    closed = gone(request.socket)
    response.write('first')
  })
  const { port, nextLine } = await gatewayTo(t, upstream)
  const line = nextLine()
  const client = new RawClient(t, port)
  client.send('GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n')
  await client.until('first')
  client.socket.destroy()
  await closed
  t.match(await line, { outcome: 'client aborted', status: 200, bytes: 5 })
})

t.test('a client that is gone before the handler runs is not forwarded', async t => {
  const { port: upstream } = await service(t, () => t.fail('forwarded'))
  let inHook: () => void = () => {}
  const isInHook = new Promise<void>(resolve => { inHook = resolve })
  const { port, nextLine } = await start(t, async app => {
    app.addHook('onRequest', async request => {
      inHook()
      if (!request.raw.socket.destroyed) await gone(request.raw.socket)
    })
    await app.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }] })
  })
  const line = nextLine()
  const client = new RawClient(t, port)
  client.send('GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n')
  await isInHook
  client.socket.destroy()
  t.match(await line, { outcome: 'client aborted', status: 499 })
})

for (const framing of ['Content-Length: 1000000', 'Transfer-Encoding: chunked']) {
  t.test(`an early response during an upload reaches the client, whose connection is then closed (${framing})`, async t => {
    const { port: upstream } = await service(t, (_request, response) => {
      response.writeHead(413, { 'content-length': 9 })
      response.end('too large')
    })
    const { port, nextLine } = await gatewayTo(t, upstream)
    const line = nextLine()
    const client = new RawClient(t, port)
    client.send(`POST /api/x HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n`)
    client.send(framing.startsWith('C') ? 'x'.repeat(1000) : '3e8\r\n' + 'x'.repeat(1000))
    await client.until('too large')
    t.match(client.received, /^HTTP\/1\.1 413 [^]*\r\nConnection: close\r\n/)
    // Half a body is in the connection: what follows must not be taken for a request.
    client.send('GET /api/evil HTTP/1.1\r\nHost: x\r\n\r\n')
    client.socket.end()
    await client.closed
    t.equal(client.received.match(/HTTP\/1\.1/g)?.length, 1)
    t.match(await line, { outcome: 'completed', status: 413 })
  })
}

t.test('an error of the gateway\'s own during an upload does so too', async t => {
  const { port: upstream } = await rawService(t, socket => {
    socket.once('data', () => socket.resetAndDestroy())
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port)
  client.send('POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nhalf')
  await client.until('requestId')
  t.match(client.received, /^HTTP\/1\.1 502 [^]*\r\nconnection: close\r\n/i)
  client.socket.end()
  t.equal(await client.closed, undefined, 'closed in order')
})

t.test('a client that never stops sending after an early response is cut off at last', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.writeHead(401).end('no'))
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port)
  client.socket.removeAllListeners('end')
  client.send('POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nhalf')
  await client.until('no')
  const timer = setInterval(() => client.send('x'), 100)
  t.teardown(() => clearInterval(timer))
  await client.closed
  t.pass('the gateway closed')
})

t.test('a response before the head of the request\'s body is over, on the service\'s side', async t => {
  // The service responds and closes while the gateway still sends: the response counts.
  const { port: upstream } = await rawService(t, socket => {
    socket.once('data', () => socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno'))
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port)
  client.send('POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nhalf')
  await client.until(/401 Unauthorized[^]*no$/)
  client.socket.end()
  await client.closed
})

t.test('a silent client in mid upload gets 408, and the service is let go', async t => {
  let closed: Promise<unknown> = Promise.resolve()
  const { port: upstream } = await service(t, request => {
    request.on('error', () => {})
    closed = gone(request)
    request.resume()
  })
  const { port, nextLine } = await gatewayTo(t, upstream, { timeout: 200 })
  const line = nextLine()
  const client = new RawClient(t, port)
  client.send('POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf')
  await client.until('REQUEST_TIMEOUT')
  client.socket.end()
  await closed
  t.match(await line, { outcome: 'timeout', status: 408 })
})

t.test('an aborted exchange leaves the connection of another alone', async t => {
  const { port: upstream } = await service(t, (request, response) => {
    if (request.url === '/fast') response.end('fast')
  })
  const { port, nextLine } = await gatewayTo(t, upstream)
  await call(port, '/api/fast')
  const line = nextLine()
  const client = new RawClient(t, port)
  client.send('GET /api/slow HTTP/1.1\r\nHost: x\r\n\r\n')
  client.socket.once('connect', () => setImmediate(() => client.socket.destroy()))
  await line
  t.equal((await call(port, '/api/fast')).body.toString(), 'fast')
})
