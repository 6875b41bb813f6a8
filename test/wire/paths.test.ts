import { once } from 'node:events'
import { connect } from 'node:http2'
import t from 'tap'
import type { Test } from 'tap'
import streamGateway from '../../src/index.js'
import { compileReplacement } from '../../src/config/index.js'
import { compileRewrite } from '../../src/proxy/path.js'
import { routableTarget } from '../../src/server/arrival.js'
import { call, gatewayTo, start } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway } from '../fixtures/http2.js'
import { RawClient, rawService, service } from '../fixtures/peers.js'
import { ServiceProcess } from '../fixtures/process.js'
import { startService } from '../fixtures/service.js'
import { fixture, pem } from '../fixtures/tls.js'
import { agreed, echo, webSocket, webSocketService } from '../fixtures/websockets.js'

/** Octets that are no UTF-8: Latin-1, a part of a letter, and what only looks like an overlong one. */
const OCTETS = ['/caf%E9', '/%e9t%E9?x=%E9', '/a%C3', '/a%C3%A9%ff%20b', '/%C0%E9', '/%ff/x']
const PLAIN = ['/caf%C3%A9', '/%E2%82%AC', '/a%20b%2Fc']
const CONTROL = ['/a%5Cb', '/a%0Ab', '/a%0db', '/a%00b']
const OUTSIDE = ['/..%5c', '/a%5c..%5Cb', '/%2e%2e/x', '/%C0%AE%c0%ae/', '/%c0%af', '/%e0%80%af', '/a\\b']

async function urls (t: Test): Promise<{ port: number, seen: string[] }> {
  const seen: string[] = []
  const { port } = await service(t, (request, response) => {
    seen.push(String(request.url))
    response.end(request.url)
  })
  return { port, seen }
}

t.test('octets that are not UTF-8 travel unchanged', async t => {
  const { port: upstream } = await urls(t)
  const plugin = await gatewayTo(t, upstream, { cors: { origin: 'https://app.example' } })
  const own = await startService(t, {}, `http://127.0.0.1:${upstream}`)
  for (const path of [...OCTETS, ...PLAIN]) {
    const [line, response] = await Promise.all([plugin.nextLine(), call(plugin.port, `/api${path}`, { headers: { origin: 'https://app.example' } })])
    t.equal(String(response.body), path)
    t.equal(response.headers['access-control-allow-origin'], 'https://app.example')
    t.equal(line.url, `/api${path}`, 'and are logged so')
    t.equal(String((await call(own.port, `/api${path}`)).body), `/api${path}`)
  }
  const client = new RawClient(t, plugin.port)
  client.send('GET http://public.example/api/caf%E9 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  await client.closed
  t.match(client.received, /\r\n\r\n\/caf%E9$|\r\n\/caf%E9\r\n/, 'in absolute-form, too')
})

t.test('over HTTP/2', async t => {
  const { port: upstream } = await urls(t)
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`)
  const client = new Http2Client(t, port)
  for (const path of OCTETS) t.equal((await client.ask({ ':path': `/api${path}` }).closed).body, path)
  t.equal((await client.ask({ ':path': '/api/%zz' }).closed).status, 400)
})

t.test('as the service runs it', async t => {
  const { port: upstream } = await urls(t)
  const gateway = new ServiceProcess(t, { routes: [{ prefix: '/', target: `http://127.0.0.1:${upstream}` }] })
  const port = await gateway.listening()
  t.equal(String((await call(port, '/caf%E9')).body), '/caf%E9')
  t.match((await call(port, '/caf%zz')).json(), { error: { code: 'BAD_REQUEST' } })
})

t.test('what a policy rejects is logged as it was sent', async t => {
  const { port: upstream } = await urls(t)
  const { port, nextLine } = await gatewayTo(t, upstream, {}, { rateLimit: { max: 1 } })
  for (const status of [200, 429]) {
    const [line, response] = await Promise.all([nextLine(), call(port, '/api/caf%E9')])
    t.equal(response.status, status)
    t.equal(line.url, '/api/caf%E9')
  }
})

t.test('a host\'s own routes are the host\'s, also with two gateways on one server', async t => {
  const { port: upstream } = await urls(t)
  const { port } = await start(t, async app => {
    app.get('/own/:name', async request => request.url)
    for (const prefix of ['/one', '/two']) await app.register(streamGateway, { routes: [{ prefix, target: `http://127.0.0.1:${upstream}` }] })
  })
  t.equal((await call(port, '/own/caf%E9')).status, 400)
  t.equal(String((await call(port, '/own/caf%C3%A9')).body), '/own/caf%C3%A9')
  for (const path of ['/one/caf%E9', '/two/caf%E9']) t.equal(String((await call(port, path)).body), path)
})

t.test('a tunnel is found by such a path', async t => {
  let url: string | undefined
  const { port: upstream } = await webSocketService(t, (socket, request) => {
    url = request.url
    echo(socket)
  })
  const { port } = await gatewayTo(t, upstream)
  t.ok(await agreed(webSocket(t, port, '/api/caf%E9')))
  t.equal(url, '/caf%E9')
})

t.test('an upgrade that is an ordinary request keeps such a path', async t => {
  const { port: upstream } = await urls(t)
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port)
  client.send('GET /api/caf%E9 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n')
  await client.until('/caf%E9')
})

