/* eslint-disable no-template-curly-in-string -- as they stand in the file */
import type { FastifyServerOptions } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import streamGateway from '../../src/index.js'
import type { GatewayOptions } from '../../src/index.js'
import { HeaderRules } from '../../src/proxy/header-rules.js'
import { call, gatewayTo, start } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway, http2Service } from '../fixtures/http2.js'
import { RawClient, rawService, service } from '../fixtures/peers.js'
import { startService } from '../fixtures/service.js'
import { agreed, message, webSocket, webSocketService } from '../fixtures/websockets.js'

type Headers = NonNullable<GatewayOptions['headers']>

const FILLED = { request: { set: { 'X-Who': '${client.ip} by ${client.protocol}, ${request.host}', 'X-Route': '${route.prefix}', 'X-Id': '<${request.id}>' } } }

/** A function that sends a request and returns the fields that arrived, and those of the response. */
async function observed (t: Test, headers: Headers, server: FastifyServerOptions = {}, sent: string[] = []): Promise<(fields?: string[]) => Promise<{ there: string[], back: string[] }>> {
  let there: string[] = []
  const { port: upstream } = await service(t, (request, response) => {
    there = request.rawHeaders
    response.sendDate = false
    response.writeHead(200, ['Content-Length', '0', ...sent])
    response.end()
  })
  const { port } = await gatewayTo(t, upstream, { headers }, { via: false }, server)
  return async (fields = []) => {
    const { rawHeaders } = await call(port, '/api/x', { headers: ['Host', 'app.example', ...fields] })
    return { there, back: rawHeaders }
  }
}

/** The fields of a name, with their values. */
function fieldsOf (raw: string[], name: RegExp): string[] {
  return raw.flatMap((field, nth) => nth % 2 === 0 && name.test(field) ? [`${field}: ${raw[nth + 1]}`] : [])
}

t.test('remove, then set, then append, in both directions, without regard to case', async t => {
  const rules = { remove: ['X-Removed', 'X-Both'], set: { 'X-Set': 'ours', 'X-Both': 'new' }, append: { 'X-Added': '2', 'X-Removed': 'late' } }
  const fields = ['x-removed', '1', 'X-REMOVED', '2', 'x_removed', '3', 'x-set', '1', 'X-Set', '2', 'x-added', '1', 'X-Both', 'old', 'X-Kept', 'k']
  const ask = await observed(t, { request: rules, response: rules }, {}, fields)
  const { there, back } = await ask(fields)
  for (const raw of [there, back]) {
    t.strictSame(fieldsOf(raw, /^x[-_](?!forwarded|real)/i), ['x-added: 1', 'X-Kept: k', 'X-Set: ours', 'X-Both: new', 'X-Added: 2', 'X-Removed: late'])
  }
})

t.test('nothing that the client sends or nominates keeps a rule from holding', async t => {
  const ask = await observed(t, { request: { set: { 'X-User': 'gateway', 'Sec-Fetch-Mode': 'x' }, remove: ['Cookie'] } })
  const { there } = await ask(['Connection', 'X-User, Sec-Fetch-Mode', 'X-User', 'evil', 'X_User', 'evil', 'x-USER', 'evil', 'Cookie', 'a', 'cookie', 'b'])
  t.strictSame(fieldsOf(there, /user|cookie|sec/i), ['X-User: gateway', 'Sec-Fetch-Mode: x'])
})

t.test('values are filled in for each request', async t => {
  const ask = await observed(t, { ...FILLED, response: { set: { 'X-Back': '${request.id}/${client.ip}' } } }, { genReqId: () => 'id-1' })
  const { there, back } = await ask()
  t.strictSame(fieldsOf(there, /^x-(who|route|id)/i), ['X-Who: 127.0.0.1 by http, app.example', 'X-Route: /api', 'X-Id: <id-1>'])
  t.strictSame(fieldsOf(back, /^x-back/i), ['X-Back: id-1/127.0.0.1'])
})

t.test('what is filled in ends no line and is never other than ASCII', async t => {
  const ask = await observed(t, { request: { set: { 'X-Id': 'a ${request.id}', 'X-Empty': '${request.id}' }, append: { 'X-Id': '${request.id} z' } } }, { genReqId: ({ headers }) => String(headers['x-as']).replace('N', '\r\nX-Evil: 1\0') })
  const [first, second] = [await ask(['X-As', 'idN']), await ask(['X-As', '\xe9'])]
  t.strictSame(fieldsOf(first.there, /^x-(id|evil|empty)/i), ['X-Id: a idX-Evil: 1', 'X-Empty: idX-Evil: 1', 'X-Id: idX-Evil: 1 z'])
  t.strictSame(fieldsOf(second.there, /^x-(id|evil|empty)/i), ['X-Id: a', 'X-Id: z'], 'what comes out empty is left out')
})

