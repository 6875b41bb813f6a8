import { once } from 'node:events'
import t from 'tap'
import type { Test } from 'tap'
import streamGateway from '../../src/index.js'
import { call, gatewayTo, start } from '../fixtures/gateway.js'
import { closedPort, RawClient, rawService, received, service } from '../fixtures/peers.js'
import { echo, message, openWebSocket, rejection, webSocket, webSocketService } from '../fixtures/websockets.js'

// docs/parity: WebSockets and other upgrades.

/** A service that says its name and the URL that it was asked for, and echoes. */
async function saying (t: Test, name: string): Promise<string> {
  const { port } = await webSocketService(t, (socket, { url }) => {
    socket.send(`${name} ${url}`)
    echo(socket)
  })
  return `http://127.0.0.1:${port}`
}

/** What a service says first to whoever opens a WebSocket. */
async function greeting (t: Test, port: number, path: string, headers: Record<string, string> = {}): Promise<string> {
  const client = webSocket(t, port, path, [], { headers })
  const first = await message(client)
  client.terminate()
  return first
}

t.test('text stays text and bytes stay bytes, with the subprotocol and the cookie of the client, without a request before', async t => {
  const { port: upstream } = await webSocketService(t, (socket, { headers }) => {
    socket.send(`${socket.protocol} ${headers.cookie}`)
    echo(socket)
  })
  const { port } = await gatewayTo(t, upstream)
  const client = webSocket(t, port, '/api/x', ['foo-subprotocol'], { headers: { cookie: 'foo=bar' } })
  t.equal(await message(client), 'foo-subprotocol foo=bar')
  for (const [data, isBinary] of [['hello', false], [Buffer.from('fastify'), true]] as const) {
    client.send(data, { binary: isBinary })
    t.strictSame(await once(client, 'message'), [Buffer.from(data), isBinary])
  }
})

t.test('several services by prefix, the longest first, and by host', async t => {
  const names = ['A', 'A/B', 'C/D', 'C']
  const routes = await Promise.all(names.map(async name => ({ prefix: `/${name}`, target: await saying(t, name) })))
  const hosts = await Promise.all(['foo', 'bar'].map(async name => ({ prefix: '/', hosts: [name], target: await saying(t, name) })))
  const { port } = await start(t, async app => await app.register(streamGateway, { routes: [...routes, ...hosts] }))
  for (const name of names) t.equal(await greeting(t, port, `/${name}`), `${name} /${name}`)
  for (const name of ['foo', 'bar']) t.equal(await greeting(t, port, `/?q=${name}`, { host: name }), `${name} /?q=${name}`)
})

t.test('paths of a WebSocket and of a request become the same', async t => {
  const { port: upstream } = await webSocketService(t, (socket, { url }) => socket.send(`ordinary ${url}`))
  const target = `http://127.0.0.1:${upstream}`
  for (const [route, path, url] of [
    [{ prefix: '/', target }, '/pub/?a=b', '/pub/?a=b'],
    [{ prefix: '/pub', target, stripPrefix: true }, '/pub/', '/'],
    [{ prefix: '/pub', target, stripPrefix: true }, '/pub/test', '/test'],
    [{ prefix: '/pub', target: `${target}/public/`, stripPrefix: true }, '/pub/test?q', '/public/test?q'],
    [{ prefix: '/prefix', target, pathRewrite: { pattern: '^/prefix', replacement: '/rewrite' } }, '/prefix/some/path', '/rewrite/some/path'],
    [{ prefix: '/ws-path', target }, '/ws-path', '/ws-path'],
    [{ prefix: '/', target, rewritePath: () => '/?q=test' }, '/x?q=other', '/?q=test']
  ] as const) {
    const { port } = await start(t, async app => await app.register(streamGateway, { routes: [route] }))
    t.equal(await greeting(t, port, path), `ordinary ${url}`)
    const plain = await call(port, path)
    t.equal(String(plain.body), `ordinary ${url}`)
  }
  const below = await start(t, async app => await app.register(streamGateway, { routes: [{ prefix: '/pub', target: `${target}/public`, stripPrefix: true }], prefix: '/scope' }))
  t.equal(await greeting(t, below.port, '/scope/pub/test'), 'ordinary /public/test')
})

