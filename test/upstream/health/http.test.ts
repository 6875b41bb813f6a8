import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { createSecureServer } from 'node:http2'
import { createServer as createSecure } from 'node:https'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { http2Service } from '../../fixtures/http2.js'
import { closedPort, gone, portOf, rawService, service } from '../../fixtures/peers.js'
import { pair, pem, tlsService } from '../../fixtures/tls.js'
import { checks, firstVerdict, http, NEVER } from './told.js'

const ca = pem('ca.pem')

t.test('a GET of the path, whatever the target\'s base path is', async t => {
  let seen: IncomingMessage | undefined
  const { port } = await service(t, (request, response) => {
    seen = request
    response.end('all well')
  })
  t.equal(await firstVerdict(t, http(port, { basePath: '/base' }), { path: '/health?full=1' }), 'healthy: status 200')
  t.match(seen, {
    method: 'GET',
    url: '/health?full=1',
    headers: { host: `127.0.0.1:${port}`, 'user-agent': 'fastify-stream-gateway (health check)', connection: 'close' }
  })
  await firstVerdict(t, http(port), { host: 'health.internal:81' })
  t.equal(seen?.headers.host, 'health.internal:81', 'the Host of the check')
})

t.test('the status decides', async t => {
  const { port } = await service(t, ({ url = '' }, response) => response.writeHead(Number(url.slice(1))).end())
  for (const [status, expect, verdict] of [
    [200, undefined, 'healthy'], [204, undefined, 'healthy'], [302, undefined, 'healthy'], [399, undefined, 'healthy'],
    [400, undefined, 'unhealthy'], [503, undefined, 'unhealthy'],
    [204, [200, 204], 'healthy'], [201, [200, 204], 'unhealthy'], [302, [200], 'unhealthy'], [503, [503], 'healthy']
  ] as const) {
    t.equal(await firstVerdict(t, http(port), { path: `/${status}`, ...(expect && { expect }) }), `${verdict}: status ${status}`)
  }
})

t.test('an interim response is none', async t => {
  const { port } = await service(t, (_request, response) => {
    response.writeEarlyHints({ link: '</a>; rel=preload' })
    response.writeHead(503).end()
  })
  t.equal(await firstVerdict(t, http(port)), 'unhealthy: status 503')
})

