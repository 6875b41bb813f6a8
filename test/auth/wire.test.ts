import { once } from 'node:events'
import Fastify from 'fastify'
import t from 'tap'
import streamGateway from '../../src/index.js'
import { bearer, guarded, issuer, secretToken, SECRET, token } from '../fixtures/auth.js'
import { call } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2.js'
import { portOf, RawClient, service } from '../fixtures/peers.js'
import { startRoutes } from '../fixtures/routes.js'
import { echo, message, openWebSocket, rejection, webSocket, webSocketService } from '../fixtures/websockets.js'

const ANN = issuer()
const AUTH = { jwt: { publicKey: ANN.pem, forward: { 'x-user': 'sub' } } }
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY', 'PROPFIND']

for (const isPlugin of [false, true]) {
  const as = isPlugin ? 'as a plugin' : 'as a service'

  t.test(`${as}: no method passes without credentials, also not what looks half like a preflight`, async t => {
    const { port, asked } = await guarded(t, AUTH, {}, { isPlugin })
    for (const method of METHODS) {
      const { status, headers, body } = await call(port, '/api/x', { method })
      t.match({ status, headers }, { status: 401, headers: { 'www-authenticate': 'Bearer' } }, method)
      t.equal(body.length === 0, method === 'HEAD')
    }
    const preflight = { origin: 'https://app.example', 'access-control-request-method': 'GET' }
    for (const headers of [{ origin: 'https://app.example' }, { 'access-control-request-method': 'GET' }, preflight]) {
      t.equal((await call(port, '/api/x', { method: 'OPTIONS', headers })).status, 401, 'without a CORS policy of the gateway it is like any other')
    }
    t.equal(asked.length, 0)
    t.equal((await call(port, '/api/x', { method: 'OPTIONS', headers: bearer(await token(ANN)) })).status, 200)
  })

  t.test(`${as}: a preflight gets its response, and a script may read the 401 and the 403`, async t => {
    const config = { cors: { origin: ['https://app.example'], credentials: true } }
    const { port, asked } = await guarded(t, { jwt: { publicKey: ANN.pem, require: { scope: ['a'] } } }, {}, { isPlugin, config })
    const origin = 'https://app.example'
    t.match(await call(port, '/api/x', { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'authorization' } }), {
      status: 204, headers: { 'access-control-allow-origin': origin, 'access-control-allow-headers': 'authorization' }
    })
    const allowed = { 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true' }
    t.match(await call(port, '/api/x', { headers: { origin } }), { status: 401, headers: allowed })
    t.match(await call(port, '/api/x', { headers: { origin, ...bearer(await token(ANN)) } }), { status: 403, headers: allowed })
    t.match(await call(port, '/api/x', { method: 'OPTIONS', headers: { origin } }), { status: 401, headers: allowed }, 'an OPTIONS that is no preflight')
    t.equal(asked.length, 0)
  })

  t.test(`${as}: Expect: 100-continue gets no 100 before the credentials are good`, async t => {
    const { port, asked } = await guarded(t, AUTH, {}, { isPlugin })
    const head = 'POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n'
    const rejected = new RawClient(t, port).send(`${head}\r\n`)
    await rejected.closed
    t.match(rejected.received, /^HTTP\/1\.1 401 /)
    t.equal(asked.length, 0)
    const good = new RawClient(t, port).send(`${head}Authorization: Bearer ${await token(ANN)}\r\n\r\n`)
    await good.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/)
    good.send('hello')
    await good.until(/HTTP\/1\.1 200 OK[^]*served/)
    t.equal(good.received.split('100 Continue').length, 2, 'one of them')
  })

  t.test(`${as}: a rejected upload is not waited for, and hides no request`, async t => {
    const { port, asked } = await guarded(t, AUTH, {}, { isPlugin })
    const client = new RawClient(t, port)
    client.send(`POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\nGET /api/y HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${await token(ANN)}\r\n\r\n`)
    await client.closed
    t.match(client.received, /^HTTP\/1\.1 401 [^]*connection: close/i)
    t.equal(client.received.split('HTTP/1.1').length, 2)
    const malformed = new RawClient(t, port).send('POST /api/x HTTP/1.1\r\nHost: x\r\nHost: y\r\nContent-Length: 5\r\n\r\n')
    await malformed.closed
    t.match(malformed.received, /^HTTP\/1\.1 400 /, 'what is malformed is not taken for well-formed')
    t.equal(asked.length, 0)
  })

  t.test(`${as}: over HTTP/2, also from a client that goes on sending`, async t => {
    const { port, asked } = await guarded(t, AUTH, {}, { isPlugin, http2: true })
    const client = new Http2Client(t, port)
    for (const method of ['GET', 'HEAD', 'OPTIONS']) t.match(await client.ask({ ':path': '/api/x', ':method': method }).closed, { status: 401, headers: { 'www-authenticate': 'Bearer' }, ended: true })
    t.match(JSON.parse((await client.ask({ ':path': '/api/x' }).closed).body), { error: { code: 'UNAUTHORIZED' } })
    const upload = client.begin({ ':path': '/api/x', ':method': 'POST' })
    upload.stream.write('x')
    t.equal((await upload.head)[':status'], 401)
    t.equal((await upload.closed).status, 401)
    const expecting = client.begin({ ':path': '/api/x', ':method': 'POST', expect: '100-continue' })
    let informed = false
    expecting.stream.on('continue', () => { informed = true })
    t.equal((await expecting.head)[':status'], 401)
    t.equal(informed, false)
    t.equal(asked.length, 0)
    const headers = { ':path': '/api/x', ...bearer(await token(ANN)), 'x-user': 'root', x_user: 'root' }
    t.equal((await client.ask(headers).closed).status, 200)
    t.match(asked[0]?.headers, { 'x-user': 'ann', x_user: undefined })
    const passed = client.begin({ ...headers, ':method': 'POST', expect: '100-continue' })
    await once(passed.stream, 'continue')
    passed.stream.end('hello')
    t.equal((await passed.closed).status, 200)
  })
}

