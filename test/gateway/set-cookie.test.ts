import t from 'tap'
import type { Test } from 'tap'
import { CookieRewrite } from '../../src/proxy/set-cookie.js'
import type { CookieRules } from '../../src/proxy/set-cookie.js'
import { call, gatewayTo, start } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway, http2Service } from '../fixtures/http2.js'
import { RawClient, rawService, service } from '../fixtures/peers.js'
import { startService } from '../fixtures/service.js'
import streamGateway from '../../src/index.js'

const COOKIES = { path: { '/auth': '/api/auth' }, domain: { 'auth.internal': 'example.com' }, secure: true, sameSite: 'strict' as const }
const SENT = ['a=1; Path=/auth; Domain=auth.internal', 'b=2', 'c=3; path=/auth/x; SECURE; SameSite=None; HttpOnly']
const EXPECTED = [
  'a=1; Path=/api/auth; Domain=example.com; Secure; SameSite=Strict',
  'b=2; Secure; SameSite=Strict',
  'c=3; path=/api/auth/x; SECURE; SameSite=Strict; HttpOnly'
]

t.test('each cookie of the service by itself; those of hooks stay', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.writeHead(200, SENT.flatMap(cookie => ['Set-Cookie', cookie])).end())
  const { port } = await start(t, app => {
    app.addHook('onRequest', async (_request, reply) => { reply.header('set-cookie', 'hook=1; Path=/auth') })
    return app.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}`, cookies: COOKIES }] })
  })
  t.strictSame((await call(port, '/api/x')).headers['set-cookie'], [...EXPECTED, 'hook=1; Path=/auth'])
})

t.test('HTTP/2 on both sides, an upgrade, a service', async t => {
  const { port: http2 } = await http2Service(t, stream => {
    stream.respond({ ':status': 200, 'set-cookie': SENT })
    stream.end()
  })
  const { port } = await http2Gateway(t, `http://127.0.0.1:${http2}`, { http2: true, cookies: COOKIES })
  t.strictSame((await new Http2Client(t, port).ask({ ':path': '/api/x' }).closed).headers['set-cookie'], EXPECTED)

  const { port: switching } = await rawService(t, socket => {
    socket.on('data', () => socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\nSet-Cookie: ${SENT[0]}\r\n\r\n`))
  })
  const tunnel = new RawClient(t, (await gatewayTo(t, switching, { cookies: COOKIES })).port)
  tunnel.send('GET /api/x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')
  t.match(await tunnel.until('\r\n\r\n'), `\r\nSet-Cookie: ${EXPECTED[0]}\r\n`)

  const { port: upstream } = await service(t, (_request, response) => response.writeHead(200, { 'set-cookie': SENT }).end())
  const own = await startService(t, {}, { target: `http://127.0.0.1:${upstream}`, cookies: COOKIES })
  t.strictSame((await call(own.port, '/api/x')).headers['set-cookie'], EXPECTED)
})

function same (t: Test, rules: CookieRules, cases: Record<string, string>): void {
  const cookies = new CookieRewrite(rules)
  for (const [sent, expected] of Object.entries(cases)) t.equal(cookies.rewrite(sent), expected, sent)
}

t.test('paths: the longest that fits, whole segments', async t => {
  same(t, { path: { '/a': '/x', '/a/b': '/y', '/two/': '/' } }, {
    'k=v; Path=/a': 'k=v; Path=/x',
    'k=v; Path=/a/': 'k=v; Path=/x/',
    'k=v; Path=/a/b/c': 'k=v; Path=/y/c',
    'k=v; Path=/ab': 'k=v; Path=/ab',
    'k=v; Path=/': 'k=v; Path=/',
    'k=v; Path=/two/some/uri/': 'k=v; Path=/some/uri/',
    'k=v; Path=/two/': 'k=v; Path=/',
    'k=v; Path=/two': 'k=v; Path=/',
    'k=v; Path': 'k=v; Path',
    'k=v; Path=': 'k=v; Path=',
    'k=v; Path="/a"': 'k=v; Path="/a"',
    'k=v; Path=/a; Path=/a/b': 'k=v; Path=/x; Path=/y'
  })
  same(t, { path: { '/': '/api' } }, { 'k=v; Path=/': 'k=v; Path=/api', 'k=v; Path=/x': 'k=v; Path=/api/x' })
})

t.test('domains: whole, without regard to case and a dot at the start', async t => {
  same(t, { domain: { '.Auth.internal': '.example.com', localhost: '' } }, {
    'k=v; Domain=auth.INTERNAL': 'k=v; Domain=example.com',
    'k=v; domain=.auth.internal; Path=/': 'k=v; domain=example.com; Path=/',
    'k=v; Domain=x.auth.internal': 'k=v; Domain=x.auth.internal',
    'k=v; Domain=localhost; HttpOnly': 'k=v; HttpOnly'
  })
})

t.test('Secure and SameSite: set, replaced, taken away', async t => {
  same(t, { secure: false }, { 'k=v; Secure; Path=/': 'k=v; Path=/', 'k=v;secure': 'k=v', 'k=v; SameSite=Lax': 'k=v; SameSite=Lax' })
  same(t, { secure: true, sameSite: 'none' }, { 'k=v': 'k=v; Secure; SameSite=None', 'k=v; secure ; samesite': 'k=v; secure ; SameSite=None' })
  same(t, { sameSite: 'lax' }, { 'k=v; SameSite=Strict; SameSite=None': 'k=v; SameSite=Lax' })
})

t.test('values, quotes and odd spacing stay byte for byte', async t => {
  same(t, { path: { '/a': '/b' }, secure: true }, {
    'k="x; Path=/a"; Path=/a': 'k="x; Path=/a"; Path=/b; Secure',
    'k= "x; Path=/a" tail ;Path=/a': 'k= "x; Path=/a" tail ;Path=/b; Secure',
    'k="x; Path=/a': 'k="x; Path=/b; Secure',
    'k="x"': 'k="x"; Secure',
    'k=Path=/a;  \tpAtH \t=\t /a \t;;  ; Path=/a=': 'k=Path=/a;  \tpAtH \t=\t /b \t;;  ; Path=/a=; Secure',
    'k; Path=/a': 'k; Path=/b; Secure',
    '; Path=/a': '; Path=/b; Secure',
    '': '; Secure',
    'k=caf\xe9; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/a': 'k=caf\xe9; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/b; Secure'
  })
})
