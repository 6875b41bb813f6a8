import { once } from 'node:events'
import { get } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { createBrotliDecompress, createGunzip, createGzip, createInflate, brotliCompressSync, deflateSync, gunzipSync, gzipSync } from 'node:zlib'
import t from 'tap'
import { call, gatewayTo } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway } from '../fixtures/http2.js'
import { before } from '../fixtures/parity.js'
import { rawService, service } from '../fixtures/peers.js'

// docs/parity: responses, and what may be done to them on their way.

const JSON_TYPE = 'application/json; charset=utf-8'

t.test('status, fields and body arrive as the service sent them, a body of a 205 as well', async t => {
  const { ask } = await before(t, {}, {
    handler: (_request, response) => response.writeHead(205, { 'content-type': 'text/plain', 'x-my-header': 'hello!' }).end('hello world')
  })
  const { status, headers, body } = await ask('/api/x')
  t.match({ status, headers }, { status: 205, headers: { 'content-type': 'text/plain', 'x-my-header': 'hello!' } })
  t.equal(String(body), 'hello world')
})

t.test('a status that is none in HTTP is a 502', async t => {
  const { port: upstream } = await rawService(t, socket => socket.once('data', () => socket.end('HTTP/1.1 888 Odd\r\nContent-Length: 3\r\n\r\nodd')))
  const { port } = await gatewayTo(t, upstream)
  const response = await call(port, '/api/x')
  t.equal(response.status, 502)
  t.match(response.json(), { success: false, error: { code: 'BAD_GATEWAY' } })
})

t.test('server-sent events arrive one by one, and a stream of them lives while it says something', async t => {
  const { port: upstream } = await service(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    let nth = 0
    const timer = setInterval(() => { if (++nth === 8) { clearInterval(timer); response.end() } else response.write(`data: ${nth}\n\n`) }, 50)
    response.once('close', () => clearInterval(timer))
  })
  const { port } = await gatewayTo(t, upstream, { timeout: 200 })
  const [response]: IncomingMessage[] = await once(get({ port, host: '127.0.0.1', path: '/api/events', agent: false }), 'response')
  const events: string[] = []
  if (response !== undefined) for await (const chunk of response) events.push(String(chunk))
  t.strictSame(events, Array.from({ length: 7 }, (_, nth) => `data: ${nth + 1}\n\n`))
})

t.test('an event stream that is silent for longer than timeout is broken off, as any response', async t => {
  const { port: upstream } = await service(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: 1\n\n')
  })
  const { port, nextLine } = await gatewayTo(t, upstream, { timeout: 100 })
  const line = nextLine()
  await t.rejects(call(port, '/api/events'), { code: 'ECONNRESET' })
  t.match(await line, { outcome: 'timeout', status: 200 })
})

t.test('a redirect is the client\'s to follow, and one that leads elsewhere stays as it is', async t => {
  const { ask, target } = await before(t, { stripPrefix: true }, {
    handler: ({ url }, response) => response.writeHead(Number(url?.slice(1, 4)), { location: decodeURIComponent(String(url?.slice(5))) }).end()
  })
  const location = async (status: number, to: string): Promise<unknown> => {
    const response = await ask(`/api/${status}/${encodeURIComponent(to)}`)
    t.equal(response.status, status)
    return response.headers.location
  }
  t.equal(await location(302, 'https://fastify.dev'), 'https://fastify.dev')
  for (const status of [201, 301, 302, 303, 307, 308]) {
    t.equal(await location(status, `${target}/there?x#y`), '/api/there?x#y')
    t.equal(await location(status, '/something'), '/api/something')
    for (const other of ['http://some-other/', 'http://127.0.0.1:1/', target.replace('127.0.0.1', 'localhost.example')]) t.equal(await location(status, other), other)
  }
  t.equal(await location(200, `${target}/`), `${target}/`, 'with another status it says nothing of where to go')
})

t.test('a Location becomes a path: host and scheme are those that the client asked for, over HTTP/2 as well', async t => {
  const { port: upstream } = await service(t, ({ socket }, response) => response.writeHead(301, { location: `http://127.0.0.1:${socket.localPort}/x` }).end())
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`)
  t.equal((await new Http2Client(t, port).ask({ ':path': '/api/x', ':authority': 'ext-auto.com' }).closed).headers.location, '/api/x')
  const off = await gatewayTo(t, upstream, { rewriteLocation: false })
  t.equal((await call(off.port, '/api/x')).headers.location, `http://127.0.0.1:${upstream}/x`)
})