t.test('encoded control characters and backslashes pass where the route says so, and never lead outside', async t => {
  const { port: upstream } = await urls(t)
  const careful = await gatewayTo(t, upstream)
  const open = await gatewayTo(t, upstream, { encodedCharacters: 'allow' })
  for (const path of CONTROL) {
    t.match((await call(careful.port, `/api${path}`)).json(), { error: { code: 'BAD_REQUEST' } }, path)
    t.equal(String((await call(open.port, `/api${path}`)).body), path)
  }
  const http2 = await http2Gateway(t, `http://127.0.0.1:${upstream}`, { encodedCharacters: 'allow' })
  t.equal((await new Http2Client(t, http2.port).ask({ ':path': '/api/a%5Cb' }).closed).body, '/a%5Cb')
  for (const { port } of [careful, open]) {
    for (const path of OUTSIDE) t.equal((await call(port, `/api${path}`)).status, 400, path)
  }
  for (const pathRewrite of [undefined, { pattern: '^/api', replacement: '/x' }, { pattern: '(a)', replacement: '$1' }]) {
    t.equal(compileRewrite('/api', pathRewrite, compileReplacement)('/api/%5C'), undefined)
    t.type(compileRewrite('/api', pathRewrite, compileReplacement, true)('/api/%5C'), 'string')
    t.equal(compileRewrite('/api', pathRewrite, compileReplacement, true)('/api/..%5C'), undefined)
  }
})

t.test('what the router is given', async t => {
  t.equal(routableTarget('/caf%E9/%C3%A9?%E9'), '/caf%C3%A9/%C3%A9?%E9')
  t.equal(routableTarget('/%zz%41%'), '/%25zz%41%25', 'a percent sign that encodes nothing is itself')
})

