import dns from 'node:dns'
import { once } from 'node:events'
import { connect, isIP } from 'node:net'
import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { call } from '../fixtures/gateway.js'
import { gone, RawClient, service } from '../fixtures/peers.js'
import { startService } from '../fixtures/service.js'

const GET = 'GET /nope HTTP/1.1\r\nHost: x\r\n\r\n'

t.test('headersTimeout: a head that drips is cut off, and so is a client that says nothing', async t => {
  const { port } = await startService(t, { headersTimeout: 200 })
  const dripping = new RawClient(t, port)
  dripping.send('GET / HTTP/1.1\r\nHost: x\r\n')
  const timer = setInterval(() => dripping.send('x'), 10)
  t.teardown(() => clearInterval(timer))
  const silent = new RawClient(t, port)
  for (const client of [dripping, silent]) {
    await client.closed
    t.match(client.received, /^HTTP\/1\.1 408 [^]*"code":"REQUEST_TIMEOUT"/)
  }
  clearInterval(timer)
})

t.test('a slow but steady upload lives', async t => {
  const { port: upstream } = await service(t, (request, response) => request.pipe(response))
  const { port } = await startService(t, { headersTimeout: 50, keepAliveTimeout: 50 }, `http://127.0.0.1:${upstream}`)
  const client = new RawClient(t, port)
  client.send('PUT /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n')
  // One byte follows the echo of the one before, after several times the limit for a head.
  for (let i = 0; i < 10; i++) {
    await new Promise(resolve => setTimeout(resolve, 40))
    client.send(String(i))
    await client.until(new RegExp(`\\r\\n\\r\\n[^]*${i}`))
  }
  t.match(client.received, /^HTTP\/1\.1 200 /)
})

t.test('keepAliveTimeout', async t => {
  const { port } = await startService(t, { keepAliveTimeout: 50 })
  const client = new RawClient(t, port)
  client.send(GET)
  await client.until('404')
  t.equal(await client.closed, undefined)
})

t.test('maxConnections: one more is closed unheard, and told; when one ends there is room', async t => {
  const { port, until } = await startService(t, { maxConnections: 2 })
  const clients = [new RawClient(t, port), new RawClient(t, port)]
  for (const client of clients) await client.send(GET).until('404')
  for (let i = 0; i < 2; i++) {
    const rejected = new RawClient(t, port)
    rejected.send(GET)
    await rejected.closed
    t.equal(rejected.received, '')
  }
  t.match(await until(/connections were closed without a response/), { level: 40, dropped: 2, maxConnections: 2 })
  clients[0]?.socket.destroy()
  let status = 0
  while (status === 0) status = await call(port, '/nope').then(response => response.status, () => 0)
  t.equal(status, 404)
})

t.test('maxRequestsPerConnection: the last response says so', async t => {
  const { port } = await startService(t, { maxRequestsPerConnection: 2 })
  const client = new RawClient(t, port)
  client.send(GET + GET + GET)
  const received = await client.until(' 503 ')
  t.match(received, /^HTTP\/1\.1 404 [^]*keep-alive[^]*HTTP\/1\.1 404 [^]*Connection: close[^]*HTTP\/1\.1 503 /)
})

t.test('maxHeaderSize', async t => {
  const small = await startService(t, { maxHeaderSize: '1kb' })
  const large = await startService(t, { maxHeaderSize: '64kb' })
  const headers = { x: 'x'.repeat(20_000) }
  t.equal((await call(small.port, '/nope', { headers: { x: 'x'.repeat(900) } })).status, 404)
  t.equal((await call(small.port, '/nope', { headers })).json().error.code, 'REQUEST_HEADER_FIELDS_TOO_LARGE')
  t.equal((await call(large.port, '/nope', { headers })).status, 404)
})

