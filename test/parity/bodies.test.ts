import { once } from 'node:events'
import { Agent, METHODS, request } from 'node:http'
import t from 'tap'
import { gatewayTo } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway, http2Service } from '../fixtures/http2.js'
import { before } from '../fixtures/parity.js'
import { RawClient, rawService, received, service } from '../fixtures/peers.js'

// docs/parity: the bodies of requests.

const FORM = '--BB\r\nContent-Disposition: form-data; name="key"\r\n\r\nvalue\r\n--BB\r\nContent-Disposition: form-data; name="file"; filename="file.txt"\r\n\r\n\r\n--BB--\r\n'
const BODIES: [type: string, body: string][] = [
  ['application/json', '{\n  "hello": "world"\n}'],
  ['application/json; charset=utf-8', '{"foo":"bar","doubleByte":"文"}'],
  ['application/json ; charset=utf-8', '"{\\"method\\":\\"invalid_method\\"}"'],
  ['application/json', '{ this is none'],
  ['application/json', '{}'],
  ['application/vnd.api+json', '{"a":1}'],
  ['application/x-www-form-urlencoded', 'some=info&another=detail&foo=%20+'],
  ['application/x-www-form-urlencoded+json', '{"a":1}'],
  ['multipart/form-data; boundary=BB', FORM],
  ['multipart/form-data; boundary="BB"', FORM],
  ['text/plain', 'this is plain text'],
  ['text/event-stream', 'data: test message\nevent: custom\ndata: another line\n\n'],
  ['application/octet-stream', '\0\x01some=info'],
  ['application/x-nobody-knows', 'x'],
  ['no/type/at all', 'x']
]

t.test('a body arrives byte for byte, whatever it says it is, in a host whose parsers would read it', async t => {
  const { see } = await before(t, { stripPrefix: true }, {
    build: app => {
      app.addContentTypeParser(['multipart/form-data', 'text/event-stream', 'application/x-www-form-urlencoded'], { parseAs: 'string' }, (_request, _body, done) => done(new Error('a parser of the host\'s was asked')))
      app.post('/own', async ({ body }) => body)
    }
  })
  for (const [type, body] of BODIES) {
    const got = await see('/api/x', { method: 'POST', headers: { 'content-type': type, 'content-length': String(Buffer.byteLength(body)) }, body })
    t.match(got, { method: 'POST', body, headers: { 'content-type': type, 'content-length': String(Buffer.byteLength(body)) } }, type)
  }
  const untyped = await see('/api/x', { method: 'POST', body: 'x' })
  t.strictSame([untyped.headers['content-type'], untyped.body], [undefined, 'x'])
})

t.test('also to a service that speaks HTTP/2', async t => {
  const { port: upstream } = await http2Service(t, async (stream, headers) => {
    const chunks = await stream.toArray()
    stream.respond({ ':status': 200, 'x-type': headers['content-type'], 'x-method': headers[':method'] })
    stream.end(Buffer.concat(chunks))
  })
  const { ask } = await before(t, { target: `http://127.0.0.1:${upstream}`, http2: true })
  for (const [type, body] of BODIES) {
    const { headers, body: got } = await ask('/api/x', { method: 'PATCH', headers: { 'content-type': type }, body })
    t.strictSame([headers['x-type'], headers['x-method'], String(got)], [type, 'PATCH', body])
  }
  const { headers, status } = await ask('/api/x', { method: 'DELETE' })
  t.strictSame([status, headers['x-method']], [200, 'DELETE'])
})

