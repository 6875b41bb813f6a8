import { once } from 'node:events'
import type { ServerHttp2Stream } from 'node:http2'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { call, gatewayTo } from '../fixtures/gateway.js'
import type { Started } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway, http2Service } from '../fixtures/http2.js'
import type { Http2Service } from '../fixtures/http2.js'
import { gone, RawClient } from '../fixtures/peers.js'

const INTERNAL_ERROR = 2
const REFUSED_STREAM = 7
const CANCEL = 8

/** A service that speaks HTTP/2 behind a gateway for HTTP/1. */
async function behind (t: Test, onStream: (stream: ServerHttp2Stream, path: string, raw: string[]) => void, more = {}): Promise<Started & { service: Http2Service }> {
  const service = await http2Service(t, (stream, headers, raw) => onStream(stream, String(headers[':path']), raw))
  return { ...await gatewayTo(t, service.port, { http2: true, ...more }), service }
}

t.test('a client that speaks HTTP/1 and a service that speaks HTTP/2', async t => {
  let raw: string[] = []
  const { port, nextLine, service } = await behind(t, (stream, _path, fields) => {
    raw = fields
    stream.respond({ ':status': 201, 'set-cookie': ['a', 'b'], 'x-two': ['1', '2'] })
    stream.pipe(stream)
  })
  const line = nextLine()
  const { status, reason, headers, body } = await call(port, '/api/x?y', { method: 'POST', headers: ['Host', 'app.example', 'Connection', 'x-hop', 'X-Hop', '1', 'Cookie', 'c', 'Content-Length', '5'], body: 'hello' })
  t.match({ status, reason, headers, body: String(body) }, {
    status: 201, reason: '', headers: { 'set-cookie': ['a', 'b'], 'x-two': '1, 2', via: /^2 gateway-/ }, body: 'hello'
  })
  const via = raw.indexOf('via')
  t.strictSame(raw.slice(0, via), [
    ':method', 'POST', ':path', '/x?y', ':authority', `127.0.0.1:${service.port}`, ':scheme', 'http', 'cookie', 'c', 'content-length', '5',
    'x-forwarded-for', '127.0.0.1', 'x-forwarded-proto', 'http', 'x-forwarded-host', 'app.example', 'x-real-ip', '127.0.0.1'
  ])
  t.match(raw[via + 1], /^1\.1 gateway-/)
  t.match(await line, { status: 201, outcome: 'completed', bytes: 5, target: `http://127.0.0.1:${service.port}` })
})

t.test('HEAD, 204 and a response of a head alone', async t => {
  const { port } = await behind(t, (stream, path) => {
    if (path === '/alone') stream.respond({ ':status': 200, 'x-alone': '1' }, { endStream: true })
    else if (path === '/204') stream.respond({ ':status': 204 })
    else stream.respond({ ':status': 200, 'content-length': 1000 })
  })
  t.match(await call(port, '/api/head', { method: 'HEAD' }), { status: 200, headers: { 'content-length': '1000' } })
  t.equal((await call(port, '/api/204')).status, 204)
  const alone = await call(port, '/api/alone')
  t.match({ ...alone, body: String(alone.body) }, { status: 200, headers: { 'x-alone': '1' }, body: '' })
})

