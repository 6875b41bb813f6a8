import { once } from 'node:events'
import type { ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import t from 'tap'
import { call, gatewayTo } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway, http2Service } from '../fixtures/http2.js'
import { before } from '../fixtures/parity.js'
import { closedPort, service } from '../fixtures/peers.js'
import { until } from '../fixtures/until.js'

// docs/parity: what comes of it when a service is slow, goes, or comes back.

t.test('a service of HTTP/2 that goes and comes back, again and again', async t => {
  const port = await closedPort()
  const gateway = await gatewayTo(t, port, { http2: true })
  t.equal((await call(gateway.port, '/api/x')).status, 502)
  for (let nth = 0; nth < 3; nth++) {
    const { server, sessions } = await http2Service(t, stream => { stream.respond({ ':status': 200 }); stream.end('here') }, {}, port)
    t.equal(String((await call(gateway.port, '/api/x')).body), 'here')
    for (const session of sessions) session.destroy()
    server.close()
    await once(server, 'close')
    const { status, headers, ...response } = await call(gateway.port, '/api/x')
    t.match([status, headers['content-type'], response.json()], [502, 'application/json; charset=utf-8', { success: false, error: { code: 'BAD_GATEWAY' } }])
  }
})

t.test('a service of HTTP/2 that says GOAWAY has its next request on another connection', async t => {
  const { port: upstream, sessions } = await http2Service(t, stream => { stream.respond({ ':status': 200 }); stream.end('ok') })
  const { port } = await gatewayTo(t, upstream, { http2: true })
  const ask = async (): Promise<void> => { t.equal(String((await call(port, '/api/x')).body), 'ok') }
  await ask()
  for (let nth = 1; nth <= 3; nth++) {
    sessions.at(-1)?.goaway(0)
    await until(async () => { await ask(); return sessions.length > nth })
    t.equal(sessions.length, nth + 1)
  }
})

t.test('streams that clients cancel make room at a service that takes few', async t => {
  const open = new Set<ServerHttp2Stream>()
  const { port: upstream } = await http2Service(t, stream => {
    open.add(stream)
    stream.once('close', () => open.delete(stream))
    stream.respond({ ':status': 200 })
    stream.write('first')
  }, { settings: { maxConcurrentStreams: 10 } })
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`, { http2: true })
  const client = new Http2Client(t, port)
  for (let nth = 0; nth < 60; nth++) {
    const { stream, closed, head } = client.ask({ ':path': '/api/x' })
    if (nth % 2 === 0) await new Promise(resolve => setImmediate(resolve))
    else t.equal((await head)[':status'], 200)
    stream.close(8)
    await closed
  }
  while (open.size > 0) await new Promise(resolve => setImmediate(resolve))
})

t.test('each route has a time of its own for its service, over HTTP/1 and HTTP/2', async t => {
  const { port: one } = await service(t, () => {})
  const { port: two } = await http2Service(t, () => {})
  for (const [target, http2] of [[`http://127.0.0.1:${one}`, false], [`http://127.0.0.1:${two}`, true]] as const) {
    const ended: string[] = []
    const { port } = await http2Gateway(t, target, { prefix: '/fail', timeout: 50, http2 }, { options: { routes: [{ prefix: '/fail', target, timeout: 50, http2 }, { prefix: '/wait', target, timeout: '10m', http2 }] } })
    const client = new Http2Client(t, port)
    const wait = client.ask({ ':path': '/wait' })
    wait.closed.then(() => ended.push('wait'))
    const { status, headers, body } = await client.ask({ ':path': '/fail' }).closed
    t.match([status, headers['content-type'], JSON.parse(body)], [504, 'application/json; charset=utf-8', { error: { code: 'GATEWAY_TIMEOUT' } }])
    t.strictSame(ended, [])
    wait.stream.close()
    await wait.closed
  }
})

t.test('a body that stalls is broken off behind its head, and never ends as if it were whole', async t => {
  const { port: upstream } = await service(t, ({ url }, response) => {
    response.flushHeaders()
    if (url === '/part') response.write('test')
  })
  const { port } = await gatewayTo(t, upstream, { timeout: 50 })
  for (const path of ['/api/part', '/api/head']) await t.rejects(call(port, path), { code: 'ECONNRESET' })
})

t.test('a service that is gone, that resets and that closes: a 502 that names nobody, and a hook is told', async t => {
  const gone = await closedPort()
  const causes: unknown[] = []
  const failing = async (act: (socket: Socket) => void): Promise<string> => {
    const { port } = await service(t, ({ socket }) => act(socket))
    return `http://127.0.0.1:${port}`
  }
  for (const target of [`http://127.0.0.1:${gone}`, await failing(socket => socket.resetAndDestroy()), await failing(socket => socket.end())]) {
    const { ask } = await before(t, { target, onError: ({ cause }) => { causes.push(cause) } })
    const { status, headers, body } = await ask('/api/x?<script>')
    t.strictSame([status, headers['content-type']], [502, 'application/json; charset=utf-8'])
    t.notMatch(String(body), /127\.0\.0\.1|ECONN|script/)
  }
  t.match(causes, [/ECONNREFUSED/, /ECONNRESET/, /./].map(pattern => ({ message: pattern })))
})