t.test('a method without a body gets no framing, and one in chunks keeps its own', async t => {
  const heads: string[] = []
  const { port: upstream } = await rawService(t, async socket => {
    heads.push(await received(socket, '\r\n\r\n'))
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
  })
  const { port } = await gatewayTo(t, upstream)
  for (const method of ['DELETE', 'OPTIONS', 'GET']) {
    const client = new RawClient(t, port).send(`${method} /api/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    await client.closed
    t.notMatch(heads.at(-1), /content-length|transfer-encoding/i, method)
  }
  const chunked = new RawClient(t, port).send('DELETE /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n')
  await chunked.closed
  t.match(heads.at(-1), /\r\nTransfer-Encoding: chunked\r\n/i)
  t.notMatch(heads.at(-1), /content-length/i)
})

t.test('QUERY is forwarded with its query and its body, and its responses as they are', { skip: METHODS.includes('QUERY') ? false : 'this Node knows no QUERY' }, async t => {
  const { see, ask } = await before(t, { stripPrefix: true, methods: ['QUERY'], headers: { request: { set: { 'x-custom': 'yes' } } } })
  const query = '?select=%7B%22a%22%3A1%7D&q=a%20b'
  t.match(await see(`/api/x${query}`, { method: 'QUERY', headers: { 'content-type': 'application/json' }, body: '{"limit":10}' }), {
    method: 'QUERY', url: `/x${query}`, body: '{"limit":10}', headers: { 'content-type': 'application/json', 'x-custom': 'yes' }
  })
  t.equal((await ask('/api/x', { method: 'GET' })).status, 405)
  const typed = { method: 'QUERY', headers: { 'content-type': 'text/plain' }, body: 'x' }
  for (const [status, headers] of [[204, {}], [400, {}], [415, { 'accept-query': 'application/json' }], [405, { allow: 'GET, HEAD' }], [500, {}]] as const) {
    const service = await before(t, {}, { handler: (request, response) => request.resume().on('end', () => response.writeHead(status, headers).end()) })
    t.match(await service.ask('/api/x', typed), { status, headers })
  }
  t.equal((await ask('/api/x', { method: 'QUERY', body: 'x' })).status, 400, 'without a type it is none (RFC 10008 section 2)')
})

t.test('a response before the body is whole closes the connection, one after it leaves it open', async t => {
  const { port: upstream } = await service(t, (request, response) => {
    if (request.url === '/early') response.end('early')
    else request.resume().on('end', () => response.end('complete'))
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port).send('POST /api/early HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nContent-Length: 1048576\r\nConnection: keep-alive\r\n\r\na')
  await client.until('early')
  t.match(client.received, /^HTTP\/1\.1 200 OK\r\n/)
  t.match(client.received, /\r\nconnection: close\r\n/i)
  client.socket.end()
  await client.closed

  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  for (const isReused of [false, true]) {
    const asked = request({ port, host: '127.0.0.1', agent, method: 'POST', path: '/api/x', headers: { 'content-type': 'application/octet-stream' } })
    asked.end('body')
    const [response] = await once(asked, 'response')
    t.equal(String(Buffer.concat(await response.toArray())), 'complete')
    t.equal(asked.reusedSocket, isReused)
  }
})

t.test('what Expect: 100-continue asks for changes nothing of what hooks and rules do', async t => {
  const { see } = await before(t, { headers: { request: { set: { 'x-rule': 'rule' } } }, rewriteRequestHeaders: headers => { headers['x-hook'] = 'hook' } })
  const { headers, body } = await see('/api/x', { method: 'POST', headers: { expect: '100-continue', 'content-length': '1025' }, body: 'x'.repeat(1025) })
  t.match(headers, { 'x-rule': 'rule', 'x-hook': 'hook', 'content-length': '1025' })
  t.equal(body.length, 1025)
})

t.test('a field of a form cannot become another: no body is taken apart or put together', async t => {
  const injected = `user=${encodeURIComponent('alice\r\n--BB\r\nContent-Disposition: form-data; name="role"\r\n\r\nadmin\r\n--BB--')}`
  const { see } = await before(t, { headers: { request: { set: { 'content-type': 'multipart/form-data; boundary=BB' } } } })
  const { body, headers } = await see('/api/x', { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: injected })
  t.equal(body, injected)
  t.equal(headers['content-type'], 'multipart/form-data; boundary=BB')
})

t.test('over HTTP/2 a POST reaches a service of HTTP/1 as it came', async t => {
  const { target } = await before(t)
  const { port } = await http2Gateway(t, target)
  const { body } = await new Http2Client(t, port).ask({ ':method': 'POST', ':path': '/api/x?y', 'content-type': 'application/json; charset=utf-8' }, '{ "hello": "world" }').closed
  t.match(JSON.parse(body), { method: 'POST', url: '/x?y', body: '{ "hello": "world" }', headers: { 'content-type': 'application/json; charset=utf-8' } })
})