t.test('no response: why', async t => {
  t.equal(await firstVerdict(t, http(await closedPort())), 'unhealthy: ECONNREFUSED')
  const closing = await rawService(t, socket => socket.end())
  t.equal(await firstVerdict(t, http(closing.port)), 'unhealthy: ECONNRESET')
  const resetting = await rawService(t, socket => socket.resetAndDestroy())
  t.equal(await firstVerdict(t, http(resetting.port)), 'unhealthy: ECONNRESET')
  const speaking = await rawService(t, socket => socket.write('SSH-2.0-OpenSSH_9.6\r\n'))
  t.match(await firstVerdict(t, http(speaking.port)), /^unhealthy: HPE_INVALID_/)
  const switching = await rawService(t, socket => socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'))
  t.match(await firstVerdict(t, http(switching.port)), /^unhealthy: /)
})

t.test('the timeout is for the connection, TLS and the head', async t => {
  const closed: Array<Promise<void>> = []
  const wait = (socket: Socket): void => {
    closed.push(gone(socket))
    socket.resume().once('end', () => socket.end())
  }
  const silent = await rawService(t, wait)
  t.equal(await firstVerdict(t, http(silent.port), { timeout: 30 }), 'unhealthy: timeout after 30 ms')
  t.equal(await firstVerdict(t, { protocol: 'https', host: '127.0.0.1', port: silent.port }, { timeout: 30 }), 'unhealthy: timeout after 30 ms')
  const half = await rawService(t, socket => {
    wait(socket)
    socket.write('HTTP/1.1 200 OK\r\nContent-')
  })
  t.equal(await firstVerdict(t, http(half.port), { timeout: 30 }), 'unhealthy: timeout after 30 ms')
  const also = { protocol: 'https', host: '127.0.0.1', port: silent.port, connectTimeout: 30 } as const
  t.equal(await firstVerdict(t, also), 'unhealthy: not connected within 30 ms', 'that of the target may be shorter')
  t.equal(await firstVerdict(t, also, { timeout: 30 }), 'unhealthy: timeout after 30 ms', 'where both are as long, it is that of the check')
  await Promise.all(closed)
  t.equal(closed.length, 5, 'the connections are closed')
})

t.test('a body is read to a bound, and no verdict waits for it in vain', async t => {
  const closed: Array<Promise<void>> = []
  const endless = await rawService(t, socket => {
    closed.push(gone(socket))
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 999999999999999\r\n\r\n')
    const write = (): void => { while (!socket.destroyed && socket.write(Buffer.alloc(10_000))); }
    socket.on('drain', write)
    write()
  })
  t.equal(await firstVerdict(t, http(endless.port), { timeout: NEVER }), 'healthy: status 200')
  const stuck = await rawService(t, socket => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345'))
  t.equal(await firstVerdict(t, http(stuck.port), { timeout: 30 }), 'healthy: status 200')
  const broken = await rawService(t, socket => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345')
    socket.once('data', () => socket.end())
  })
  t.equal(await firstVerdict(t, http(broken.port)), 'healthy: status 200')
  await Promise.all(closed)
  t.equal(closed.length, 1)
})

t.test('over TLS, as requests are', async t => {
  const server = createSecure(pair('localhost'), (_request, response) => response.end())
  const port = await listening(t, server)
  const endpoint = { protocol: 'https', host: 'localhost', port } as const
  t.equal(await firstVerdict(t, { ...endpoint, tls: { ca } }), 'healthy: status 200')
  t.equal(await firstVerdict(t, { ...endpoint, tls: { ca, servername: 'other.example' } }), 'unhealthy: ERR_TLS_CERT_ALTNAME_INVALID')
  t.match(await firstVerdict(t, endpoint), /^unhealthy: [A-Z_]+$/)
  await t.rejects(checks(t).checks.add('a', { ...endpoint, tls: { cert: 'none' } }), 'what cannot be used')
})

t.test('at a Unix socket', async t => {
  const path = join(t.testdir(), 'app.sock')
  const server = createServer((request, response) => response.end(request.headers.host))
  server.listen(path)
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  t.equal(await firstVerdict(t, { protocol: 'http', socketPath: path }), 'healthy: status 200')
  t.equal(await firstVerdict(t, { protocol: 'http', socketPath: `${path}.none` }), 'unhealthy: ENOENT')
})

t.test('over HTTP/2 where the target speaks it', async t => {
  let seen: object | undefined
  const { port } = await http2Service(t, (stream, headers) => {
    seen = headers
    stream.respond({ ':status': headers[':path'] === '/health' ? 204 : 500 })
    stream.end('x'.repeat(100))
  })
  const endpoint = http(port, { http2: true })
  t.equal(await firstVerdict(t, endpoint), 'healthy: status 204')
  t.match(seen, { ':method': 'GET', ':path': '/health', ':scheme': 'http', ':authority': `127.0.0.1:${port}`, 'user-agent': /health check/ })
  t.equal(await firstVerdict(t, endpoint, { path: '/other' }), 'unhealthy: status 500')
  t.equal(await firstVerdict(t, endpoint, { expect: [200] }), 'unhealthy: status 204')

  const resetting = await http2Service(t, stream => stream.close(11))
  t.match(await firstVerdict(t, http(resetting.port, { http2: true })), /^unhealthy: ERR_HTTP2_STREAM_ERROR/)
  const ending = await http2Service(t, stream => stream.close(0))
  t.equal(await firstVerdict(t, http(ending.port, { http2: true })), 'unhealthy: no response')
  const silent = await http2Service(t, () => {})
  t.equal(await firstVerdict(t, http(silent.port, { http2: true }), { timeout: 30 }), 'unhealthy: timeout after 30 ms')
  t.equal(await firstVerdict(t, http(await closedPort(), { http2: true })), 'unhealthy: ECONNREFUSED')
  const http1 = await service(t, (_request, response) => response.end())
  t.match(await firstVerdict(t, http(http1.port, { http2: true })), /^unhealthy: /)
})

t.test('HTTP/2 is agreed on in the handshake', async t => {
  const server = createSecureServer(pair('localhost'))
  server.on('stream', stream => {
    stream.respond()
    stream.end()
  })
  const endpoint = { protocol: 'https', host: 'localhost', http2: true, tls: { ca } } as const
  t.equal(await firstVerdict(t, { ...endpoint, port: await listening(t, server) }), 'healthy: status 200')
  const none = await tlsService(t, pair('localhost'))
  t.equal(await firstVerdict(t, { ...endpoint, port: none.port }), 'unhealthy: ERR_NO_HTTP2')
})

async function listening (t: Test, server: ReturnType<typeof createSecure> | ReturnType<typeof createSecureServer>): Promise<number> {
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  return portOf(server)
}
