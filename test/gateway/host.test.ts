import { once } from 'node:events'
import { createSecureServer } from 'node:http2'
import t from 'tap'
import type { Test } from 'tap'
import { call, gatewayTo } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway, http2Service } from '../fixtures/http2.js'
import { portOf, RawClient, rawService, received, service } from '../fixtures/peers.js'
import { named, startPlugin, startRoutes } from '../fixtures/routes.js'
import { pair, pem } from '../fixtures/tls.js'
import { message, webSocket, webSocketService } from '../fixtures/websockets.js'

/** What a service is asked for as Host, in each way that a route can say. */
async function hostsSeen (t: Test, headers: Record<string, string>): Promise<unknown> {
  const { port: upstream } = await service(t, (request, response) => response.end(request.headers.host))
  const seen: Record<string, string> = {}
  for (const host of ['target', 'preserve', 'app.example.com:8443']) {
    const { port } = await gatewayTo(t, upstream, { host })
    seen[host] = (await call(port, '/api/x', { headers })).body.toString().replace(String(upstream), 'PORT')
  }
  return seen
}

t.test('Host: the target\'s, the client\'s, or a name', async t => {
  t.strictSame(await hostsSeen(t, { host: 'Shop.Example:81' }), { target: '127.0.0.1:PORT', preserve: 'Shop.Example:81', 'app.example.com:8443': 'app.example.com:8443' })
})

