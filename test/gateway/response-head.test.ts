import t from 'tap'
import type { Test } from 'tap'
import { call, gatewayTo, start } from '../fixtures/gateway.js'
import { RawClient, rawService } from '../fixtures/peers.js'
import streamGateway from '../../src/index.js'

async function responding (t: Test, response: string): Promise<number> {
  const { port } = await rawService(t, socket => { socket.on('data', () => socket.write(Buffer.from(response, 'latin1'))) })
  return port
}

t.test('the head arrives as the service wrote it, less what is of the hop', async t => {
  const upstream = await responding(t, [
    'HTTP/1.1 299 Quite odd \xe9', 'date: Mon, 01 Jan 2001 00:00:00 GMT', 'X-One: 1', 'x-TWO: 2', 'Set-Cookie: a=1', 'Set-Cookie: b=2', 'Set-Cookie: c=3',
    'Connection: close, X-Hop', 'X-Hop: 1', 'Keep-Alive: timeout=5', 'Proxy-Authenticate: Basic', 'Upgrade: h2c', 'Trailer: X-T', 'X-Latin: caf\xe9', 'Content-Length: 2', '', 'ok'
  ].join('\r\n'))
  const { port } = await gatewayTo(t, upstream, {}, { via: false })
  const client = new RawClient(t, port)
  client.send('GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n')
  const response = await client.until('\r\n\r\nok')
  t.strictSame(response.split('\r\n').filter(line => !line.startsWith('Keep-Alive: timeout=72')), [
    'HTTP/1.1 299 Quite odd \xe9', 'date: Mon, 01 Jan 2001 00:00:00 GMT', 'X-One: 1', 'x-TWO: 2', 'Set-Cookie: a=1', 'Set-Cookie: b=2', 'Set-Cookie: c=3',
    'X-Latin: caf\xe9', 'Content-Length: 2', 'Connection: keep-alive', '', 'ok'
  ])
})

t.test('what hooks of the host set reaches the client beside the service\'s fields', async t => {
  const upstream = await responding(t, 'HTTP/1.1 200 OK\r\nX-Both: service\r\nSet-Cookie: s=1\r\nVary: Accept\r\nContent-Length: 0\r\n\r\n')
  const { port } = await start(t, async app => {
    app.addHook('onRequest', async (_request, reply) => {
      reply.headers({ 'x-both': 'host', 'x-host': 1, vary: 'Origin, accept' })
      reply.raw.setHeader('x-raw', 'raw')
    })
    await app.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }] })
  })
  const response = await call(port, '/api')
  t.match(response.headers, { 'x-both': 'host', 'x-host': '1', vary: 'Accept, Origin', 'set-cookie': ['s=1'] })
})

t.test('many cookies stay many also when the host touched the raw response', async t => {
  const upstream = await responding(t, 'HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nSet-Cookie: c=3\r\nContent-Length: 0\r\n\r\n')
  const { port } = await start(t, async app => {
    app.addHook('onRequest', async (_request, reply) => {
      reply.raw.setHeader('x-raw', 'raw')
      reply.header('set-cookie', ['own=1', 'own=2'])
    })
    await app.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }] })
  })
  const response = await call(port, '/api')
  t.equal(response.headers['x-raw'], 'raw')
  t.strictSame(response.headers['set-cookie'], ['a=1', 'b=2', 'c=3', 'own=1', 'own=2'])
})

t.test('Vary: * stays', async t => {
  for (const [theirs, ours, expected] of [['*', 'Origin', '*'], ['Accept', '*', '*']] as const) {
    const upstream = await responding(t, `HTTP/1.1 200 OK\r\nVary: ${theirs}\r\nContent-Length: 0\r\n\r\n`)
    const { port } = await start(t, async app => {
      app.addHook('onRequest', async (_request, reply) => { reply.header('vary', ours) })
      await app.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }] })
    })
    t.equal((await call(port, '/api')).headers.vary, expected)
  }
})

t.test('a 204 loses its Content-Length (RFC 9110 section 8.6)', async t => {
  const upstream = await responding(t, 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n')
  const { port } = await gatewayTo(t, upstream)
  t.equal((await call(port, '/api')).headers['content-length'], undefined)
})

t.test('a response that cannot be written again is 502', async t => {
  for (const head of ['HTTP/1.1 999999 Odd', 'HTTP/1.1 200 OK\r\nX-Odd: a\x01b', 'HTTP/1.1 200 a\x01b', 'HTTP/1.1 000 Zero', 'HTTP/1.1 42 Short']) {
    const upstream = await responding(t, `${head}\r\nContent-Length: 0\r\n\r\n`)
    const { port, nextLine } = await gatewayTo(t, upstream)
    const line = nextLine()
    const response = await call(port, '/api/x')
    t.equal(response.status, 502, head)
    t.equal(response.reason, 'Bad Gateway')
    t.match(await line, { outcome: 'upstream error', status: 502 })
  }
})