t.test('CONNECT gets one response, and the connection is closed', async t => {
  const { port, lines } = await startService(t)
  const client = new RawClient(t, port)
  client.send('CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\nGET /nope HTTP/1.1\r\nHost: x\r\n\r\n')
  await client.closed
  t.match(client.received, /^HTTP\/1\.1 405 Method Not Allowed\r\n[^]*\r\nAllow: [^\r]*GET[^\r]*\r\n[^]*\r\nConnection: close\r\n\r\n\{.*"METHOD_NOT_ALLOWED"/)
  t.equal(client.received.match(/HTTP\/1\.1 /g)?.length, 1)
  t.match(lines.find(({ method }) => method === 'CONNECT'), { url: 'a.example:443', status: 405, outcome: 'rejected' })
})

t.test('CONNECT behind a request whose response is under way breaks the connection', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.write('first'))
  const { port } = await startService(t, {}, `http://127.0.0.1:${upstream}`)
  const client = new RawClient(t, port)
  client.send('GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n')
  await client.until('first')
  client.send('CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n')
  await client.closed
  t.notMatch(client.received, /405|\r\n0\r\n\r\n$/)
})

t.test('a version that nobody speaks', async t => {
  const { port } = await startService(t)
  const client = new RawClient(t, port)
  client.send('GET / HTTP/3.7\r\nHost: x\r\n\r\n')
  await client.closed
  t.match(client.received, /^HTTP\/1\.1 505 [^]*"code":"HTTP_VERSION_NOT_SUPPORTED"/)
})

t.test('a HEAD whose body is bad gets a rejection without a body (RFC 9110 section 9.3.2)', async t => {
  const { port: upstream } = await service(t, () => {})
  const { port } = await startService(t, {}, `http://127.0.0.1:${upstream}`)
  const client = new RawClient(t, port)
  client.send('HEAD /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n')
  await client.closed
  t.match(client.received, /^HTTP\/1\.1 400 [^\r]*\r\nconnection: close\r\n[^]*\r\ncontent-length: \d+\r\n[^{]*\r\n\r\n$/i)
})

for (const [first, other] of [['127.0.0.1', '::1'], ['::1', '127.0.0.1']] as const) {
  t.test(`localhost is both addresses, with the same limits, until the end (${first} first)`, async t => {
    localhostIs(t, first)
    const { app, port, until } = await startService(t, { maxConnections: 1, headersTimeout: 200 }, undefined, 'localhost')
    await until(/, too$/)
    for (const host of [first, other]) {
      const socket = await opened(t, host, port)
      const rejected = await opened(t, host, port)
      await gone(rejected.resume())
      t.match(await text(socket), /^HTTP\/1\.1 408 /, host)
    }
    const open = await opened(t, other, port)
    open.write('CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n')
    t.match(await text(open), /^HTTP\/1\.1 405 /)
    await app.close()
    for (const host of [first, other]) await t.rejects(opened(t, host, port), { code: 'ECONNREFUSED' }, host)
  })
}

/** Node looks up a server's host by the property of its module. */
function localhostIs (t: Test, address: string): void {
  const lookup = (name: string, ...rest: unknown[]): void => {
    const done = rest.at(-1)
    const found = name === 'localhost' ? address : name
    if (typeof done === 'function') done(null, found, isIP(found))
  }
  t.intercept(dns, 'lookup', { value: lookup })
}

async function opened (t: Test, host: string, port: number): Promise<Socket> {
  const socket = connect({ host, port })
  t.teardown(() => { socket.destroy() })
  await once(socket, 'connect')
  return socket
}

async function text (socket: Socket): Promise<string> {
  let received = ''
  for await (const chunk of socket) received += String(chunk)
  return received
}

t.test('where another process has the port at the other address, there is one', async t => {
  const { port } = await startService(t, {}, undefined, '::1')
  localhostIs(t, '127.0.0.1')
  const { until } = await startService(t, {}, undefined, 'localhost', port)
  t.match(await until(/^not listening at both/), { level: 30, msg: /EADDRINUSE/ })
})

t.test('at the end, connections that ask for nothing are closed', async t => {
  const { app, port } = await startService(t, { shutdownTimeout: 60_000 })
  const halfAsked = new RawClient(t, port)
  await halfAsked.send(GET).until('404')
  halfAsked.send('GET / HT')
  const silent = new RawClient(t, port)
  await once(silent.socket, 'connect')
  await app.close()
  await halfAsked.closed
  await silent.closed
  t.pass('closed')
})
