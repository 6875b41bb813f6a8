import type { FastifyServerOptions } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import streamGateway from '../../src/index.js'
import type { GatewayOptions } from '../../src/index.js'
import { call, gatewayTo, start } from '../fixtures/gateway.js'
import type { Started } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway, http2Service } from '../fixtures/http2.js'
import { closedPort, service } from '../fixtures/peers.js'
import { agreed, message, webSocket, webSocketService } from '../fixtures/websockets.js'

/** A gateway in front of a service that responds with the id that it got, and says that it has another. */
async function withIds (t: Test, requestId: GatewayOptions['requestId'], server: FastifyServerOptions = {}): Promise<Started> {
  const { port } = await service(t, (request, response) => {
    response.setHeader('x-request-id', 'the service\'s')
    response.end(String(request.headers['x-request-id']))
  })
  return await gatewayTo(t, port, {}, requestId === undefined ? {} : { requestId }, server)
}

/** The id that the service got, the client got, and the log has, which must be the same. */
async function idOf ({ port, nextLine }: Started, t: Test, sent?: string | string[]): Promise<string> {
  const line = nextLine()
  const { headers, body } = await call(port, '/api/x', { headers: ['Host', 'x', ...[sent ?? []].flat().flatMap(id => ['X-Request-Id', id])] })
  t.equal(headers['x-request-id'], String(body))
  t.equal((await line).reqId, String(body))
  return String(body)
}

t.test('without the key nothing is sent or returned', async t => {
  const { port } = await withIds(t, undefined)
  const { headers, body } = await call(port, '/api/x', { headers: { 'x-request-id': 'client' } })
  t.strictSame([String(body), headers['x-request-id']], ['client', 'the service\'s'])
})

t.test('the host makes it; a peer that is not trusted does not', async t => {
  let count = 0
  const gateway = await withIds(t, {}, { genReqId: () => `host-${++count}` })
  t.equal(await idOf(gateway, t), 'host-1')
  t.equal(await idOf(gateway, t, 'client'), 'host-2')
})

t.test('taken over: from a trusted proxy, from everybody, from nobody', async t => {
  const server = { trustProxy: 'loopback', genReqId: () => 'host' }
  t.equal(await idOf(await withIds(t, {}, server), t, 'proxy'), 'proxy')
  t.equal(await idOf(await withIds(t, {}, { ...server, trustProxy: '10.0.0.0/8' }), t, 'proxy'), 'host')
  t.equal(await idOf(await withIds(t, { trust: 'always' }, { genReqId: () => 'host' }), t, 'anybody'), 'anybody')
  t.equal(await idOf(await withIds(t, { trust: 'never' }, server), t, 'proxy'), 'host')
})

t.test('what is not sound is replaced', async t => {
  const gateway = await withIds(t, { trust: 'always' }, { genReqId: () => 'host' })
  for (const sound of ['a', 'A-Z_0.9~:;/+=@', 'Root=1-67891233-abcdef012345678912345678;Sampled=1', 'x'.repeat(128)]) t.equal(await idOf(gateway, t, sound), sound)
  for (const odd of ['', 'x'.repeat(129), 'a b', 'a"b', 'a\\b', 'a,b', '<b>', 'caf\xe9', '\x1b[1m', ['a', 'b']]) {
    // Node's client writes no such byte.
    if (odd !== '\x1b[1m') t.equal(await idOf(gateway, t, odd), 'host')
  }
})

t.test('in the lines that hooks write, too, as the host labels them', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end())
  const { port, lines } = await start(t, app => {
    app.addHook('preHandler', async (request, reply) => {
      request.log.warn('request')
      reply.log.warn('reply')
    })
    return app.register(streamGateway, { requestId: { trust: 'always' }, routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }] })
  }, { genReqId: () => 'host' })
  await call(port, '/api', { headers: { 'x-request-id': 'theirs' } })
  await call(port, '/api')
  t.strictSame(lines.filter(({ msg }) => msg === 'request' || msg === 'reply').map(({ reqId }) => reqId), ['theirs', 'theirs', 'host', 'host'])
})

t.test('with errors: before the exchange and in it', async t => {
  const { port } = await gatewayTo(t, await closedPort(), { rateLimit: { max: 2 } }, { requestId: { header: 'X-Id', trust: 'always' }, cors: { origin: true } })
  const headers = { 'x-id': 'mine' }
  const options = { method: 'OPTIONS', headers: { ...headers, origin: 'http://a', 'access-control-request-method': 'PUT' } }
  for (const [expected, asked] of [[204, options], [502, { headers }], [400, { headers: { ...headers, 'transfer-encoding': 'gzip, chunked' }, method: 'POST' }], [429, { headers }]] as const) {
    const response = await call(port, '/api/x', asked)
    t.equal(response.headers['x-id'], 'mine', String(expected))
    t.equal(response.status, expected)
    if (expected !== 204) t.equal(response.json().requestId, 'mine')
  }
})

t.test('an upgrade: the service gets it, the 101 has it', async t => {
  const { port: upstream } = await webSocketService(t, (socket, request) => socket.send(String(request.headers['x-request-id'])))
  const { port } = await gatewayTo(t, upstream, {}, { requestId: { trust: 'always' } })
  const client = webSocket(t, port, '/api/x', [], { headers: { 'X-Request-Id': 'mine' } })
  const [headers, there] = await Promise.all([agreed(client), message(client)])
  t.strictSame([headers['x-request-id'], there], ['mine', 'mine'])
})

t.test('HTTP/2 on both sides', async t => {
  const { port: upstream } = await http2Service(t, (stream, headers) => {
    stream.respond({ ':status': 200, 'x-request-id': 'the service\'s' })
    stream.end(String(headers['x-request-id']))
  })
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`, { http2: true }, {
    options: { requestId: { trust: 'always' } }
  })
  const client = new Http2Client(t, port)
  const { headers, body } = await client.ask({ ':path': '/api/x', 'x-request-id': 'mine' }).closed
  t.strictSame([headers['x-request-id'], body], ['mine', 'mine'])
  const rejected = await client.ask({ ':path': '/api/../x', 'x-request-id': 'mine' }).closed
  t.strictSame([rejected.status, rejected.headers['x-request-id']], [400, 'mine'])
})
