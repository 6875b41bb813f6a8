import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import { connect as connectTls } from 'node:tls'
import websocket from '@fastify/websocket'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { WebSocketServer } from 'ws'
import streamGateway from '../../src/index.js'
import { call, gatewayTo, start } from '../fixtures/gateway.js'
import { portOf, RawClient, service } from '../fixtures/peers.js'
import { message, rejection, webSocket, webSocketService } from '../fixtures/websockets.js'

const UPGRADE = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
const H2C = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'

/** A service that tells what it got; `/over` goes over to bytes. */
async function telling (t: Test): Promise<number> {
  const { port, server } = await service(t, async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    response.end(`[${request.method} ${request.url} ${request.headers.connection} ${request.headers.upgrade} ${body}]`)
  })
  server.on('upgrade', (request, socket) => socket.end(`HTTP/1.1 101 \r\nConnection: Upgrade\r\nUpgrade: ${request.headers.upgrade}\r\n\r\nover`))
  return port
}

t.test('the host\'s own WebSockets stay the host\'s, wherever the gateway is mounted', async t => {
  const { port: upstream } = await webSocketService(t, socket => socket.send('the service'))
  const register = async (app: FastifyInstance, prefix: string): Promise<void> => {
    await app.register(streamGateway, { routes: [{ prefix, target: `http://127.0.0.1:${upstream}` }] })
  }
  const host = async (app: FastifyInstance): Promise<void> => {
    await app.register(websocket)
    app.get('/ws', { websocket: true }, socket => socket.send('the host'))
    app.get('/chat/:room', { websocket: true }, (socket, request) => socket.send(`the host in ${JSON.stringify(request.params)}`))
    app.get('/deep/*', { websocket: true }, socket => socket.send('the host below'))
    app.get('/:top', { websocket: true }, socket => socket.send('the host at the top'))
    app.get('/page', async () => 'a page')
  }
  for (const [name, first, second, prefix] of [
    ['before it, at /', host, register, '/'], ['after it, at /', register, host, '/'],
    ['before it, beside', host, register, '/api'], ['after it, beside', register, host, '/api']
  ] as const) {
    await t.test(`@fastify/websocket registered ${name}`, async t => {
      const { port } = await start(t, async app => {
        await first(app, prefix)
        await second(app, prefix)
      })
      t.equal(await message(webSocket(t, port, '/api/x')), 'the service')
      t.equal(await message(webSocket(t, port, '/ws')), 'the host')
      t.equal(await message(webSocket(t, port, '/ws?token=1')), 'the host')
      t.equal(await message(webSocket(t, port, '/chat/blue')), 'the host in {"room":"blue"}')
      t.equal(await message(webSocket(t, port, '/deep/down')), 'the host below')
      if (prefix === '/') {
        t.equal(await message(webSocket(t, port, '/one')), 'the host at the top')
        t.equal(await message(webSocket(t, port, '/one/two')), 'the service')
        t.equal(await message(webSocket(t, port, '/w%C3%A4s/x?y=%zz')), 'the service')
      }
      t.equal(String((await call(port, '/page')).body), 'a page')
    })
  }
})

t.test('a bare ws server that listens later, and would close what it does not know', async t => {
  const { port: upstream } = await webSocketService(t, socket => socket.send('the service'))
  const { app, port } = await gatewayTo(t, upstream)
  const sockets = new WebSocketServer({ server: app.server, path: '/ws' })
  sockets.on('connection', socket => socket.send('the host'))
  t.equal(await message(webSocket(t, port, '/ws')), 'the host')
  t.equal(await message(webSocket(t, port, '/api/x')), 'the service')
  t.equal((await rejection(webSocket(t, port, '/nobodys'))).status, 400, 'ws has its say')
  const client = new RawClient(t, port).send(`POST /api/x HTTP/1.1\r\nHost: x\r\n${H2C}Content-Length: 4\r\n\r\nbody`)
  await client.until('ordinary /x')
  client.socket.destroy()
  sockets.close()
  t.equal((await rejection(webSocket(t, port, '/nobodys'))).status, 404, 'it listens no more')
})