t.test('a WebSocket opens with credentials alone', async t => {
  const users: unknown[] = []
  const { port: upstream, sockets } = await webSocketService(t, (socket, request) => {
    users.push(request.headers['x-user'])
    echo(socket)
  })
  const { port } = await startRoutes(t, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}`, auth: AUTH, access: { allow: ['127.0.0.0/8'] } }, { prefix: '/denied', target: `http://127.0.0.1:${upstream}`, access: { deny: ['127.0.0.1'] } }] })
  t.match(await rejection(webSocket(t, port, '/api/ws')), { status: 401, headers: { 'www-authenticate': 'Bearer' }, body: /UNAUTHORIZED/ })
  t.match(await rejection(webSocket(t, port, '/api/ws', [], { headers: bearer('x') })), { status: 401 })
  t.match(await rejection(webSocket(t, port, '/denied/ws')), { status: 403 })
  t.equal(sockets.size + users.length, 0)
  const client = await openWebSocket(t, port, '/api/ws', [], { headers: { ...bearer(await token(ANN)), 'x-user': 'root', x_user: 'root' } })
  client.send('hello')
  t.equal(await message(client), 'hello')
  t.strictSame(users, ['ann'])
})

t.test('what authentication sets comes by no trailer', async t => {
  const trailers: NodeJS.Dict<string>[] = []
  const { port: upstream } = await service(t, (request, response) => {
    request.resume().on('end', () => {
      trailers.push(request.trailers)
      response.end()
    })
  })
  const { port } = await startRoutes(t, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}`, auth: AUTH }] })
  const client = new RawClient(t, port)
  client.send(`POST /api/x HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nAuthorization: Bearer ${await token(ANN)}\r\nTransfer-Encoding: chunked\r\nTrailer: x-user\r\n\r\n5\r\nhello\r\n0\r\nX-User: root\r\nx_user: root\r\nx-other: 1\r\n\r\n`)
  await client.until(/200 OK/)
  t.strictSame(trailers.map(names => Object.keys(names)), [['x-other']])
})

t.test('what authentication sets cannot be nominated away, nor named by Connection into the service', async t => {
  const { port, asked } = await guarded(t, AUTH)
  t.equal((await call(port, '/api/x', { headers: ['Host', 'x', 'Authorization', `Bearer ${await token(ANN)}`, 'Connection', 'x-user', 'X-User', 'root'] })).status, 200)
  t.equal(asked[0]?.headers['x-user'], 'ann')
})

t.test('a host\'s own hooks serve as well, and none of them speaks for authentication', async t => {
  const seen: unknown[] = []
  const { port: upstream } = await service(t, (request, response) => response.end(`${request.headers['x-user']} ${request.headers['x-host']}`))
  const app = Fastify()
  app.addHook('onRequest', async request => {
    request.headers['x-user'] = 'root'
    request.headers['x-host'] = 'told'
  })
  app.addHook('preHandler', async (request, reply) => {
    seen.push(request.url)
    if (request.headers['x-blocked'] !== undefined) return await reply.code(418).send()
  })
  await app.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}`, auth: AUTH }] })
  app.get('/own', async () => 'own')
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(async () => await app.close())
  const port = portOf(app.server)
  t.equal((await call(port, '/api/x')).status, 401)
  t.equal(String((await call(port, '/own')).body), 'own')
  const headers = bearer(await token(ANN))
  t.equal(String((await call(port, '/api/y', { headers })).body), 'ann told')
  t.equal((await call(port, '/api/z', { headers: { ...headers, 'x-blocked': '1' } })).status, 418)
  t.strictSame(seen, ['/own', '/api/y', '/api/z'])
})