t.test('what a trusted proxy says is filled in', async t => {
  const ask = await observed(t, FILLED, { trustProxy: 'loopback' })
  const { there } = await ask(['X-Forwarded-For', '203.0.113.7', 'X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'public.example', 'X-Who', 'faked', 'X_Who', 'faked'])
  t.strictSame(fieldsOf(there, /who/i), ['X-Who: 203.0.113.7 by https, public.example'])
})

t.test('a route\'s rules win over those for all', async t => {
  const { port: upstream } = await service(t, (request, response) => response.end(JSON.stringify(request.headers)))
  const target = `http://127.0.0.1:${upstream}`
  const { port } = await start(t, app => app.register(streamGateway, {
    headers: { request: { set: { 'X-A': 'all', 'X-B': 'all' } } },
    routes: [{ prefix: '/a', target }, { prefix: '/b', target, headers: { request: { set: { 'x-a': 'own' } } } }]
  }))
  t.match((await call(port, '/a')).json(), { 'x-a': 'all', 'x-b': 'all' })
  t.match((await call(port, '/b')).json(), { 'x-a': 'own', 'x-b': 'all' })
})

t.test('what hooks set on the reply stays, and is there once', async t => {
  const { port: upstream } = await service(t, (_request, response) => {
    response.writeHead(200, ['Vary', 'Accept', 'X-Hook', 'service', 'X-Rule', 'service'])
    response.end()
  })
  const { port } = await start(t, app => {
    app.addHook('onRequest', async (_request, reply) => { reply.header('X-Hook', 'hook').header('vary', 'Origin') })
    return app.register(streamGateway, {
      via: false,
      headers: { response: { set: { 'X-Hook': 'rule', 'X-Rule': 'rule' }, append: { Vary: 'Cookie' }, remove: ['vary'] } },
      routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }]
    })
  })
  const { rawHeaders } = await call(port, '/api')
  t.strictSame(fieldsOf(rawHeaders, /^(x-|vary)/i), ['x-hook: hook', 'vary: Origin', 'X-Rule: rule', 'Vary: Cookie'])
})

t.test('interim responses lose what is removed, and get nothing', async t => {
  const { port: upstream } = await rawService(t, socket => {
    socket.on('data', () => socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX-Secret: 1\r\n\r\nHTTP/1.1 200 OK\r\nX-Secret: 2\r\nContent-Length: 0\r\n\r\n'))
  })
  const { port } = await gatewayTo(t, upstream, { headers: { response: { remove: ['x-secret'], set: { 'X-Set': '1' } } } }, { via: false })
  const client = new RawClient(t, port)
  client.send('GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n')
  const text = await client.until('X-Set: 1')
  t.match(text, /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a>\r\n\r\nHTTP\/1\.1 200 OK\r\n/)
  t.notMatch(text, /secret/i)
})

t.test('an upgrade: the request and its 101', async t => {
  const { port: upstream } = await webSocketService(t, (socket, request) => socket.send(JSON.stringify(request.headers)))
  const headers = { request: { set: { 'X-Who': '${client.ip}' }, remove: ['Origin'] }, response: { set: { 'X-Back': '${route.prefix}' } } }
  const { port } = await gatewayTo(t, upstream, { headers })
  const client = webSocket(t, port, '/api/x', [], { origin: 'http://a.example' })
  const [back, there] = await Promise.all([agreed(client), message(client).then(text => JSON.parse(text))])
  t.equal(there['x-who'], '127.0.0.1')
  t.notOk('origin' in there)
  t.equal(back['x-back'], '/api')
})

t.test('HTTP/2 on both sides', async t => {
  let there: string[] = []
  const { port: upstream } = await http2Service(t, (stream, _headers, raw) => {
    there = raw
    stream.respond({ ':status': 200, server: 'secret', 'x-set': ['1', '2'], 'x-added': '1' })
    stream.end('ok')
  })
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`, {
    http2: true,
    headers: { request: { ...FILLED.request, append: { 'X-Added': '2' }, remove: ['Accept'] }, response: { set: { 'X-Set': '${client.protocol}' }, append: { 'X-Added': '2' }, remove: ['Server'] } }
  })
  const { raw, body } = await new Http2Client(t, port).ask({ ':path': '/api/x', ':authority': 'app.example', accept: '*/*', 'x-added': '1', 'x-route': 'faked' }).closed
  t.equal(body, 'ok')
  t.strictSame(fieldsOf(there, /^(x-(added|who|route)|accept)/), ['x-added: 1', 'x-added: 2', 'x-who: 127.0.0.1 by http, app.example', 'x-route: /api'])
  t.strictSame(fieldsOf(raw, /^(x-|server)/), ['x-added: 1', 'x-added: 2', 'x-set: http'])
})

t.test('as a service', async t => {
  const { port: upstream } = await service(t, (request, response) => response.end(JSON.stringify(request.headers)))
  const { port } = await startService(t, {}, { target: `http://127.0.0.1:${upstream}`, headers: { ...FILLED, response: { set: { 'X-Back': '1' } } } })
  const { headers, json } = await call(port, '/api/x', { headers: { host: 'app.example', 'x-route': 'faked' } })
  t.match(json(), { 'x-who': '127.0.0.1 by http, app.example', 'x-route': '/api' })
  t.equal(headers['x-back'], '1')
})

t.test('a variable that nobody knows is a mistake at the start', async t => {
  t.throws(() => new HeaderRules({ remove: [], set: [['a', ['', 'token.sub', '']]], append: [] }, '/'), { message: 'nothing is known as token.sub' })
})

t.test('a trailer does not lead around a rule, in either direction', async t => {
  const received: string[] = []
  const { port: upstream } = await rawService(t, socket => socket.on('data', bytes => {
    received.push(String(bytes))
    if (String(bytes).includes('\r\n0\r\n')) {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-User\r\n\r\n2\r\nok\r\n0\r\nX-User: root\r\nX-Inner: secret\r\nX-Sum: 1\r\n\r\n')
    }
  }))
  const { port } = await gatewayTo(t, upstream, { headers: { request: { set: { 'x-user': 'nobody' } }, response: { remove: ['x-user', 'x-inner'] } } })
  const client = new RawClient(t, port)
  client.send('POST /api/x HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: TE\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\nX-User: root\r\nX_User: root\r\nX-Sum: 1\r\n\r\n')
  await client.until(/X-Sum: 1\r\n\r\n$/)
  t.notMatch(client.received, /root|secret/)
  t.match(received.join(''), /\r\nx-user: nobody\r\n[^]*\r\n0\r\nX-Sum: 1\r\n\r\n$/)
  t.notMatch(received.join(''), 'root')
})
