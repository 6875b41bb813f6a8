import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createSecureServer, createServer as createHttp2Server } from 'node:http2'
import type { ServerHttp2Stream } from 'node:http2'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { createServer as createHttps, request as httpsRequest } from 'node:https'
import type { Server, Socket } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { call, gatewayOver, gatewayTo } from '../fixtures/gateway.js'
import { http2Gateway, http2Service } from '../fixtures/http2.js'
import { echo, seen } from '../fixtures/moving.js'
import { before } from '../fixtures/parity.js'
import { portOf, service } from '../fixtures/peers.js'
import { targets } from '../fixtures/targets.js'
import { pair, pem } from '../fixtures/tls.js'
import { message, webSocket, webSocketService } from '../fixtures/websockets.js'

// docs/parity: what a service may be.

const HAS_IPV6 = Object.values(networkInterfaces()).flat().some(address => address?.address === '::1')

/** A service under TLS, of HTTP/1 or HTTP/2. */
async function secured (t: Test, http2: boolean): Promise<string> {
  const server = http2 ? createSecureServer(pair('localhost')) : createHttps(pair('localhost'), (_request, response) => response.end('https'))
  if (http2) server.on('stream', (stream: ServerHttp2Stream) => { stream.respond({ ':status': 200 }); stream.end('h2') })
  await listening(t, server, 0)
  return `https://localhost:${portOf(server)}`
}

/** Starts a server whose connections end with the test. */
async function listening (t: Test, server: Server, at: number | string): Promise<void> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  if (typeof at === 'string') server.listen(at)
  else server.listen(at, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
}

t.test('clients of HTTP/1, HTTPS and HTTP/2 before services of each', async t => {
  const { port: plain } = await service(t, (_request, response) => response.end('http'))
  const { port: h2c } = await http2Service(t, stream => { stream.respond({ ':status': 200 }); stream.end('h2c') })
  const tls = { ca: pem('ca.pem') }
  for (const [name, route] of [
    ['http', { target: `http://127.0.0.1:${plain}` }], ['https', { target: await secured(t, false), tls }],
    ['h2c', { target: `http://127.0.0.1:${h2c}`, http2: true }], ['h2', { target: await secured(t, true), tls, http2: true }]
  ] as const) {
    const http1 = await gatewayTo(t, 0, route)
    t.equal(String((await call(http1.port, '/api/x')).body), name)
    const { port } = await http2Gateway(t, route.target, route, { tls: pair('localhost') })
    const [response]: IncomingMessage[] = await once(httpsRequest({ port, host: 'localhost', ca: pem('ca.pem'), path: '/api/x', agent: false }).end(), 'response')
    t.equal(String(Buffer.concat(await response?.toArray() ?? [])), name, `a client of HTTPS, a service of ${name}`)
    const session = connect(`https://localhost:${port}`, tls)
    t.teardown(() => session.destroy())
    const many = Array.from({ length: 10 }, async () => String(Buffer.concat(await session.request({ ':path': '/api/x' }).toArray())))
    t.strictSame(new Set(await Promise.all(many)), new Set([name]), `a client of HTTP/2, a service of ${name}`)
    session.close()
  }
})

t.test('a certificate that nobody known has signed is a 502', async t => {
  const { port } = await gatewayTo(t, 0, { target: await secured(t, false) })
  const { status, body } = await call(port, '/api/x')
  t.equal(status, 502)
  t.notMatch(String(body), /certificate|localhost/)
})

t.test('a service at an address of IPv6', { skip: HAS_IPV6 ? false : 'there is no IPv6 here' }, async t => {
  const server = createServer(echo).listen(0, '::1')
  await once(server, 'listening')
  t.teardown(() => { server.closeAllConnections(); server.close() })
  const port = portOf(server)
  const url = `http://[::1]:${port}`
  const search = '?a=%E6%96%87&b=x%20y'
  for (const route of [{ target: url }, { target: { host: '::1', port } }, { getTarget: () => url }, { getTarget: async () => ({ host: '::1', port }) }]) {
    const { headers, url: seenUrl } = await (await before(t, route)).see(`/api/x${search}`)
    t.strictSame([headers.host, seenUrl], [`[::1]:${port}`, `/api/x${search}`])
  }
  const based = await before(t, { target: `${url}/base`, headers: { request: { set: { authorization: 'Basic x' } } } })
  t.match(await based.see('/api/x'), { url: '/base/api/x', headers: { authorization: 'Basic x' } })
  const copied = await before(t, { mirror: { upstream: 'copies' } }, { options: { upstreams: { copies: { targets: [url] } } } })
  const [[copy]] = await Promise.all([once(server, 'request'), copied.ask('/api/copied')])
  t.equal(copy.url, '/api/copied')
  const any = await before(t, { target: `http://[::]:${port}` })
  t.equal(await any.url('/api/x'), '/api/x', 'the unspecified address is this machine')
})

t.test('a service at a Unix socket, over HTTP/2 as well', async t => {
  // A path of a socket is short: 107 bytes on Linux.
  const folder = mkdtempSync(join(tmpdir(), 'gateway-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  await listening(t, createServer(echo), join(folder, '1.sock'))
  const http2 = createHttp2Server()
  http2.on('stream', (stream: ServerHttp2Stream, { ':path': path }) => { stream.respond({ ':status': 200 }); stream.end(`h2c ${path}`) })
  await listening(t, http2, join(folder, '2.sock'))
  const one = await before(t, { target: `unix:${folder}/1.sock` })
  t.match(await one.see('/api/hello?x'), { url: '/api/hello?x', headers: { host: 'localhost' } })
  const two = await before(t, { target: `unix:${folder}/2.sock`, http2: true })
  t.equal(String((await two.ask('/api/hello')).body), 'h2c /api/hello')
})

t.test('round robin takes each in turn, requests and WebSockets alike', async t => {
  const services = await Promise.all(['a', 'b'].map(async name => {
    const { port } = await webSocketService(t, socket => socket.send(name))
    return { name, url: `http://127.0.0.1:${port}` }
  }))
  const { port } = await gatewayOver(t, services.map(({ url }) => url), { balance: 'round-robin' })
  const names: string[] = []
  for (let nth = 0; nth < 6; nth++) {
    const client = webSocket(t, port, '/api/x')
    names.push(await message(client))
    client.terminate()
  }
  t.strictSame(names.toSorted(), ['a', 'a', 'a', 'b', 'b', 'b'])
  t.not(names[0], names[1])
  const several = await targets(t, 3)
  const plain = await gatewayOver(t, several.map(({ url }) => url), { balance: 'round-robin' })
  for (let nth = 0; nth < 9; nth++) await call(plain.port, '/api/x')
  t.strictSame(several.map(({ requests }) => requests.length), [3, 3, 3])
})

t.test('what is sent and received is of the same request, in a copy as well', async t => {
  const copies: unknown[] = []
  const { port: copy } = await service(t, (request, response) => { copies.push(`${request.method} ${request.url}`); response.end('copy') })
  const { ask } = await before(t, { mirror: { upstream: 'copies' } }, { options: { upstreams: { copies: { targets: [`http://127.0.0.1:${copy}/some-path`] } } } })
  t.equal(seen(await ask('/api/x?y=1')).url, '/api/x?y=1')
  while (copies.length === 0) await new Promise(resolve => setImmediate(resolve))
  t.strictSame(copies, ['GET /some-path/api/x?y=1'])
})
