import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import t from 'tap'
import { gatewayTo, start } from '../fixtures/gateway.js'
import { gone, service } from '../fixtures/peers.js'
import { agreed, bytes, echo, message, openWebSocket, rejection, webSocket, webSocketService } from '../fixtures/websockets.js'
import streamGateway from '../../src/index.js'

t.test('a WebSocket goes through: the client\'s fields, text and binary, one access line at its end', async t => {
  const { port: upstream } = await webSocketService(t, (socket, request) => {
    socket.send(JSON.stringify([request.url, request.headers]))
    echo(socket)
  })
  const { port, nextLine } = await gatewayTo(t, upstream, {}, { via: 'test' })
  const client = webSocket(t, port, '/api/chat?room=1', [], { headers: { Authorization: 'Bearer x', Cookie: 'a=1; b=2', TE: 'trailers' }, origin: 'https://app.example' })
  const [path, headers] = JSON.parse(await message(client))
  t.equal(path, '/chat?room=1')
  t.match(headers, {
    connection: 'Upgrade',
    upgrade: 'websocket',
    authorization: 'Bearer x',
    cookie: 'a=1; b=2',
    origin: 'https://app.example',
    'sec-websocket-version': '13',
    'sec-websocket-key': /./,
    'x-forwarded-for': '127.0.0.1',
    via: '1.1 test'
  })
  t.notOk(headers.te)
  client.send('hällo')
  t.equal(await message(client), 'hällo')
  const random = randomBytes(1000)
  client.send(random)
  const [data, isBinary] = await once(client, 'message')
  t.ok(isBinary)
  t.ok(bytes(data).equals(random))
  const line = nextLine()
  client.close()
  await once(client, 'close')
  t.match(await line, { url: '/api/chat?room=1', status: 101, outcome: 'completed', level: 30, route: '/api' })
  t.ok(Number((await line).bytes) > 1000, 'what the client got is counted')
})

t.test('a message in fragments arrives as one, and pings in between get a response from the other side', async t => {
  const pinged: string[] = []
  const { port: upstream } = await webSocketService(t, socket => {
    socket.on('ping', data => pinged.push(String(data)))
    echo(socket)
  })
  const { port } = await gatewayTo(t, upstream)
  const client = await openWebSocket(t, port, '/api/x')
  const pong = once(client, 'pong')
  client.send('one ', { fin: false })
  client.ping('in the midst')
  client.send('two ', { fin: false })
  client.send('three', { fin: true })
  t.equal(await message(client), 'one two three')
  t.equal(String((await pong)[0]), 'in the midst')
  t.strictSame(pinged, ['in the midst'])
})

t.test('frames of 16 MiB in both directions', async t => {
  const { port: upstream } = await webSocketService(t, echo)
  const { port } = await gatewayTo(t, upstream)
  const client = await openWebSocket(t, port, '/api/x')
  const large = randomBytes(16 * 1024 * 1024)
  client.send(large)
  const [data] = await once(client, 'message')
  t.ok(bytes(data).equals(large))
})

t.test('close codes and reasons, from either side', async t => {
  const closed: Promise<unknown[]>[] = []
  const { port: upstream } = await webSocketService(t, socket => {
    closed.push(once(socket, 'close'))
    socket.on('message', () => socket.close(4001, 'as the service says'))
  })
  const { port, nextLine } = await gatewayTo(t, upstream)
  const lines = [nextLine(), nextLine()]
  const first = await openWebSocket(t, port, '/api/x')
  first.send('close')
  const [code, reason] = await once(first, 'close')
  t.strictSame([code, String(reason)], [4001, 'as the service says'])
  await lines[0]
  const second = await openWebSocket(t, port, '/api/x')
  second.close(1000, 'as the client says')
  await once(second, 'close')
  t.match(await Promise.all(lines), [{ outcome: 'completed' }, { outcome: 'completed' }])
  t.strictSame((await Promise.all(closed)).map(([code, reason]) => `${code} ${reason}`), ['4001 as the service says', '1000 as the client says'])
})

t.test('subprotocols and extensions are agreed on by the two sides', async t => {
  const { port: upstream } = await webSocketService(t, echo, {
    perMessageDeflate: true,
    handleProtocols: protocols => protocols.has('graphql-ws') ? 'graphql-ws' : false
  })
  const { port } = await gatewayTo(t, upstream)
  const client = await openWebSocket(t, port, '/api/x', ['soap', 'graphql-ws'], { perMessageDeflate: true })
  t.equal(client.protocol, 'graphql-ws')
  t.equal(client.extensions, 'permessage-deflate')
  client.send('x'.repeat(100_000))
  t.equal(await message(client), 'x'.repeat(100_000))
})

t.test('many at once, each its own', async t => {
  const { port: upstream } = await webSocketService(t, echo)
  const { port } = await gatewayTo(t, upstream)
  const clients = await Promise.all(Array.from({ length: 50 }, async () => await openWebSocket(t, port, '/api/x')))
  const responses = clients.map(async client => await message(client))
  clients.forEach((client, i) => client.send(`number ${i}`))
  t.strictSame(await Promise.all(responses), clients.map((_client, i) => `number ${i}`))
})

