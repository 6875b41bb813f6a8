import { get } from 'node:https'
import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { call, gatewayTo } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway } from '../fixtures/http2.js'
import { service } from '../fixtures/peers.js'
import { startService } from '../fixtures/service.js'
import { fixture, pem } from '../fixtures/tls.js'
import { agreed, webSocket, webSocketService } from '../fixtures/websockets.js'

const USUAL = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'SAMEORIGIN',
  'referrer-policy': 'strict-origin-when-cross-origin',
  'x-permitted-cross-domain-policies': 'none',
  'x-xss-protection': '0'
}

t.test('the usual set, where the service says nothing itself and no rule does', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end())
  const { port } = await gatewayTo(t, upstream, { securityHeaders: true })
  const { headers } = await call(port, '/api/x')
  t.match(headers, USUAL)
  t.notOk('strict-transport-security' in headers, 'a client ignores it without TLS')

  const off = await gatewayTo(t, upstream, { securityHeaders: false }, { securityHeaders: true })
  t.notMatch((await call(off.port, '/api/x')).headers, { 'x-frame-options': /./ })
})

t.test('the service\'s own and the route\'s rules come first', async t => {
  const { port: upstream } = await service(t, (_request, response) => {
    response.setHeader('X-Frame-Options', 'DENY')
    response.end()
  })
  const { port } = await gatewayTo(t, upstream, {
    headers: { response: { set: { 'Referrer-Policy': 'no-referrer' }, append: { 'X-XSS-Protection': '1' }, remove: ['X-Content-Type-Options'] } }
  }, { securityHeaders: true })
  const { headers } = await call(port, '/api/x')
  t.match(headers, { 'x-frame-options': 'DENY', 'referrer-policy': 'no-referrer', 'x-xss-protection': '1', 'x-permitted-cross-domain-policies': 'none' })
  t.notOk('x-content-type-options' in headers)
})

t.test('Strict-Transport-Security to clients over TLS alone, also where a trusted proxy ended it', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end())
  const tls = { cert: fixture('localhost.pem'), key: fixture('localhost.key') }
  const { port } = await startService(t, { tls }, { target: `http://127.0.0.1:${upstream}`, securityHeaders: true })
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/api/x', ca: pem('ca.pem'), servername: 'localhost', agent: false }, resolve).on('error', reject)
  })
  response.resume()
  t.match(response.headers, { ...USUAL, 'strict-transport-security': 'max-age=31536000' })

  const behind = await gatewayTo(t, upstream, {}, { securityHeaders: true }, { trustProxy: 'loopback' })
  t.match((await call(behind.port, '/api/x', { headers: { 'x-forwarded-proto': 'https' } })).headers, { 'strict-transport-security': 'max-age=31536000' })
})

t.test('with an upgrade and over HTTP/2', async t => {
  const { port: upstream } = await webSocketService(t, () => {})
  const { port } = await gatewayTo(t, upstream, { securityHeaders: true })
  t.match(await agreed(webSocket(t, port, '/api/x')), USUAL)
  const http2 = await http2Gateway(t, `http://127.0.0.1:${upstream}`, { securityHeaders: true })
  t.match((await new Http2Client(t, http2.port).ask({ ':path': '/api/x' }).closed).headers, USUAL)
})