t.test('the client\'s is that of an absolute-form; one that has none leaves the target\'s', async t => {
  const { port: upstream } = await rawService(t, socket => {
    received(socket, '\r\n\r\n').then(bytes => socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<${/^host: (.*)$/im.exec(bytes)?.[1]}>`), () => {})
  })
  const { port } = await gatewayTo(t, upstream, { host: 'preserve' })
  for (const [request, host] of [
    ['GET http://shop.example:81/api/x HTTP/1.1\r\nHost: other.example', 'shop.example:81'],
    ['GET /api/x HTTP/1.1\r\nHost: other.example', 'other.example'],
    ['GET /api/x HTTP/1.1\r\nHost:', `127.0.0.1:${upstream}`],
    ['GET /api/x HTTP/1.0', `127.0.0.1:${upstream}`]
  ] as const) {
    const client = new RawClient(t, port).send(`${request}\r\nConnection: close\r\n\r\n`)
    t.match(await client.until(/<.*>/), `<${host}>`, request)
  }
})

t.test('what a trusted proxy says of the host is told of, and not asked for', async t => {
  const { port: upstream } = await service(t, (request, response) => response.end(`${request.headers.host} ${request.headers['x-forwarded-host']}`))
  const { port } = await gatewayTo(t, upstream, { host: 'preserve' }, {}, { trustProxy: '127.0.0.1' })
  const headers = { host: 'here.example', 'x-forwarded-for': '203.0.113.1', 'x-forwarded-host': 'public.example' }
  t.equal((await call(port, '/api', { headers })).body.toString(), 'here.example public.example')
})

t.test('over HTTP/2 it is the authority, on both sides', async t => {
  const { port: upstream } = await http2Service(t, (stream, headers) => {
    stream.respond({ ':status': 200 })
    stream.end(`${headers[':authority']} ${headers.host}`)
  })
  for (const [host, expected] of [['target', `127.0.0.1:${upstream}`], ['preserve', 'shop.example:81'], ['app.example.com', 'app.example.com']] as const) {
    const { port } = await gatewayTo(t, upstream, { host, http2: true })
    t.equal((await call(port, '/api', { headers: { host: 'shop.example:81' } })).body.toString(), `${expected} undefined`)
  }
  const { port: http1 } = await service(t, (request, response) => response.end(request.headers.host))
  for (const [host, expected] of [['target', `127.0.0.1:${http1}`], ['preserve', 'shop.example:81'], ['app.example.com', 'app.example.com']] as const) {
    const { port } = await http2Gateway(t, `http://127.0.0.1:${http1}`, { host })
    const { closed } = new Http2Client(t, port).ask({ ':path': '/api', ':authority': 'shop.example:81' })
    t.equal((await closed).body, expected)
  }
})

t.test('TLS asks for the target still', async t => {
  const names: unknown[] = []
  const server = createSecureServer({ ...pair('localhost'), allowHTTP1: true, SNICallback: (name, done) => { names.push(name); done(null) } }, (request, response) => response.end(String(request.headers.host)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  const { port } = await gatewayTo(t, 0, { target: `https://localhost:${portOf(server)}`, tls: { ca: pem('ca.pem') }, host: 'app.example.com' })
  t.equal((await call(port, '/api', { headers: { connection: 'close' } })).body.toString(), 'app.example.com')
  t.strictSame(names, ['localhost'])
})

t.test('an upgrade has the host and the path that the route says', async t => {
  const { port: upstream } = await webSocketService(t, (socket, request) => socket.send(`${request.headers.host} ${request.url}`))
  const { port } = await startPlugin(t, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}/base`, host: 'preserve', stripPrefix: true }] })
  t.equal(await message(webSocket(t, port, '/api/room?x', [], { headers: { host: 'shop.example' } })), 'shop.example /base/room?x')
})

t.test('the target\'s base path stands before the rewritten path, with or without a slash at its end', async t => {
  const service = await named(t, 'service')
  for (const [target, base] of [[`${service}/base/%C3%A9`, '/base/%C3%A9'], [`${service}/base/`, '/base'], [`${service}/`, '']] as const) {
    const { port } = await startRoutes(t, {
      routes: [
        { prefix: '/', target },
        { prefix: '/api', target, pathRewrite: { pattern: '^/api', replacement: '/v2' } },
        { prefix: '/bare', target, stripPrefix: true }
      ]
    })
    for (const [path, rewritten] of [['/', '/'], ['/x?y=1', '/x?y=1'], ['/api', '/v2'], ['/api/x?/api', '/v2/x?/api'], ['/bare', '/'], ['/bare/x', '/x']] as const) {
      t.equal((await call(port, path)).body.toString(), `service ${base}${rewritten}`, path)
    }
    t.equal((await call(port, '/x/../y')).status, 400)
  }
})

t.test('the base path, to a service of HTTP/2', async t => {
  const { port: upstream } = await http2Service(t, (stream, headers) => {
    stream.respond({ ':status': 200 })
    stream.end(headers[':path'])
  })
  const { port } = await gatewayTo(t, 0, { target: `http://127.0.0.1:${upstream}/base`, http2: true })
  t.equal((await call(port, '/api/x?y')).body.toString(), '/base/x?y')
})

t.test('stripPrefix forwards what is below the prefix', async t => {
  const target = await named(t, 'service')
  const routes = [{ prefix: '/', target, stripPrefix: true }, { prefix: '/api/v1.0', target, stripPrefix: true }]
  const { port } = await startRoutes(t, { routes })
  for (const [path, forwarded] of [
    ['/api/v1.0', '/'], ['/api/v1.0?x=/api', '/?x=/api'], ['/api/v1.0/', '/'], ['/api/v1.0/a%2Fb?c', '/a%2Fb?c'], ['/api/v1x0/a', '/api/v1x0/a'], ['/', '/'], ['/?x', '/?x'], ['/a', '/a']
  ] as const) t.equal((await call(port, path)).body.toString(), `service ${forwarded}`, path)
  for (const path of ['/api/v1.0//evil.example', '/api/v1.0/..', '//x', '/api/v1%2E0/x', '/api/v1.0/%5c']) t.equal((await call(port, path)).status, 400, path)

  const { port: plugin } = await startPlugin(t, { routes: [{ prefix: '/api', target, stripPrefix: true, encodedCharacters: 'allow' }] })
  t.equal((await call(plugin, '/api')).body.toString(), 'service /')
  t.equal((await call(plugin, '/api/%5c')).body.toString(), 'service /%5c')
})

t.test('below a prefix of the host, all of it is stripped', async t => {
  const target = await named(t, 'service')
  const { port } = await startRoutes(t, { routes: [{ prefix: '/api', target, stripPrefix: true }] }, { prefix: '/v1' })
  t.equal((await call(port, '/v1/api/x')).body.toString(), 'service /x')
})