t.test('a service that rejects: its status, its fields, its body, and the connection is closed', async t => {
  const { port: upstream } = await service(t, (request, response) => {
    const status = Number(request.url?.slice(1))
    if (status === 426) response.setHeader('Upgrade', 'websocket, other/2')
    response.writeHead(status, { 'WWW-Authenticate': 'Bearer' })
    response.end(`no ${status}`)
  })
  const { port, nextLine } = await gatewayTo(t, upstream)
  for (const status of [200, 401, 403, 426]) {
    const line = nextLine()
    const client = webSocket(t, port, `/api/${status}`)
    const response = await rejection(client)
    t.match(response, { status, body: `no ${status}`, headers: { 'www-authenticate': 'Bearer' } })
    t.match(response.headers, status === 426 ? { connection: 'Upgrade, close', upgrade: 'websocket, other/2' } : { connection: 'close', upgrade: undefined })
    t.match(await line, { status, outcome: 'completed' })
  }
})

t.test('the host\'s hooks run before, and may stop it; their fields are in the 101', async t => {
  const { port: upstream } = await webSocketService(t, echo)
  const responses: number[] = []
  const { port, nextLine } = await start(t, async app => {
    app.addHook('onRequest', async (request, reply) => {
      reply.header('x-host', 'was here')
      if (request.headers.authorization === undefined) return await reply.code(401).send({ error: 'log in first' })
    })
    app.addHook('onResponse', async (_request, reply) => { responses.push(reply.raw.statusCode) })
    await app.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }] })
  })
  const line = nextLine()
  t.match(await rejection(webSocket(t, port, '/api/x')), { status: 401, body: '{"error":"log in first"}', headers: { connection: 'close' } })
  t.match(await line, { status: 401, outcome: 'rejected' })
  const headers = await agreed(webSocket(t, port, '/api/x', [], { headers: { authorization: 'x' } }))
  t.match(headers, { 'x-host': 'was here', upgrade: 'websocket', connection: 'Upgrade' })
  t.strictSame(responses, [401, 101])
})

t.test('handshakes count for the rate limit', async t => {
  const { port: upstream } = await webSocketService(t, echo)
  const { port } = await gatewayTo(t, upstream, {}, { rateLimit: { max: 1 } })
  t.match(await agreed(webSocket(t, port, '/api/x')), { 'x-ratelimit-limit': '1', 'x-ratelimit-remaining': '0' })
  const { status, body, headers } = await rejection(webSocket(t, port, '/api/x'))
  t.match({ status, body }, { status: 429, body: /"code":"TOO_MANY_REQUESTS"/ })
  t.ok(headers['retry-after'])
})

t.test('where there is a CORS policy, a page of another origin may not open one', async t => {
  const { port: upstream } = await webSocketService(t, echo)
  const page = 'https://app.example'
  const { port } = await start(t, app => app.register(streamGateway, {
    cors: { origin: [page, 'https://other.example'] },
    routes: [
      { prefix: '/list', target: `http://127.0.0.1:${upstream}` },
      { prefix: '/one', target: `http://127.0.0.1:${upstream}`, cors: { origin: page } },
      { prefix: '/any', target: `http://127.0.0.1:${upstream}`, cors: { origin: true } },
      { prefix: '/star', target: `http://127.0.0.1:${upstream}`, cors: { origin: '*' } },
      { prefix: '/none', target: `http://127.0.0.1:${upstream}`, cors: { origin: false } },
      { prefix: '/off', target: `http://127.0.0.1:${upstream}`, cors: false }
    ]
  }))
  const own = `http://127.0.0.1:${port}`
  const cases: [path: string, origin: string | undefined, allowed: boolean][] = [
    ['/list', page, true], ['/list', 'https://evil.example', false], ['/list', 'null', false], ['/list', `${page}.evil.example`, false],
    ['/list', undefined, true], ['/list', own, true], ['/list', `http://evil.example/${own}`, false],
    ['/one', page, true], ['/one', 'https://other.example', false],
    ['/any', 'https://evil.example', true], ['/star', 'https://evil.example', true],
    ['/none', page, false], ['/none', own, true], ['/off', 'https://evil.example', true]
  ]
  for (const [path, origin, allowed] of cases) {
    const client = webSocket(t, port, path, [], origin === undefined ? {} : { origin })
    if (allowed) {
      const headers = await agreed(client)
      t.equal(headers.upgrade, 'websocket', `${origin} may open ${path}`)
      if (path === '/list' && origin === page) t.equal(headers['access-control-allow-origin'], page)
    } else {
      const { status, body } = await rejection(client)
      t.equal(status, 403, `${origin} may not open ${path}`)
      t.match(body, '"code":"FORBIDDEN"')
    }
    client.terminate()
    await gone(client)
  }
})