t.test('a request target is ASCII over HTTP/2, as it is over HTTP/1', async t => {
  const { port: upstream, seen } = await urls(t)
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`)
  const client = new Http2Client(t, port)
  for (const path of ['/api/caf\xe9', '/api/x?\xe9', '/api/%E9\xff']) {
    const { status, body } = await client.ask({ ':path': path }).closed
    t.equal(status, 400, path)
    t.match(body, '"BAD_REQUEST"')
  }
  t.strictSame(seen, [])
})

/** The gateway with the service's own words for what is not HTTP. */
async function wire (t: Test): Promise<{ send (bytes: string): Promise<string>, seen: string[] }> {
  const { port: upstream, seen } = await urls(t)
  const gateway = new ServiceProcess(t, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }] })
  const port = await gateway.listening()
  const send = async (bytes: string): Promise<string> => {
    const client = new RawClient(t, port)
    client.send(bytes)
    await client.closed
    return client.received
  }
  return { send, seen }
}

t.test('another protocol than HTTP is 400, and an unknown method 501', async t => {
  const { send, seen } = await wire(t)
  for (const [line, status, code] of [
    ['GET /api/x RTSP/1.0', 400, 'BAD_REQUEST'], ['POST /api/x RTSP/1.0', 400, 'BAD_REQUEST'], ['OPTIONS /api/x   RTSP/1.0', 400, 'BAD_REQUEST'],
    ['SOURCE /api/x ICE/1.0', 400, 'BAD_REQUEST'], ['GET /api/x ICE/1.0', 400, 'BAD_REQUEST'], ['GET /nowhere RTSP/1.0', 400, 'BAD_REQUEST'],
    ['DESCRIBE /api/x RTSP/1.0', 400, 'BAD_REQUEST'], ['GET /api/x HTTP/1.3', 505, 'HTTP_VERSION_NOT_SUPPORTED'],
    ['FOO /api/x HTTP/1.1', 501, 'NOT_IMPLEMENTED'], ['get /api/x HTTP/1.1', 501, 'NOT_IMPLEMENTED'], ['GETX /api/x HTTP/1.0', 501, 'NOT_IMPLEMENTED'],
    ['FOO', 400, 'BAD_REQUEST'], ['FOO /api/x', 400, 'BAD_REQUEST'], ['F(O /api/x HTTP/1.1', 400, 'BAD_REQUEST']
  ] as const) {
    const text = await send(`${line}\r\nHost: x\r\n\r\n`)
    t.match(text, new RegExp(`^HTTP/1\\.1 ${status} [^]*\\r\\nConnection: close\\r\\n[^]*"code":"${code}"`, 'i'), line)
    t.equal(text.match(/^HTTP\/1\.1 /gm)?.length, 1)
  }
  for (const version of ['1.1', '1.0']) t.match(await send(`GET /api/x HTTP/${version}\nHost: x\r\n\r\n`), /^HTTP\/1\.1 400 [^]*"BAD_REQUEST"/, 'a bare LF')
  t.strictSame(seen, [])
  t.match(await send('GET /api/x HTTP/1.0\r\nHost: x\r\n\r\n'), /^HTTP\/1\.1 200 /)
  t.match(await send('SOURCE /api/x HTTP/1.0\r\nHost: x\r\n\r\n'), /^HTTP\/1\.1 200 /)
  t.match(await send('GET /api/x HTTP/1.1\r\nHost: x\r\n\r\nFOO /api/x HTTP/1.1\r\nHost: x\r\n\r\n'), /^HTTP\/1\.1 200 [^]*HTTP\/1\.1 501 /, 'behind another request')
})

t.test('only the first request of HTTP/1.0 on a connection is looked at: the others are thrown away', async t => {
  const { send, seen } = await wire(t)
  const one = 'GET /api/x HTTP/1.0\r\nHost: x\r\n\r\n'
  t.equal((await send(one.repeat(50))).match(/HTTP\/1\.1 \d+/g)?.length, 1)
  t.strictSame(seen, ['/api/x'])
})

t.test('an unknown method over HTTP/2', async t => {
  const { port: upstream, seen } = await urls(t)
  const tls = { cert: fixture('localhost.pem'), key: fixture('localhost.key') }
  const gateway = new ServiceProcess(t, { server: { tls, http2: true }, routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }] })
  const [, port] = await gateway.until(/listening at https:\/\/127\.0\.0\.1:(\d+)/)
  const session = connect(`https://localhost:${port}`, { ca: pem('ca.pem') })
  t.teardown(() => session.destroy())
  for (const path of ['/api/x', '/nowhere']) {
    const stream = session.request({ ':path': path, ':method': 'FOO' })
    const [head] = await once(stream, 'response')
    t.equal(head[':status'], 501)
    t.match(JSON.parse((await stream.toArray()).join('')), { success: false, error: { code: 'NOT_IMPLEMENTED' }, requestId: /./ })
    t.match(await gateway.until(new RegExp(`"method":"FOO","url":"${path}".*`)), [/"status":501/])
  }
  const plugin = await http2Gateway(t, `http://127.0.0.1:${upstream}`)
  t.equal((await new Http2Client(t, plugin.port).ask({ ':path': '/api/x', ':method': 'FOO' }).closed).status, 501, 'as a plugin')
  t.strictSame(seen, [])
})

t.test('a status that is none is 502, from either kind of service', async t => {
  for (const status of [600, 777, 999]) {
    const { port: upstream } = await rawService(t, socket => {
      socket.on('data', () => socket.write(`HTTP/1.1 ${status} Odd\r\nContent-Length: 0\r\n\r\n`))
    })
    const { port } = await gatewayTo(t, upstream)
    t.match((await call(port, '/api/x')).json(), { error: { code: 'BAD_GATEWAY' } })
    const { port: http2 } = await http2Gateway(t, `http://127.0.0.1:${upstream}`)
    t.equal((await new Http2Client(t, http2).ask({ ':path': '/api/x' }).closed).status, 502)
    // Node would not write one. RFC 9113 section 4.1: a head in one frame, by itself; RFC 7541 section 6.2.2: `:status` is the eighth name.
    const { port: odd } = await rawService(t, socket => {
      socket.write(frame(4, 0, 0))
      socket.on('data', chunk => {
        // eslint-disable-next-line no-control-regex -- the head of its HEADERS frame
        if (/\x01[\x05\x25]\0\0\0\x01/.test(chunk.toString('latin1'))) socket.write(frame(1, 5, 1, Buffer.from(`\x08\x03${status}`)))
      })
    })
    const { port: toHttp2 } = await gatewayTo(t, odd, { http2: true })
    t.equal((await call(toHttp2, '/api/x')).status, 502)
  }
})

function frame (type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream]), payload])
}
