import t from 'tap'
import type { GatewayOptions } from '../../src/index.js'
import { authorityOf, compileLocation, LocationRewrite, upstreamPrefix } from '../../src/proxy/location.js'
import { call, gatewayTo } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway, http2Service } from '../fixtures/http2.js'
import { service } from '../fixtures/peers.js'
import { startPlugin } from '../fixtures/routes.js'
import { startService } from '../fixtures/service.js'
import { rejection, webSocket } from '../fixtures/websockets.js'

type Route = Partial<GatewayOptions['routes'][number]>

const AUTH: Route = { prefix: '/api/auth', pathRewrite: { pattern: '^/api/auth', replacement: '/auth' } }

t.test('what names the target or no host becomes what the client can reach', async t => {
  let location = ''
  let status = 302
  const upstream = await service(t, (_request, response) => {
    response.writeHead(status, ['Location', location, 'Content-Location', '/auth/x', 'Refresh', '0; url=/auth/x', 'Content-Length', '0'])
    response.end()
  })
  async function rewritten (sent: string, sentStatus = 302, route: Route = AUTH): Promise<string | undefined> {
    const { port } = await gatewayTo(t, upstream.port, route)
    location = sent
    status = sentStatus
    const { headers } = await call(port, `${route.prefix ?? '/api'}/x`)
    t.match(headers, { 'content-location': '/auth/x', refresh: '0; url=/auth/x' }, 'of others nothing is rewritten')
    return headers.location
  }

  const target = `127.0.0.1:${upstream.port}`
  t.equal(await rewritten(`http://${target}/auth/login?a=b#c`), '/api/auth/login?a=b#c')
  t.equal(await rewritten('/auth/x', 201), '/api/auth/x')
  t.equal(await rewritten('/auth', 308), '/api/auth')
  t.equal(await rewritten(`//${target}/auth/`), '/api/auth/')
  t.equal(await rewritten('/authx'), '/authx', 'another path')
  t.equal(await rewritten('/other'), '/other')
  t.equal(await rewritten(`https://${target}x/auth/x`), `https://${target}x/auth/x`, 'another authority')
  t.equal(await rewritten('/auth/x', 200), '/auth/x', 'nobody goes there')
  t.equal(await rewritten('/auth/x', 400), '/auth/x')
  t.equal(await rewritten('/auth/x', 302, { ...AUTH, rewriteLocation: false }), '/auth/x')
  t.equal(await rewritten('/auth/x', 302, { ...AUTH, pathRewrite: { pattern: '/api(?:/)auth', replacement: '/auth' } }), '/auth/x', 'what no prefix undoes')
  t.equal(await rewritten(`http://${target}/api/x`, 302, { prefix: '/api', pathRewrite: { pattern: '^/api', replacement: '/api' } }), '/api/x', 'the authority alone')
  t.equal(await rewritten('/x', 302, { prefix: '/api' }), '/api/x')
})

t.test('with stripPrefix, a base path and a Host of its own', async t => {
  let location = ''
  const upstream = await service(t, (_request, response) => response.writeHead(302, ['Location', location, 'Content-Length', '0']).end())
  const authority = `127.0.0.1:${upstream.port}`
  const root = `http://${authority}`
  const target = `${root}/base`
  for (const [route, sent, expected] of [
    [{ stripPrefix: true, target }, '/base/login', '/api/login'],
    [{ stripPrefix: true, target }, `http://${authority}/base`, '/api'],
    [{ target }, '/base/api/x', '/api/x'],
    [{ target }, '/api/x', '/api/x'],
    [{ stripPrefix: true, target: root, host: 'App.example.com' }, 'http://app.example.com/login', '/api/login'],
    [{ stripPrefix: true, target: root, host: 'app.example.com:81' }, 'http://app.example.com:81/login', '/api/login'],
    [{ stripPrefix: true, target: root, host: 'app.example.com' }, 'https://app.example.com/login', 'https://app.example.com/login'],
    [{ stripPrefix: true, target: root, host: 'preserve' }, '/login', '/api/login']
  ] as const) {
    const { port } = await startPlugin(t, { routes: [{ prefix: '/api', ...route }] })
    location = sent
    t.equal((await call(port, '/api/x')).headers.location, expected, sent)
  }
})