t.test('a hook makes quite another body, in another type and of any characters', async t => {
  const { ask } = await before(t, {
    rewriteResponseHeaders: headers => { headers['content-type'] = JSON_TYPE },
    transformResponse: async function * (stream) {
      let text = ''
      for await (const chunk of stream) text += String(chunk)
      yield JSON.stringify({ was: text, favorite: '叉燒包' })
    }
  }, {
    handler: (_request, response) => {
      response.writeHead(200, { 'content-type': 'image/png', trailer: 'x-stream-error', 'set-cookie': 'cookie=monster; Path=/', 'cache-control': 'private, max-age=60' })
      for (const part of ['P', 'N', 'G']) response.write(part)
      response.addTrailers({ 'x-stream-error': 'none' })
      response.end()
    }
  })
  const { status, headers, body } = await ask('/api/image')
  t.match({ status, headers }, { status: 200, headers: { 'content-type': JSON_TYPE, 'cache-control': 'private, max-age=60', 'set-cookie': ['cookie=monster; Path=/'] } })
  t.equal(headers.trailer, undefined)
  t.strictSame(JSON.parse(String(body)), { was: 'PNG', favorite: '叉燒包' })
})

t.test('a coded body passes as it is; a hook may decode it', async t => {
  const text = '{"decoded":true}'
  for (const [coding, coded, decoder] of [['br', brotliCompressSync(text), createBrotliDecompress], ['gzip', gzipSync(text), createGunzip], ['deflate', deflateSync(text), createInflate]] as const) {
    const handler: Parameters<typeof service>[1] = (_request, response) => response.writeHead(200, { 'content-encoding': coding }).end(coded)
    const plain = await (await before(t, {}, { handler })).ask('/api/x')
    t.equal(plain.headers['content-encoding'], coding)
    t.ok(plain.body.equals(coded))
    const decoded = await (await before(t, {
      rewriteResponseHeaders: headers => { delete headers['content-encoding'] },
      transformResponse: stream => stream.pipe(decoder())
    }, { handler })).ask('/api/x')
    t.equal(decoded.headers['content-encoding'], undefined)
    t.equal(String(decoded.body), text)
  }
})

t.test('a hook may compress a body', async t => {
  const { ask } = await before(t, {
    rewriteResponseHeaders: headers => { headers['content-encoding'] = 'gzip' },
    transformResponse: stream => stream.pipe(createGzip())
  }, { handler: (_request, response) => response.end('hello '.repeat(1000)) })
  const { headers, body } = await ask('/api/x')
  t.equal(headers['content-encoding'], 'gzip')
  t.equal(String(gunzipSync(body)), 'hello '.repeat(1000))
})

t.test('a hook leaves alone what has no body, whatever coding it names', async t => {
  const { ask } = await before(t, { transformResponse: stream => stream.pipe(createGunzip()) }, {
    handler: ({ url }, response) => response.writeHead(url === '/api/none' ? 204 : 304, { 'content-encoding': 'gzip', 'cache-control': 'no-cache', etag: '"123"' }).end()
  })
  t.match(await ask('/api/none'), { status: 204, headers: { 'cache-control': 'no-cache' } })
  t.match(await ask('/api/not-modified'), { status: 304, headers: { etag: '"123"' } })
  const head = await before(t, { transformResponse: stream => stream.pipe(createGunzip()) })
  const { status, body } = await head.ask('/api/x', { method: 'HEAD' })
  t.strictSame([status, body.length], [200, 0])
})

t.test('a response of one client is that client\'s alone, one after another and many at once', async t => {
  const { ask } = await before(t, { stripPrefix: true }, { handler: ({ url }, response) => response.end(url) })
  for (let nth = 0; nth < 200; nth++) t.equal(String((await ask(`/api/${nth}`)).body), `/${nth}`)
  const many = Array.from({ length: 300 }, (_, nth) => `/many/${nth}`)
  t.strictSame(await Promise.all(many.map(async path => String((await ask(`/api${path}`)).body))), many)
})