t.test('chunks and trailers go up, interim responses and trailers come down', async t => {
  let trailers = {}
  const { port } = await behind(t, stream => {
    stream.on('trailers', given => { trailers = given })
    stream.additionalHeaders({ ':status': 103, link: '</a>' })
    stream.respond({ ':status': 200 }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-down': '1' }))
    stream.pipe(stream)
  })
  const client = new RawClient(t, port)
  client.send('POST /api/x HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: TE\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Up: 1\r\n\r\n')
  const text = await client.until('\r\n0\r\nx-down: 1\r\n\r\n')
  t.match(text, /^HTTP\/1\.1 103 Early Hints\r\nlink: <\/a>\r\n\r\nHTTP\/1\.1 200 \r\n/)
  t.match(text, '\r\n5\r\nhello\r\n')
  t.match(trailers, { 'x-up': '1' })
})

t.test('a stream that the service rejected is sent again where that changes nothing', async t => {
  const paths: string[] = []
  const { port } = await behind(t, (stream, path) => {
    paths.push(path)
    if (path === '/always' || paths.filter(one => one === path).length === 1) {
      stream.close(REFUSED_STREAM)
    } else {
      stream.respond({ ':status': 200 })
      stream.end('ok')
    }
  })
  t.equal((await call(port, '/api/once')).status, 200)
  t.equal((await call(port, '/api/post', { method: 'POST', body: 'x' })).status, 502)
  const always = await call(port, '/api/always')
  t.equal(always.status, 502)
  t.match(always.json(), { error: { code: 'BAD_GATEWAY', message: 'Upstream service rejected the request before it responded' } })
  t.strictSame(paths, ['/once', '/once', '/post', '/always', '/always'])
})

t.test('a response that breaks off is broken off', async t => {
  const { port, nextLine } = await behind(t, stream => {
    stream.respond({ ':status': 200, 'content-length': 10 })
    stream.write('hello', () => setImmediate(() => stream.close(INTERNAL_ERROR)))
  })
  const line = nextLine()
  await t.rejects(call(port, '/api/x'), { code: 'ECONNRESET' })
  t.match(await line, { status: 200, outcome: 'upstream error', bytes: 5 })
})

t.test('a client that goes away, a body that is too large and a silent service cancel the stream', async t => {
  const codes: Promise<number | undefined>[] = []
  let reached = (): void => {}
  const { port } = await behind(t, stream => {
    codes.push(gone(stream).then(() => stream.rstCode))
    stream.resume()
    reached()
  }, { maxBodySize: 10, timeout: 1000 })
  const isReached = new Promise<void>(resolve => { reached = resolve })
  const client = new RawClient(t, port)
  client.send('GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n')
  await isReached
  client.socket.destroy()
  t.equal(await codes[0], CANCEL)

  t.equal((await call(port, '/api/x', { method: 'POST', headers: { 'transfer-encoding': 'chunked' }, body: 'x'.repeat(11) })).status, 413)
  t.equal((await call(port, '/api/x')).status, 504)
  while (codes.length < 3) await wait(5)
  t.strictSame(await Promise.all(codes), [CANCEL, CANCEL, CANCEL])
})

t.test('a response that is whole is not broken by what the service says of the rest of the upload', async t => {
  let stream: ServerHttp2Stream | undefined
  const { port: upstream } = await http2Service(t, given => {
    stream = given
    given.resume()
    given.respond({ ':status': 413 })
    given.end('x'.repeat(5000))
  })
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`, { http2: true })
  // The response does not fit into the client's window, so that it waits at the gateway.
  const client = new Http2Client(t, port, { settings: { initialWindowSize: 1000 } })
  const asked = client.session.request({ ':path': '/api/x', ':method': 'POST' }, { endStream: false })
  await once(asked, 'readable')
  const session = stream?.session
  stream?.close(INTERNAL_ERROR)
  await new Promise(resolve => session?.ping(resolve))
  let body = ''
  for await (const chunk of asked) body += String(chunk)
  t.equal(body, 'x'.repeat(5000))
  t.equal(asked.rstCode, 0)
})

t.test('fields that a host set on the response itself go out once', async t => {
  const { port: upstream } = await http2Service(t, stream => stream.respond({ ':status': 200 }, { endStream: true }))
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`, { http2: true }, {
    prepare: app => {
      app.addHook('onRequest', async (_request, reply) => { reply.raw.setHeader('x-host', '1') })
    }
  })
  t.match(await new Http2Client(t, port).ask({ ':path': '/api/x' }).closed, { headers: { 'x-host': '1' }, ended: true })
})
