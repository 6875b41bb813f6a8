import Fastify from 'fastify'
import { METHODS } from 'node:http'
import t from 'tap'
import streamGateway, { ConfigError } from '../../src/index.js'
import { call, gatewayTo, start } from '../fixtures/gateway.js'
import { RawClient, rawService, service } from '../fixtures/peers.js'

t.test('the longest prefix wins, and a prefix ends at a slash', async t => {
  const names = ['root', 'api', 'auth', 'admin']
  const [root, api, auth, admin] = await Promise.all(names.map(async name =>
    await service(t, (request, response) => response.end(`${name} ${request.url}`))))
  const { port } = await start(t, app => app.register(streamGateway, {
    routes: [
      { prefix: '/', target: `http://127.0.0.1:${root?.port}` },
      { prefix: '/api', target: `http://127.0.0.1:${api?.port}` },
      { prefix: '/api/auth', target: `http://127.0.0.1:${auth?.port}`, pathRewrite: { pattern: '^/api/auth', replacement: '/auth' } },
      { prefix: '/api/auth/admin', target: `http://127.0.0.1:${admin?.port}`, pathRewrite: { pattern: '^/api/auth', replacement: '' } }
    ]
  }))
  const expected = {
    '/': 'root /',
    '/x?y': 'root /x?y',
    '/apix': 'root /apix',
    '/api': 'api /api',
    '/api?a': 'api /api?a',
    '/api/': 'api /api/',
    '/api/authx': 'api /api/authx',
    '/api/auth': 'auth /auth',
    '/api/auth?q=1': 'auth /auth?q=1',
    '/api/auth/': 'auth /auth/',
    '/api/auth/adminx': 'auth /auth/adminx',
    '/api/auth/admin': 'admin /admin',
    '/api/auth/admin/a/b': 'admin /admin/a/b'
  }
  for (const [path, response] of Object.entries(expected)) t.equal((await call(port, path)).body.toString(), response, path)
})

t.test('query and percent-encodings travel unchanged', async t => {
  const { port: upstream } = await service(t, (request, response) => response.end(request.url))
  const { port } = await gatewayTo(t, upstream)
  for (const path of [
    '/a%20b', '/a%2Fb', '/a%2fb', '/%E2%82%AC', '/a+b', '/a;b=c', '/a:b@c', "/it's(fine)*!$&,=~", '/caf%C3%A9', '/100%25', '/a//b', '/a/',
    '/?', '/?a=1&a=2', '/?x=%00%0d%0a', '/?x=../..', '/?x=\\', '/?a=b?c=d', '/.well-known/x', '/...', '/a.b/..c/d..', `/${'long'.repeat(500)}`
  ]) t.equal((await call(port, `/api${path}`)).body.toString(), path, path)
})