t.test('what @fastify/websocket makes up is its own', async t => {
  const { app } = await start(t, async app => {
    await app.register(streamGateway, { routes: [{ prefix: '/', target: 'http://127.0.0.1:1' }] })
    await app.register(websocket)
    app.get('/ws', { websocket: true }, socket => { socket.on('message', data => socket.send(`the host got ${String(data)}`)) })
  })
  const client = await app.injectWS('/ws')
  client.send('it')
  t.equal(await message(client), 'the host got it')
  client.terminate()
})

t.test('a server with two gateways has one listener', async t => {
  const services = [await webSocketService(t, socket => socket.send('first')), await webSocketService(t, socket => socket.send('second'))]
  const { app, port } = await start(t, async app => {
    for (const [i, { port }] of services.entries()) {
      await app.register(streamGateway, { prefix: `/v${i}`, routes: [{ prefix: '/api', target: `http://127.0.0.1:${port}` }] })
    }
  })
  t.equal(app.server.listenerCount('upgrade'), 1)
  t.equal(await message(webSocket(t, port, '/v0/api/x')), 'first')
  t.equal(await message(webSocket(t, port, '/v1/api')), 'second')
})

t.test('a gateway at the root of a prefix', async t => {
  const { port: upstream } = await webSocketService(t, socket => socket.send('the service'))
  const { port } = await start(t, app => app.register(streamGateway, { prefix: '/v1', routes: [{ prefix: '/', target: `http://127.0.0.1:${upstream}` }] }))
  t.equal(await message(webSocket(t, port, '/v1/x')), 'the service')
  t.equal((await rejection(webSocket(t, port, '/v1'))).status, 404, 'no route of the gateway')
})

