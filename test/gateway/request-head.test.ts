import type { FastifyServerOptions } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import streamGateway from '../../src/index.js'
import { call, gatewayTo, start } from '../fixtures/gateway.js'
import { RawClient, rawService } from '../fixtures/peers.js'

/** A gateway in front of a service that keeps what it gets; the function sends a request and returns the head that arrived. */
async function observed (t: Test, server: FastifyServerOptions = {}): Promise<(request: string) => Promise<string[]>> {
  let latest = ''
  const { port: upstream } = await rawService(t, socket => {
    socket.on('data', chunk => {
      latest += chunk.toString('latin1')
      if (latest.includes('\r\n\r\n')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
    })
  })
  const { port } = await gatewayTo(t, upstream, {}, { via: 'edge' }, server)
  return async request => {
    latest = ''
    const client = new RawClient(t, port)
    client.send(request)
    await client.until('\r\n\r\n')
    t.match(client.received, /^HTTP\/1\.1 200/)
    client.socket.destroy()
    return latest.slice(0, latest.indexOf('\r\n\r\n')).split('\r\n')
  }
}

t.test('order, case and repeated fields are kept; Host becomes the target\'s', async t => {
  const head = await observed(t)
  const [line, host, ...fields] = await head('GET /api/x HTTP/1.1\r\nhost: public.example\r\nX-b: 1\r\nx-A: 2\r\nX-B: 3\r\nCookie: a=1\r\nCookie: b=2\r\nX-Empty:\r\nX-Latin: caf\xe9\r\n\r\n')
  t.equal(line, 'GET /x HTTP/1.1')
  t.match(host, /^Host: 127\.0\.0\.1:\d+$/)
  t.strictSame(fields, [
    'X-b: 1', 'x-A: 2', 'X-B: 3', 'Cookie: a=1', 'Cookie: b=2', 'X-Empty: ', 'X-Latin: caf\xe9',
    'X-Forwarded-For: 127.0.0.1', 'X-Forwarded-Proto: http', 'X-Forwarded-Host: public.example', 'X-Real-IP: 127.0.0.1', 'Via: 1.1 edge', 'Connection: keep-alive'
  ])
})

t.test('hop-by-hop fields and what Connection nominates do not travel (RFC 9110 section 7.6.1)', async t => {
  const head = await observed(t)
  const lines = await head([
    'POST /api/x HTTP/1.1', 'Host: x', 'Connection: keep-alive, X-Nominated,x-other', 'connection: X-Third', 'Keep-Alive: timeout=5', 'Proxy-Connection: keep-alive',
    'Proxy-Authenticate: Basic', 'Proxy-Authorization: Basic abc', 'TE: deflate', 'Trailer: X-T', 'Upgrade: foo', 'X-Nominated: 1', 'X-Other: 2', 'X-Third: 3',
    'X-Kept: 4', 'Content-Length: 0', '\r\n'
  ].join('\r\n'))
  t.strictSame(lines.slice(2, 4), ['X-Kept: 4', 'Content-Length: 0'])
  t.match(lines[4], /^X-Forwarded-For/)
})

t.test('Connection cannot nominate away the framing, Host or a forwarded field', async t => {
  const head = await observed(t)
  const lines = await head([
    'POST /api/x HTTP/1.1', 'Host: x', 'Connection: Content-Length, Host, X-Forwarded-For, x-real-ip, X-Forwarded-Proto', 'Content-Length: 3', '', 'abc'
  ].join('\r\n'))
  t.match(lines.join('\n'), /^Host: .*\nContent-Length: 3\nX-Forwarded-For: 127\.0\.0\.1\nX-Forwarded-Proto: http\n.*\nX-Real-IP: 127\.0\.0\.1$/m)
})

t.test('framing is set anew and once', async t => {
  const head = await observed(t)
  for (const [request, framing] of [
    ['GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n', []],
    ['DELETE /api/x HTTP/1.1\r\nHost: x\r\n\r\n', []],
    ['PUT /api/x HTTP/1.1\r\nHost: x\r\n\r\n', ['Content-Length: 0']],
    ['GET /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n', ['Content-Length: 0']],
    ['DELETE /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab', ['Content-Length: 2']],
    ['GET /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', ['Transfer-Encoding: chunked']],
    ['POST /api/x HTTP/1.1\r\nHost: x\r\ntransfer-encoding: Chunked\r\n\r\n0\r\n\r\n', ['Transfer-Encoding: chunked']]
  ] as const) {
    t.strictSame((await head(request)).filter(line => /^(content-length|transfer-encoding)/i.test(line)), framing, request)
  }
})

const FAKED = [
  'X-Forwarded-For: 6.6.6.6', 'x-forwarded-for: 7.7.7.7', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: evil.example', 'X-Real-IP: 6.6.6.6', 'Forwarded: for=6.6.6.6'
].join('\r\n')

function forwardedFields (lines: string[]): string[] {
  return lines.filter(line => /^(x-forwarded|x-real|forwarded)/i.test(line))
}

t.test('what a client says of itself is dropped unless the server trusts the peer', async t => {
  const head = await observed(t)
  t.strictSame(forwardedFields(await head(`GET /api/x HTTP/1.1\r\nHost: real.example\r\n${FAKED}\r\n\r\n`)), [
    'X-Forwarded-For: 127.0.0.1', 'X-Forwarded-Proto: http', 'X-Forwarded-Host: real.example', 'X-Real-IP: 127.0.0.1'
  ])
  t.strictSame(forwardedFields(await head(`GET /api/x HTTP/1.1\r\nHost: x\r\nConnection: X-Forwarded-For\r\n${FAKED}\r\n\r\n`)).slice(0, 1), ['X-Forwarded-For: 127.0.0.1'])
})

t.test('a peer that the server does not trust is not believed', async t => {
  const head = await observed(t, { trustProxy: ['10.0.0.0/8'] })
  t.strictSame(forwardedFields(await head(`GET /api/x HTTP/1.1\r\nHost: real.example\r\n${FAKED}\r\n\r\n`)), [
    'X-Forwarded-For: 127.0.0.1', 'X-Forwarded-Proto: http', 'X-Forwarded-Host: real.example', 'X-Real-IP: 127.0.0.1'
  ])
})

t.test('a trusted proxy is believed, and X-Forwarded-For is appended to', async t => {
  const head = await observed(t, { trustProxy: ['127.0.0.1'] })
  t.strictSame(forwardedFields(await head(
    'GET /api/x HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 9.9.9.9, 203.0.113.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: public.example\r\nForwarded: for=203.0.113.7\r\n\r\n'
  )), [
    'Forwarded: for=203.0.113.7', 'X-Forwarded-For: 9.9.9.9, 203.0.113.7, 127.0.0.1', 'X-Forwarded-Proto: https',
    'X-Forwarded-Host: public.example', 'X-Real-IP: 203.0.113.7'
  ])
  t.strictSame(forwardedFields(await head('GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n')), [
    'X-Forwarded-For: 127.0.0.1', 'X-Forwarded-Proto: http', 'X-Forwarded-Host: x', 'X-Real-IP: 127.0.0.1'
  ], 'a trusted proxy that says nothing is the client')
})

t.test('a client of HTTP/1.0 that names no host', async t => {
  const head = await observed(t)
  t.strictSame(forwardedFields(await head('GET /api/x HTTP/1.0\r\n\r\n')), [
    'X-Forwarded-For: 127.0.0.1', 'X-Forwarded-Proto: http', 'X-Real-IP: 127.0.0.1'
  ])
})

t.test('a head that Node refuses to write gets 400', async t => {
  const { port, nextLine } = await start(t, async app => {
    app.addHook('onRequest', async request => { request.raw.rawHeaders.push('X-Odd', 'a\u0001b') })
    await app.register(streamGateway, { routes: [{ prefix: '/api', target: 'http://127.0.0.1:1' }] })
  })
  const line = nextLine()
  const response = await call(port, '/api/x', { method: 'POST', body: 'x' })
  t.equal(response.status, 400)
  t.equal(response.json().error.code, 'BAD_REQUEST')
  t.match(await line, { outcome: 'rejected', status: 400, err: { message: /Invalid character/ } })
})
