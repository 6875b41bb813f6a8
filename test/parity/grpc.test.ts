import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import t from 'tap'
import type { Test } from 'tap'
import { call, gatewayOver } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway, http2Service } from '../fixtures/http2.js'
import type { Http2Service } from '../fixtures/http2.js'
import { closedPort } from '../fixtures/peers.js'

const CALL = { ':method': 'POST', ':path': '/api/SayHello', 'content-type': 'application/grpc', te: 'trailers' }

/** A gRPC service that says Hello world, and what it was asked. */
async function greeter (t: Test, before: (stream: ServerHttp2Stream) => void = () => {}): Promise<Http2Service & { asked: IncomingHttpHeaders[] }> {
  const asked: IncomingHttpHeaders[] = []
  const service = await http2Service(t, (stream, headers) => {
    asked.push(headers)
    before(stream)
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-message': '', 'grpc-status': '0' }))
    stream.resume().on('end', () => stream.end('Hello world'))
  })
  return { ...service, asked }
}

t.test('a call: its head, its message, the response and its trailers, on one connection', async t => {
  const { port: upstream, asked, sessions } = await greeter(t)
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`, { http2: true })
  const client = new Http2Client(t, port)
  for (let nth = 0; nth < 3; nth++) {
    const { status, headers, body, trailers, ended } = await client.ask(CALL, 'Hello').closed
    t.strictSame([status, headers['content-type'], body, ended], [200, 'application/grpc', 'Hello world', true])
    t.match(trailers, { 'grpc-message': '', 'grpc-status': '0' })
    t.match(asked[nth], {
      ':method': 'POST', ':scheme': 'http', ':path': '/SayHello', ':authority': `127.0.0.1:${upstream}`, 'content-type': 'application/grpc', te: 'trailers'
    })
  }
  t.equal(sessions.length, 1)
})

t.test('GET and HEAD, the root, and another name', async t => {
  const { port: upstream, asked } = await greeter(t)
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`, { http2: true, host: 'custom' })
  const client = new Http2Client(t, port)
  for (const method of ['GET', 'HEAD']) await client.ask({ ':method': method, ':path': '/api/' }).closed
  t.match(asked, [{ ':method': 'GET', ':path': '/', ':authority': 'custom' }, { ':method': 'HEAD' }])
  t.notOk(asked[0]?.host, 'said once')
})

t.test('early hints pass before the response, with its trailers behind; the connection is kept', async t => {
  const { port: upstream, sessions } = await greeter(t, stream => stream.additionalHeaders({ ':status': 103, link: '</style.css>' }))
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`, { http2: true })
  const client = new Http2Client(t, port)
  for (let nth = 0; nth < 2; nth++) {
    const { stream, closed } = client.ask(CALL, 'Hello')
    const hints: unknown[] = []
    stream.on('headers', headers => { hints.push(headers[':status'], headers.link) })
    t.match(await closed, { status: 200, body: 'Hello world', trailers: { 'grpc-status': '0' } })
    t.strictSame(hints, [103, '</style.css>'])
  }
  t.equal(sessions.length, 1)
})

t.test('a GOAWAY below a call whose message has gone up ends it with 502; without one it goes once more; later ones have a new connection', async t => {
  for (const [method, body, status] of [['POST', 'Hello', 502], ['GET', undefined, 200]] as const) {
    let calls = 0
    const { port: upstream, sessions } = await http2Service(t, stream => {
      stream.resume()
      if (++calls === 2) return stream.session?.goaway(0, 1)
      stream.respond({ ':status': 200 })
      stream.end('Hello world')
    })
    const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`, { http2: true })
    const client = new Http2Client(t, port)
    const statuses: unknown[] = []
    for (let nth = 0; nth < 3; nth++) statuses.push((await client.ask({ ...CALL, ':method': method }, body).closed).status)
    t.strictSame(statuses, [200, status, 200])
    t.equal(sessions.length, 2)
  }
})

t.test('a call that cannot be sent to one target goes to the next; one that was sent fails once', async t => {
  const { port: alive, asked } = await greeter(t)
  const { port: down } = await http2Service(t, stream => {
    stream.respond({ ':status': 500 })
    stream.end()
  })
  const over = await gatewayOver(t, [`http://127.0.0.1:${await closedPort()}`, `http://127.0.0.1:${alive}`], { http2: true, balance: 'round-robin', ejection: false })
  for (let nth = 0; nth < 4; nth++) t.equal(String((await call(over.port, '/api/SayHello', { method: 'POST', body: 'Hello' })).body), 'Hello world')
  t.equal(asked.length, 4)
  const failing = await gatewayOver(t, [`http://127.0.0.1:${down}`, `http://127.0.0.1:${alive}`], { http2: true, balance: 'round-robin' }, { retry: { on: [500] } })
  const statuses = [await call(failing.port, '/api/SayHello', { method: 'POST', body: 'Hello' }), await call(failing.port, '/api/SayHello', { method: 'POST', body: 'Hello' })].map(({ status }) => status)
  t.strictSame(statuses.sort(), [200, 500], 'it may have been done')
})