t.test('a path outside of every prefix opens nothing', async t => {
  const { port } = await start(t, async app => await app.register(streamGateway, { routes: [{ prefix: '/pub', target: await saying(t, 'x') }] }))
  t.equal((await rejection(webSocket(t, port, '/'))).status, 404)
  t.equal((await rejection(webSocket(t, port, '/public'))).status, 404)
})

t.test('hooks run once for a WebSocket, and set its headers and its target', async t => {
  const { port: upstream } = await webSocketService(t, (socket, { headers }) => socket.send(`${headers.myauth} ${headers['x-rule']}`))
  let count = 0
  const { port } = await start(t, async app => {
    app.addHook('onRequest', async () => { count++ })
    await app.register(streamGateway, {
      routes: [{
        prefix: '/api',
        target: 'http://127.0.0.1:1',
        headers: { request: { set: { 'x-rule': 'rule' } } },
        getTarget: ({ raw }) => raw.url === '/api/x' ? `http://127.0.0.1:${upstream}` : undefined,
        rewriteRequestHeaders: headers => { headers.myauth = 'myauth' }
      }]
    })
  })
  t.equal(await greeting(t, port, '/api/x'), 'myauth rule')
  t.equal(count, 1)
})

t.test('a hook that fails, and a service that is not there, are a response that the client can read', async t => {
  const failures: string[] = []
  const target = `http://127.0.0.1:${await closedPort()}`
  const { port } = await start(t, async app => await app.register(streamGateway, {
    onError: ({ code }, { url }) => { failures.push(`${code} ${url}`) },
    routes: [{ prefix: '/gone', target }, { prefix: '/fails', target, getTarget: async () => { throw new Error('of the test') } }]
  }))
  const gone = await rejection(webSocket(t, port, '/gone'))
  t.match([gone.status, JSON.parse(gone.body)], [502, { success: false, error: { code: 'BAD_GATEWAY' } }])
  t.notMatch(gone.body, '127.0.0.1')
  t.equal((await rejection(webSocket(t, port, '/fails'))).status, 500)
  t.strictSame(failures, ['BAD_GATEWAY /gone', 'INTERNAL_ERROR /fails'])
})

t.test('a service that closes in place of an upgrade is a 502, one that knows none responds itself', async t => {
  const { port: closing } = await rawService(t, socket => socket.once('data', () => socket.end()))
  const gateway = await gatewayTo(t, closing)
  t.equal((await rejection(webSocket(t, gateway.port, '/api/x'))).status, 502)
  const { port: plain } = await service(t, (_request, response) => response.writeHead(200, { 'x-plain': 'yes' }).end('no WebSocket here'))
  const { port } = await gatewayTo(t, plain)
  t.match(await rejection(webSocket(t, port, '/api/x')), { status: 200, headers: { 'x-plain': 'yes' }, body: 'no WebSocket here' })
})

