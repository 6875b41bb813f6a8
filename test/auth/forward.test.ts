import type { IncomingMessage, ServerResponse } from 'node:http'
import t from 'tap'
import type { Test } from 'tap'
import type { GatewayConfig } from '../../src/config/index.js'
import { guarded } from '../fixtures/auth.js'
import type { Guarded, Route } from '../fixtures/auth.js'
import { call } from '../fixtures/gateway.js'
import { closedPort, gone, portOf, RawClient, rawService, service } from '../fixtures/peers.js'
import { pair } from '../fixtures/tls.js'
import { until } from '../fixtures/until.js'
import { createServer } from 'node:https'
import { once } from 'node:events'

type Forward = Partial<NonNullable<Exclude<NonNullable<GatewayConfig['auth']>, false>['forward']>>

interface Asking extends Guarded {
  /** What the service for authentication was asked. */
  readonly questions: IncomingMessage[]
}

/** A service behind another one that says who may call it. */
async function behind (t: Test, respond: (response: ServerResponse, request: IncomingMessage) => void, forward: Forward = {}, route: Route = {}): Promise<Asking> {
  const questions: IncomingMessage[] = []
  const { port } = await service(t, (request, response) => {
    questions.push(request)
    respond(response, request)
  })
  return { ...await guarded(t, { forward: { url: `http://127.0.0.1:${port}/verify?a=b`, ...forward } }, route), questions }
}

t.test('a 2xx passes; it is asked by a GET without a body, with what it needs to decide', async t => {
  const { port, asked, questions } = await behind(t, response => response.writeHead(204, { 'remote-user': 'ann', 'Remote-Groups': 'a,b', 'remote-other': 'x' }).end(), { copyResponseHeaders: ['Remote-User', 'remote-groups'] })
  const headers = ['Host', 'shop.example', 'Cookie', 'sid=1', 'Cookie', 'a=b', 'Authorization', 'Bearer x', 'Accept', 'text/html', 'X-Other', 'y', 'Remote_User', 'root', 'REMOTE-GROUPS', 'root', 'X-Forwarded-Uri', '/evil', 'X-Forwarded-For', '10.0.0.1', 'Content-Length', '5']
  t.equal((await call(port, '/api/x?y=%20z', { method: 'PUT', headers, body: 'hello' })).status, 200)
  t.match(questions[0], { method: 'GET', url: '/verify?a=b' })
  t.match(questions[0]?.headers, {
    cookie: 'sid=1; a=b',
    authorization: 'Bearer x',
    accept: 'text/html',
    'x-other': undefined,
    'content-length': undefined,
    'transfer-encoding': undefined,
    'remote-groups': undefined,
    'x-forwarded-method': 'PUT',
    'x-forwarded-uri': '/api/x?y=%20z',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': 'shop.example',
    'x-forwarded-for': '127.0.0.1',
    connection: 'keep-alive'
  })
  t.match(asked[0]?.headers, { 'remote-user': 'ann', 'remote-groups': 'a,b', 'remote-other': undefined, remote_user: undefined, cookie: 'sid=1; a=b' })
  t.equal(asked[0]?.method, 'PUT')
})

t.test('copyRequestHeaders in the place of the usual ones; several requests go over one connection', async t => {
  const { port, questions } = await behind(t, response => response.end('fine'), { copyRequestHeaders: ['X-Key'] })
  for (let nth = 0; nth < 3; nth++) await call(port, '/api/x', { headers: { 'x-key': `${nth}`, cookie: 'a=b' } })
  t.strictSame(questions.map(({ headers }) => [headers['x-key'], headers.cookie]), [['0', undefined], ['1', undefined], ['2', undefined]])
  t.equal(new Set(questions.map(({ socket }) => socket.remotePort)).size, 1)
})

t.test('copyClientHeaders: the client gets what is for it, beside what the service sends', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.setHeader('set-cookie', 'c=3').end())
  const { port } = await behind(t, response => response.setHeader('set-cookie', ['a=1', 'b=2']).end(), { copyClientHeaders: ['set-cookie', 'x-none'] }, { target: `http://127.0.0.1:${upstream}` })
  const { headers } = await call(port, '/api/x')
  t.strictSame(headers['set-cookie']?.toSorted(), ['a=1', 'b=2', 'c=3'])
  t.notOk('x-none' in headers)
})

t.test('a redirect, with its cookies, reaches the browser, and nothing the service', async t => {
  const { port, asked } = await behind(t, response => response.writeHead(302, { location: 'https://id.example.com/login?rd=x', 'set-cookie': ['csrf=1; HttpOnly', 'b=2'], 'x-internal': 'host' }).end('go'))
  for (const method of ['GET', 'HEAD', 'POST', 'OPTIONS']) {
    const response = await call(port, '/api/x', { method })
    t.match(response, { status: 302, headers: { location: 'https://id.example.com/login?rd=x', 'set-cookie': ['csrf=1; HttpOnly', 'b=2'], 'cache-control': 'no-store' } }, method)
    t.notOk('x-internal' in response.headers)
    t.equal(String(response.body), '')
  }
  t.equal(asked.length, 0)
})