t.test('a body that a host reads in a hook is there, though its client waits to be told', async t => {
  const { port: upstream } = await service(t, (request, response) => { request.pipe(response) })
  const app = Fastify()
  app.addHook('preHandler', async request => { await once(request.raw, 'readable') })
  await app.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}`, auth: AUTH }] })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(async () => await app.close())
  const client = new RawClient(t, portOf(app.server)).send(`POST /api/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\nExpect: 100-continue\r\nAuthorization: Bearer ${await token(ANN)}\r\n\r\n`)
  await client.until('100 Continue')
  client.send('hello')
  await client.until(/200 OK[^]*hello/)
})

t.test('a request of a host that expects it is told to go on as ever', async t => {
  const app = Fastify()
  app.post('/own', async request => request.body)
  await app.register(streamGateway, { routes: [{ prefix: '/api', target: 'http://127.0.0.1:1', auth: AUTH }] })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(async () => await app.close())
  const client = new RawClient(t, portOf(app.server)).send('POST /own HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Type: text/plain\r\nExpect: 100-continue\r\n\r\n')
  await client.until('100 Continue')
  client.send('hello')
  await client.until(/200 OK[^]*hello/)
})

t.test('the log has no token, no key and no password; at debug it says why', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end())
  const lines: string[] = []
  const app = Fastify({ logger: { level: 'debug', stream: { write: (line: string) => { lines.push(line) } } } })
  const auth = { any: [{ jwt: { secret: SECRET } }, { apiKey: { header: 'x-api-key', keys: { shop: 'confidential-key' } } }] }
  await app.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}`, auth }] })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(async () => await app.close())
  const good = await secretToken()
  await call(portOf(app.server), '/api/x', { headers: bearer(good) })
  await call(portOf(app.server), '/api/x', { headers: { 'x-api-key': 'confidential-key' } })
  await call(portOf(app.server), '/api/x', { headers: { ...bearer(`${good}x`), 'x-api-key': 'confidential-wrong' } })
  const text = lines.join('')
  t.notMatch(text, good)
  t.notMatch(text, /confidential/)
  t.match(text, /"reason":"ERR_JWS_SIGNATURE_VERIFICATION_FAILED, the API key is not known","msg":"not authenticated"/)
})