t.test('both cookies of a 101 reach the client', async t => {
  const { port: upstream } = await rawService(t, async socket => {
    await received(socket, '\r\n\r\n')
    socket.write('HTTP/1.1 101 Web Socket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSet-Cookie: test1=test1\r\nSet-Cookie: test2=test2\r\n\r\n')
    socket.pipe(socket)
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port).send('GET /api/x HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n')
  await client.until('\r\n\r\n')
  t.match(client.received, /^HTTP\/1\.1 101 [^]*\r\nSet-Cookie: test1=test1\r\nSet-Cookie: test2=test2\r\n/)
  client.send('echo')
  await client.until(/\r\n\r\necho$/)
})

t.test('any protocol and method may be upgraded to; what only looks like an upgrade is an ordinary request', async t => {
  const { port: upstream } = await rawService(t, async socket => {
    const head = await received(socket, '\r\n\r\n')
    if (/^Upgrade: anotherprotocol/im.test(head)) socket.write('HTTP/1.1 101 OK\r\nUpgrade: anotherprotocol\r\nConnection: Upgrade\r\n\r\nhello')
    else socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 8\r\n\r\nordinary')
  })
  const { port } = await gatewayTo(t, upstream)
  for (const [head, last] of [
    ['DELETE /api/x HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: anotherprotocol', 'hello'],
    ['GET /api/x HTTP/1.1\r\nConnection: keep-alive, not upgrade\r\nUpgrade: anotherprotocol', 'ordinary'],
    ['GET /api/x HTTP/1.1\r\nConnection: keep-alive\r\nUpgrade: anotherprotocol', 'ordinary'],
    ['GET /api/x HTTP/1.1\r\nConnection: upgrade', 'ordinary']
  ] as const) {
    const client = new RawClient(t, port).send(`${head}\r\nHost: x\r\n\r\n`)
    await client.until(new RegExp(`${last}$`))
    t.match(client.received, last === 'hello' ? /^HTTP\/1\.1 101 / : /^HTTP\/1\.1 200 /, head)
    client.socket.destroy()
  }
})

t.test('messages around the sizes at which a frame changes its form pass whole', async t => {
  const { port: upstream } = await webSocketService(t, echo)
  const { port } = await gatewayTo(t, upstream)
  const client = await openWebSocket(t, port, '/api/x')
  for (const size of [0, 125, 126, 65_529, 65_530, 65_535, 65_536]) {
    client.send('0'.repeat(size))
    t.equal((await message(client)).length, size)
  }
})

t.test('many after one another and many at once, through two gateways', async t => {
  const { port: upstream } = await webSocketService(t, echo)
  const inner = await gatewayTo(t, upstream)
  const { port } = await gatewayTo(t, inner.port, { pathRewrite: { pattern: '^/api', replacement: '/api' } })
  const ask = async (text: string): Promise<string> => {
    const client = await openWebSocket(t, port, '/api/x')
    client.send(text)
    const got = await message(client)
    client.close()
    await once(client, 'close')
    return got
  }
  for (let nth = 0; nth < 50; nth++) t.equal(await ask(`serial ${nth}`), `serial ${nth}`)
  const many = Array.from({ length: 100 }, (_, nth) => `parallel ${nth}`)
  t.strictSame(await Promise.all(many.map(ask)), many)
})

t.test('a service that goes takes its WebSocket with it, and none is opened anew behind the client', async t => {
  const { port: upstream, sockets } = await webSocketService(t, echo)
  let ended: string | undefined
  const { port } = await gatewayTo(t, upstream, { onEnd: ({ outcome }) => { ended = outcome } })
  const broken = await openWebSocket(t, port, '/api/x')
  for (const socket of sockets) socket.terminate()
  t.equal((await once(broken, 'close'))[0], 1006)
  const closed = await openWebSocket(t, port, '/api/x')
  for (const socket of sockets) socket.close(1001, 'going away')
  const [code, reason] = await once(closed, 'close')
  t.strictSame([code, String(reason)], [1001, 'going away'])
  t.equal(sockets.size, 0)
  t.ok(ended)
})

t.test('who comes while an app closes gets a response, and who is there is let go', async t => {
  const { port: upstream } = await webSocketService(t, echo)
  const { app, port } = await gatewayTo(t, upstream)
  const open = await openWebSocket(t, port, '/api/x')
  const closing = app.close()
  const late = webSocket(t, port, '/api/x')
  const refused = Promise.race([once(late, 'error'), rejection(late)])
  await Promise.all([once(open, 'close'), closing, refused])
  t.not(late.readyState, late.OPEN)
})