t.test('in place of a 101, over HTTP/2, and as a service', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.writeHead(302, { location: '/auth/x' }).end())
  const { port } = await gatewayTo(t, upstream, AUTH)
  t.match((await rejection(webSocket(t, port, '/api/auth/x'))).headers, { location: '/api/auth/x' })

  const http2 = await http2Service(t, stream => {
    stream.respond({ ':status': 302, location: `http://127.0.0.1:${http2.port}/auth/x` })
    stream.end()
  })
  const gateway = await http2Gateway(t, `http://127.0.0.1:${http2.port}`, { ...AUTH, http2: true })
  t.equal((await new Http2Client(t, gateway.port).ask({ ':path': '/api/auth/y' }).closed).headers.location, '/api/auth/x')

  const own = await startService(t, {}, { target: `http://127.0.0.1:${upstream}`, ...AUTH })
  t.equal((await call(own.port, '/api/auth/y')).headers.location, '/api/auth/x')
})

t.test('the forms of a Location', async t => {
  const toApi = new LocationRewrite({ from: '/', to: '/api', authorities: ['svc:80', '[::1]:3001', 'tls:443'] })
  for (const [sent, expected] of [
    ['/', '/api/'],
    ['/x', '/api/x'],
    ['http://svc', '/api'],
    ['HTTP://SVC:80?a', '/api?a'],
    ['http://svc:/x', '/api/x'],
    ['http://svc:/#f', '/api/#f'],
    ['http://[::1]:3001/x', '/api/x'],
    ['https://tls/x', '/api/x'],
    ['//tls/x', '/api/x'],
    ['https://svc/x', 'https://svc/x'],
    ['http://svc:8080/x', 'http://svc:8080/x'],
    ['http://user@svc/x', 'http://user@svc/x'],
    ['http://svc\\@evil.example/x', 'http://svc\\@evil.example/x'],
    ['ftp://svc/x', 'ftp://svc/x'],
    ['x/y', 'x/y'],
    ['?a', '?a'],
    ['', ''],
    ['/\\evil.example', '/\\evil.example'],
    ['//evil.example/x', '//evil.example/x']
  ]) t.equal(toApi.rewrite(String(sent)), expected, String(sent))

  const toRoot = new LocationRewrite({ from: '/base/', to: '/', authorities: ['svc:80'] })
  for (const [sent, expected] of [
    ['http://svc/base', '/'],
    ['/base?a', '/?a'],
    ['/base/x', '/x'],
    ['/base//evil.example', '/base//evil.example'],
    ['http://svc/base/\\evil.example', 'http://svc/base/\\evil.example']
  ]) t.equal(toRoot.rewrite(String(sent)), expected, String(sent))
})

t.test('what a prefix is to the upstream', async t => {
  for (const [prefix, pattern, replacement, expected] of [
    ['/api/auth', '^/api/auth', '/auth', '/auth'],
    ['/api/auth', '^/api', '', '/auth'],
    ['/api', '^/api', '', '/'],
    ['/api', '^/api/', '/', '/'],
    ['/api', '^/api/', '', '/'],
    ['/api', '^/api/', '/v', undefined],
    ['/', '^/', '/base/', '/base/'],
    ['/api', '^/other', '/x', undefined],
    ['/api', '^/a.i', '/x', undefined]
  ]) t.equal(upstreamPrefix(String(prefix), { pattern: String(pattern), replacement: String(replacement) }), expected, `${pattern} to ${replacement}`)
  t.equal(upstreamPrefix('/api', undefined), '/api')
})

t.test('targets have authorities, and without them and another prefix there is nothing to do', async t => {
  t.equal(authorityOf({ protocol: 'http', host: 'Svc', port: 80 }), 'svc:80')
  t.equal(authorityOf({ protocol: 'https', host: '::1', port: 443 }), '[::1]:443')
  t.equal(authorityOf({ socketPath: '/run/app.sock' }), 'localhost:80')
  t.equal(compileLocation({ from: '/a/', to: '/a', authorities: [] }), undefined)
  t.equal(compileLocation({ from: '/', to: '/a', authorities: [] })?.rewrite('/x'), '/a/x')
})
