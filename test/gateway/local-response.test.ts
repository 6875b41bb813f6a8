import { once } from 'node:events'
import t from 'tap'
import { call } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2.js'
import { RawClient } from '../fixtures/peers.js'
import { named, startPlugin, startRoutes } from '../fixtures/routes.js'
import { rejection, webSocket } from '../fixtures/websockets.js'

// What a route responds itself, in place of a target.

const HTML = ' <!DOCTYPE html>\n<p>Bald zurück.'

for (const [mode, startGateway] of [['plugin', startPlugin], ['service', startRoutes]] as const) {
  t.test(`${mode}: a response that stands in the configuration`, async t => {
    const routes = [
      { prefix: '/text', respond: { status: 503, headers: { 'Retry-After': '600' }, body: 'Bald zurück.' } },
      { prefix: '/html', respond: { body: HTML } },
      { prefix: '/json', respond: { body: { a: [1, null], b: 'ü' } } },
      { prefix: '/type', respond: { headers: { 'Content-Type': 'image/svg+xml' }, body: '<svg/>' } },
      { prefix: '/empty', respond: {} },
      { prefix: '/no-content', respond: { status: 204 } }
    ]
    const { port, nextLine } = await startGateway(t, { routes })
    const expected = [
      ['/text/x?y', 503, 'text/plain; charset=utf-8', 'Bald zurück.'],
      ['/html', 200, 'text/html; charset=utf-8', HTML],
      ['/json', 200, 'application/json; charset=utf-8', '{"a":[1,null],"b":"ü"}'],
      ['/type', 200, 'image/svg+xml', '<svg/>'],
      ['/empty', 200, undefined, ''],
      ['/no-content', 204, undefined, '']
    ] as const
    for (const [path, status, type, body] of expected) {
      const line = nextLine()
      const response = await call(port, path)
      t.match(response, { status, headers: { 'content-type': type, 'content-length': status === 204 ? undefined : String(Buffer.byteLength(body)) } }, path)
      t.equal(response.body.toString(), body)
      t.match(await line, { status, url: path, route: path.replace('/x?y', ''), outcome: 'completed', level: 30, target: undefined })
    }
    t.equal((await call(port, '/text')).headers['retry-after'], '600')

    const { port: http2 } = await startGateway(t, { routes }, { http2: true })
    const session = new Http2Client(t, http2)
    for (const [path, status, type, body] of expected) {
      t.match(await session.ask({ ':path': path }).closed, { status, headers: { 'content-type': type }, body, ended: true }, `${path} over HTTP/2`)
    }
  })

  t.test(`${mode}: a HEAD has the head alone`, async t => {
    const routes = [{ prefix: '/text', respond: { body: 'text' } }, { prefix: '/empty', respond: {} }, { prefix: '/large', respond: { body: 'x'.repeat(200_000) } }]
    const { port } = await startGateway(t, { routes })
    const client = new RawClient(t, port).send('HEAD /text HTTP/1.1\r\nHost: x\r\n\r\nHEAD /empty HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    await once(client.socket, 'close')
    t.match(client.received, /^HTTP\/1\.1 200 OK\r\n(?:[\w-]+: .*\r\n)*content-length: 4\r\n(?:[\w-]+: .*\r\n)*\r\nHTTP\/1\.1 200 OK\r\n(?:[\w-]+: .*\r\n)*\r\n$/i)
    const { port: http2 } = await startGateway(t, { routes }, { http2: true })
    const session = new Http2Client(t, http2)
    for (const [path, length] of [['/text', '4'], ['/large', '200000']] as const) {
      t.match(await session.ask({ ':path': path, ':method': 'HEAD' }).closed, { status: 200, headers: { 'content-length': length }, body: '', ended: true, code: 0 })
    }
    t.equal((await session.ask({ ':path': '/large' }).closed).body.length, 200_000)
  })

  t.test(`${mode}: a redirect`, async t => {
    const { port, nextLine } = await startGateway(t, {
      routes: [
        { prefix: '/', redirect: { to: '/docs' } },
        { prefix: '/docs', target: await named(t, 'docs') },
        { prefix: '/old', redirect: { to: 'https://new.example/x?y', status: 308 } }
      ]
    })
    const line = nextLine()
    t.match(await call(port, '/x'), { status: 302, headers: { location: '/docs', 'content-length': '0', 'content-type': undefined } })
    t.match(await line, { status: 302, route: '/', outcome: 'completed' })
    t.match(await call(port, '/old', { method: 'POST', body: 'x' }), { status: 308, headers: { location: 'https://new.example/x?y' } })
    t.equal((await call(port, '/docs')).body.toString(), 'docs /docs')
  })

  t.test(`${mode}: policies decide before, and what is malformed is rejected`, async t => {
    const { port, nextLine } = await startGateway(t, {
      cors: { origin: ['https://app.example'] },
      routes: [{ prefix: '/text', respond: { body: 'text' }, rateLimit: { max: 1 } }]
    })
    const headers = { origin: 'https://app.example' }
    t.match(await call(port, '/text', { method: 'OPTIONS', headers: { ...headers, 'access-control-request-method': 'PUT' } }), { status: 204, headers: { 'access-control-allow-methods': /PUT/ } })
    t.match(await call(port, '/text', { headers }), { status: 200, headers: { 'access-control-allow-origin': 'https://app.example', 'x-ratelimit-remaining': '0' } })
    const line = nextLine()
    const limited = await call(port, '/text', { headers })
    t.match(limited, { status: 429, headers: { 'access-control-allow-origin': 'https://app.example' } })
    t.equal(limited.json().error.code, 'TOO_MANY_REQUESTS')
    t.match(await line, { status: 429, outcome: 'rejected', route: undefined })

    const { port: free } = await startGateway(t, { routes: [{ prefix: '/text', respond: { body: 'text' } }] })
    const client = new RawClient(t, free).send('POST /text HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\nGET /text HTTP/1.1\r\nHost: x\r\n\r\n')
    await client.closed
    t.match(client.received, /^HTTP\/1\.1 400 /)
    t.equal(client.received.match(/HTTP\/1\.1 \d/g)?.length, 1)
  })

  t.test(`${mode}: the body of a request is not waited for, and nothing in it is a request`, async t => {
    const { port } = await startGateway(t, { routes: [{ prefix: '/text', respond: { body: 'text' } }] })
    const client = new RawClient(t, port).send('POST /text HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nGET /text HTTP/1.1\r\nHost: x\r\n\r\n')
    await client.until('\r\n\r\ntext')
    client.socket.end()
    await client.closed
    t.match(client.received, /\r\nconnection: close\r\n/i)
    t.equal(client.received.match(/HTTP\/1\.1 /g)?.length, 1)

    const { port: http2 } = await startGateway(t, { routes: [{ prefix: '/text', respond: { body: 'text' } }] }, { http2: true })
    // Node's word on a field that HTTP/2 has not (RFC 9113 section 8.2.2).
    const warned = ({ name }: Error): void => { t.not(name, 'UnsupportedWarning') }
    process.on('warning', warned)
    t.teardown(() => process.off('warning', warned))
    const session = new Http2Client(t, http2)
    const { stream, closed } = session.begin({ ':path': '/text', ':method': 'POST', 'content-length': '1000' })
    stream.write('half')
    t.match(await closed, { status: 200, body: 'text', ended: true })
    t.match(await session.ask({ ':path': '/text' }).closed, { status: 200, body: 'text' }, 'and its connection goes on')
  })

  t.test(`${mode}: an upgrade gets the same response`, async t => {
    const { port } = await startGateway(t, { routes: [{ prefix: '/text', respond: { status: 503, body: 'text' } }, { prefix: '/old', redirect: { to: '/new' } }] })
    t.match(await rejection(webSocket(t, port, '/text')), { status: 503, body: 'text' })
    t.match(await rejection(webSocket(t, port, '/old')), { status: 302, headers: { location: '/new' } })
  })
}

t.test('hosts and methods choose among responses as among services', async t => {
  const { port } = await startRoutes(t, {
    routes: [
      { prefix: '/', target: await named(t, 'service'), methods: ['GET'] },
      { prefix: '/', respond: { status: 503, body: 'read only' } },
      { prefix: '/', redirect: { to: 'https://example.com' }, hosts: ['www.example.com'] }
    ]
  })
  t.equal((await call(port, '/x')).body.toString(), 'service /x')
  t.match(await call(port, '/x', { method: 'PUT' }), { status: 503 })
  t.match(await call(port, '/x', { headers: { host: 'www.example.com' } }), { status: 302 })
})