t.test('what is no upgrade is an ordinary request, and its connection goes on', async t => {
  const upstream = await telling(t)
  const { app, port } = await start(t, async app => {
    app.post('/host', async request => `the host got ${JSON.stringify(request.body)}`)
    await app.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}`, pathRewrite: { pattern: '^/api', replacement: '' } }] })
  })
  const connections: import('node:net').Socket[] = []
  app.server.on('connection', socket => connections.push(socket))
  const client = new RawClient(t, port)
  const responses = async (request: string, text: string): Promise<void> => {
    client.received = ''
    client.send(request)
    t.match(await client.until(text), text)
  }
  await responses(`POST /api/1 HTTP/1.1\r\nHost: x\r\n${H2C}Content-Length: 4\r\n\r\nbody`, '[POST /1 keep-alive undefined body]')
  await responses(`PUT /api/2 HTTP/1.1\r\nHost: x\r\n${UPGRADE}Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n`, '[PUT /2 keep-alive undefined body]')
  await responses(`GET /api/3 HTTP/1.1\r\nHost: x\r\n${H2C}\r\n`, '[GET /3 keep-alive undefined ]')
  for (const protocol of ['HTTP/2.0', 'TLS/1.2', 'h2c, TLS/1.3', ' ,']) {
    await responses(`GET /api/4 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`, '[GET /4 keep-alive undefined ]')
  }
  await responses(`POST /host HTTP/1.1\r\nHost: x\r\n${H2C}Content-Type: application/json\r\nContent-Length: 7\r\n\r\n{"a":1}`, 'the host got {"a":1}')
  await responses(`GET /nothing HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n`, '404 Not Found')
  // A body that comes in pieces.
  client.received = ''
  client.send(`POST /api/6 HTTP/1.1\r\nHost: x\r\n${H2C}Content-Length: 8\r\n\r\nhalf`)
  await call(port, '/api/between')
  await responses('rest', '[POST /6 keep-alive undefined halfrest]')
  await responses('GET /api/7 HTTP/1.1\r\nHost: x\r\n\r\n', '[GET /7 keep-alive undefined ]')

  const [socket] = connections
  const listeners = (): number[] => ['data', 'end', 'close', 'error', 'drain', 'timeout', 'pause', 'resume'].map(name => socket?.listenerCount(name) ?? 0)
  const before = listeners()
  for (let i = 0; i < 12; i++) await responses(`GET /api/8 HTTP/1.1\r\nHost: x\r\n${H2C}\r\n`, '[GET /8')
  t.strictSame(listeners(), before, 'nothing is left behind')
  app.server.closeAllConnections()
  await client.closed
  t.pass('the server has not lost it')

  const fragment = new RawClient(t, port).send(`GET /api/5#%zz HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n`)
  t.match(await fragment.until('BAD_REQUEST'), /^HTTP\/1\.1 400 /)
  await fragment.closed
  const old = new RawClient(t, port).send(`GET /api/9 HTTP/1.0\r\nHost: x\r\n${UPGRADE}\r\n`)
  await old.closed
  t.match(old.received, /^HTTP\/1\.1 200 OK\r\n[^]*\[GET \/9 keep-alive undefined \]$/)
  t.equal(await connectionsOf(app.server), 0)
})

async function connectionsOf (server: Server): Promise<number> {
  return await new Promise((resolve, reject) => server.getConnections((error, count) => { if (error === null) resolve(count); else reject(error) }))
}

t.test('requests before it on the connection get their responses first', async t => {
  const upstream = await telling(t)
  const large = Buffer.alloc(4 * 1024 * 1024, 'x')
  const { port: slow } = await service(t, (_request, response) => response.end(large))
  const { port } = await start(t, app => app.register(streamGateway, {
    routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }, { prefix: '/slow', target: `http://127.0.0.1:${slow}` }]
  }))
  const before = 'GET /slow/1 HTTP/1.1\r\nHost: x\r\n\r\nGET /slow/2 HTTP/1.1\r\nHost: x\r\n\r\n'
  const responses = async (request: string): Promise<string> => {
    const client = new RawClient(t, port)
    client.keepText = false
    const chunks: Buffer[] = []
    client.socket.on('data', chunk => chunks.push(chunk))
    client.send(before + request)
    await client.closed
    return Buffer.concat(chunks).toString('latin1').replaceAll(large.toString(), '<large>')
  }
  const ordinary = `DELETE /api/3 HTTP/1.1\r\nHost: x\r\n${H2C}\r\nGET /api/4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
  t.match(await responses(ordinary), /<large>[^]*<large>[^]*\[DELETE \/api\/3 [^]*\[GET \/api\/4/)
  t.match(await responses(`GET /api/3 HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n`), /<large>[^]*<large>HTTP\/1\.1 101 [^]*over$/)
})

t.test('behind a response that closes the connection there is nothing more', async t => {
  const { port: upstream, server } = await service(t, () => t.fail('forwarded'))
  server.on('upgrade', () => t.fail('forwarded'))
  const { port } = await gatewayTo(t, upstream)
  for (const fields of [UPGRADE, H2C]) {
    const client = new RawClient(t, port)
    client.send(`GET /api/../x HTTP/1.1\r\nHost: x\r\n\r\nGET /api/evil HTTP/1.1\r\nHost: x\r\n${fields}\r\n`)
    await client.closed
    t.match(client.received, /^HTTP\/1\.1 400 /)
    t.equal(client.received.match(/HTTP\/1\.1/g)?.length, 1)
  }
})

t.test('a head with more fields than Node reads is rejected: its length may be among the lost ones', async t => {
  const upstream = await telling(t)
  for (const [max, count] of [[null, 1000], [100, 100]] as const) {
    const { app, port } = await gatewayTo(t, upstream)
    app.server.maxHeadersCount = max
    for (const path of ['/api/x', '/host']) {
      const client = new RawClient(t, port)
      client.send(`POST ${path} HTTP/1.1\r\nHost: x\r\n${H2C}${'a: 1\r\n'.repeat(count)}Content-Length: 30\r\n\r\nGET /api/evil HTTP/1.1\r\nHost: x\r\n\r\n`)
      client.socket.end()
      await client.closed
      t.match(client.received, /^HTTP\/1\.1 431 /)
      t.equal(client.received.match(/HTTP\/1\.1/g)?.length, 1)
    }
  }
})

t.test('over TLS: tunnels, and ordinary requests that are given back', async t => {
  const pem = (name: string): Buffer => readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url))
  const upstream = await telling(t)
  const https = { cert: pem('localhost.pem'), key: pem('localhost.key') }
  const { port } = await gatewayTo(t, upstream, {}, {}, Object.assign<FastifyServerOptions, object>({}, { https }))
  const send = async (bytes: string, text: string): Promise<string> => {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
    socket.write(bytes)
    let received = ''
    for await (const chunk of socket) {
      received += String(chunk)
      if (received.includes(text)) break
    }
    return received
  }
  t.match(await send(`GET /api/x HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n`, 'over'), /^HTTP\/1\.1 101 [^]*over$/)
  const both = `DELETE /api/x HTTP/1.1\r\nHost: x\r\n${H2C}\r\nGET /api/y HTTP/1.1\r\nHost: x\r\n\r\n`
  t.match(await send(both, '[GET'), /\[DELETE \/x keep-alive undefined \][^]*\[GET \/y/)
  t.match(await send(`POST /api/x HTTP/1.1\r\nHost: x\r\n${H2C}Content-Length: 4\r\n\r\nbody`, '[POST'), /\[POST \/x keep-alive undefined body\]/)
})

t.test('a service behind HTTP/2 is asked for no upgrade', async t => {
  const { port } = await gatewayTo(t, 1, { http2: true })
  const client = new RawClient(t, port).send(`GET /api/x HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n`)
  t.match(await client.until('BAD_GATEWAY'), /\r\nConnection: keep-alive\r\n/i, 'an ordinary request')
})

t.test('Node from 24.9 on asks before it lets go of a connection', async t => {
  const asked: unknown[] = []
  const { app, port } = await start(t, async app => {
    Object.assign(app.server, { shouldUpgradeCallback: (request: IncomingMessage) => asked.push(request.url) > 0 })
    await app.register(streamGateway, { routes: [{ prefix: '/api', target: 'http://127.0.0.1:1' }] })
  })
  const server: Server & { shouldUpgradeCallback?: (request: IncomingMessage) => boolean } = app.server
  const requests = createServer()
  requests.on('upgrade', (request, socket) => {
    socket.end(`HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\n${String(server.shouldUpgradeCallback?.(request)).padEnd(5)}`)
  })
  requests.listen(0, '127.0.0.1')
  await once(requests, 'listening')
  t.teardown(() => requests.close())
  const response = async (path: string, fields: string): Promise<string> => {
    const client = new RawClient(t, portOf(requests)).send(`GET ${path} HTTP/1.1\r\nHost: x\r\n${fields}\r\n`)
    await client.closed
    return client.received.slice(-5).trim()
  }
  t.equal(await response('/api/x', UPGRADE), 'true')
  t.equal(await response('/api/x', `${H2C}Content-Length: 4\r\n`), 'false')
  t.equal(await response('/host', `${H2C}Content-Length: 4\r\n`), 'false', 'nobody else listens')
  t.strictSame(asked, [])
  server.on('upgrade', (_request, socket) => socket.end('HTTP/1.1 200 \r\n\r\nthe host'))
  t.equal(await response('/host', `${H2C}Content-Length: 4\r\n`), 'true', 'the host\'s own word')
  t.strictSame(asked, ['/host'])
  t.ok(port)
})