t.test('a 401 and a 403 reach the client with the usual body', async t => {
  const { port, asked } = await behind(t, (response, { headers }) => {
    response.writeHead(headers.accept === 'text/html' ? 403 : 401, { 'www-authenticate': ['Basic realm="x"', 'Bearer'], 'set-cookie': 'a=1', location: '/evil' }).end('<html>secret host</html>')
  })
  const first = await call(port, '/api/x')
  t.match(first, { status: 401, headers: { 'www-authenticate': 'Basic realm="x", Bearer', 'set-cookie': ['a=1'], location: undefined } })
  t.match(first.json(), { error: { code: 'UNAUTHORIZED' } })
  const second = await call(port, '/api/x', { headers: { accept: 'text/html' } })
  t.match(second, { status: 403 })
  t.match(second.json(), { error: { code: 'FORBIDDEN', message: 'This is not allowed' } })
  t.equal(asked.length, 0)
})

t.test('what is no clear yes is a no', async t => {
  for (const [status, headers] of [[404, {}], [500, {}], [429, {}], [304, { location: '/x' }], [302, {}], [400, {}]] as const) {
    const { port, asked } = await behind(t, response => response.writeHead(status, headers).end())
    const response = await call(port, '/api/x')
    t.match(response, { status: 502 }, String(status))
    t.match(response.json(), { error: { code: 'BAD_GATEWAY', message: 'The credentials cannot be checked at the moment' } })
    t.equal(asked.length, 0)
  }
})

t.test('a service for authentication that is away, silent, slow or speaks no HTTP: 503, and nothing reaches the service', async t => {
  const url = `http://127.0.0.1:${await closedPort()}`
  const garbage = await rawService(t, socket => socket.on('data', () => socket.end('garbage\r\n\r\n')))
  const breaking = await rawService(t, socket => socket.on('data', () => socket.destroy()))
  const upgrading = await rawService(t, socket => socket.on('data', () => socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')))
  for (const forward of [{ url }, ...[garbage, breaking, upgrading].map(({ port }) => ({ url: `http://127.0.0.1:${port}` }))]) {
    const { port, asked } = await guarded(t, { forward })
    const response = await call(port, '/api/x')
    t.match(response, { status: 503, headers: { 'retry-after': '1' } })
    t.notMatch(String(response.body), /127\.0\.0\.1|ECONN/)
    t.equal(asked.length, 0)
  }
  const { port, asked } = await behind(t, () => {}, { timeout: 50 })
  t.match(await call(port, '/api/x'), { status: 503, headers: { 'retry-after': '1' } })
  t.equal(asked.length, 0)
})

t.test('a body without an end costs its connection, and nobody\'s time', async t => {
  const closed: Array<Promise<unknown>> = []
  const { port, asked } = await behind(t, (response, request) => {
    closed.push(gone(request.socket))
    const write = (): void => { while (!response.destroyed && response.write(Buffer.alloc(16_384))); }
    response.on('drain', write).on('error', () => {})
    write()
  })
  t.equal((await call(port, '/api/x')).status, 200)
  t.equal(asked.length, 1)
  await Promise.all(closed)
  const { port: slow } = await behind(t, (response, request) => {
    closed.push(gone(request.socket))
    response.write('x')
  }, { timeout: 100 })
  t.equal((await call(slow, '/api/x')).status, 200)
  await Promise.all(closed)
})

t.test('an idle connection that the service has closed is nobody\'s no', async t => {
  let nth = 0
  const { port: auth } = await rawService(t, socket => {
    const mine = ++nth
    let asked = 0
    socket.on('data', () => {
      // The second request on the first connection meets its end.
      if (mine === 1 && asked++ === 1) socket.destroy()
      else socket.write('HTTP/1.1 204 No Content\r\n\r\n')
    })
  })
  const { port, asked } = await guarded(t, { forward: { url: `http://127.0.0.1:${auth}` } })
  for (let count = 0; count < 3; count++) t.equal((await call(port, '/api/x')).status, 200)
  t.equal(asked.length, 3)
  t.equal(nth, 2)
})

t.test('no more than maxRequests wait for it', async t => {
  const held: ServerResponse[] = []
  const { port } = await behind(t, response => { held.push(response) }, { maxRequests: 2 })
  const waiting = [call(port, '/api/x'), call(port, '/api/x')]
  await until(() => held.length === 2)
  t.match(await call(port, '/api/x'), { status: 503, headers: { 'retry-after': '1' } })
  for (const response of held) response.end()
  t.strictSame((await Promise.all(waiting)).map(({ status }) => status), [200, 200])
})

t.test('two Authorizations: the service behind might believe the one that was not looked at', async t => {
  const { port, asked, questions } = await behind(t, response => response.end())
  t.equal((await call(port, '/api/x', { headers: ['Host', 'x', 'Authorization', 'Bearer a', 'authorization', 'Bearer b'] })).status, 401)
  t.equal(asked.length + questions.length, 0)
})

t.test('it is asked before the body of an upload is there', async t => {
  const { port, asked } = await behind(t, response => response.writeHead(401).end())
  const client = new RawClient(t, port)
  client.send('POST /api/x HTTP/1.0\r\nContent-Length: 100\r\n\r\n')
  await client.until(/^HTTP\/1\.1 401 /)
  await client.closed
  t.equal(asked.length, 0)
})

t.test('over TLS its certificate is verified', async t => {
  const server = createServer(pair('localhost'), (_request, response) => response.end())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port, asked } = await guarded(t, { forward: { url: `https://localhost:${portOf(server)}` } })
  t.equal((await call(port, '/api/x')).status, 503)
  t.equal(asked.length, 0)
})