t.test('what must not be forwarded gets 400 and never reaches a service', async t => {
  const { port: upstream } = await service(t, (request, response) => {
    t.fail(`reached by ${request.url}`)
    response.end()
  })
  const { port, app } = await gatewayTo(t, upstream)
  for (const path of [
    '/api/..', '/api/../x', '/api/./x', '/api/a/..', '/api/a/../../x', '/api/%2e%2e/x', '/api/%2E./x', '/api/.%2e', '/api/a%2f..%2fx',
    '/api/..%2fx', '/api/%2e', '/api/..;/x', '/api/..;a=b/x', '/api/a\\b', '/api/..\\x', '/api/%5c..', '/api/%5C', '/api/a%00', '/api/%0d%0aX:y', '/api/%0A',
    '/api/%c0%ae%c0%ae/x', '/api/%e0%80%ae/x', '/api/x#y', '/api//evil.example/x', '/api/%', '/api/%zz', '/api/a%2'
  ]) {
    const client = new RawClient(t, port)
    client.send(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    await client.closed
    t.match(client.received, /^HTTP\/1\.1 400 /, path)
  }
  await app.close()
})

t.test('a prefix that the router matches by decoding does not slip past the rewrite', async t => {
  const { port: upstream } = await service(t, (request, response) => response.end(request.url))
  const { port } = await gatewayTo(t, upstream)
  for (const path of ['/%61pi/x', '/ap%69/x', '/%61pi', '/a%70i/../x']) {
    t.equal((await call(port, path)).status, 400, path)
  }
  const { port: other } = await gatewayTo(t, upstream, {}, {}, { routerOptions: { caseSensitive: false, ignoreDuplicateSlashes: true } })
  for (const path of ['/API/x', '//api/x']) t.equal((await call(other, path)).status, 400, `${path}, matched by the host's router options`)
})

t.test('a pattern rewrites anywhere, and its result is checked again', async t => {
  const { port: upstream } = await service(t, (request, response) => response.end(request.url))
  const { port } = await gatewayTo(t, upstream, { pathRewrite: { pattern: '^/api/v(\\d+)/', replacement: '/version/$1/' } })
  t.equal((await call(port, '/api/v2/x?v=/api/v3/')).body.toString(), '/version/2/x?v=/api/v3/')
  t.equal((await call(port, '/api/other')).body.toString(), '/api/other', 'unmatched, it travels as it is')
  const { port: joining } = await gatewayTo(t, upstream, { pathRewrite: { pattern: 'x', replacement: '' } })
  t.equal((await call(joining, '/api/.x./secret')).status, 400)
  t.equal((await call(joining, '/api/.x.?q')).status, 400)
  const { port: bare } = await gatewayTo(t, upstream, { pathRewrite: { pattern: '^/api/?', replacement: '' } })
  t.equal((await call(bare, '/api/x')).body.toString(), '/x', 'a path starts with a slash')
  t.equal((await call(bare, '/api///x')).status, 400, 'and with one')
})

t.test('every method that Node parses is forwarded, but for TRACE', async t => {
  const { port: upstream } = await rawService(t, socket => {
    socket.on('data', chunk => socket.write(`HTTP/1.1 200 OK\r\nX-Method: ${String(chunk).split(' ')[0]}\r\nContent-Length: 0\r\n\r\n`))
  })
  const { port } = await gatewayTo(t, upstream)
  for (const method of METHODS.filter(method => method !== 'CONNECT' && method !== 'TRACE')) {
    // Fastify rejects a QUERY without Content-Type, as RFC 10008 section 2 demands.
    const response = await call(port, '/api/x', { method, headers: { 'content-type': 'text/plain' } })
    t.equal(response.headers['x-method'], method)
  }
  const rejection = await call(port, '/api/x', { method: 'TRACE' })
  t.match(rejection.json().error, { code: 'METHOD_NOT_ALLOWED' })
  t.match(rejection.headers.allow, /^(?!.*TRACE).*GET/)
})

t.test('the gateway below a prefix of its host', async t => {
  const { port: upstream } = await service(t, (request, response) => response.end(request.url))
  const { port, nextLine } = await start(t, app => app.register(streamGateway, {
    prefix: '/v1', routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}`, pathRewrite: { pattern: '^/v1/api', replacement: '' } }]
  }))
  const line = nextLine()
  t.equal((await call(port, '/v1/api/x')).body.toString(), '/x')
  t.equal((await line).route, '/v1/api')
})

t.test('wrong options stop the start, with every mistake named', async t => {
  const app = Fastify()
  app.register(streamGateway, { routes: [{ prefix: 'api', target: 'nowhere' }] })
  const error = await Promise.resolve(app.ready()).then(() => undefined, (error: unknown) => error)
  t.type(error, ConfigError)
  t.match(String(error), /fastify-stream-gateway options: 2 mistakes\n.*routes\[0\]\.prefix: .*\n.*routes\[0\]\.target: /)
  await app.close()
})

t.test('a thousand routes are mounted', async t => {
  const { port: upstream } = await service(t, (request, response) => response.end(request.url))
  const routes = Array.from({ length: 1000 }, (_, i) => ({ prefix: `/service-${i}`, target: `http://127.0.0.1:${upstream}` }))
  const { port } = await start(t, app => app.register(streamGateway, { routes }))
  t.equal((await call(port, '/service-999/x')).body.toString(), '/service-999/x')
})
