import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import express from 'express'
import { createProxyMiddleware } from 'http-proxy-middleware'
import type { Options } from 'http-proxy-middleware'
import t from 'tap'
import type { Test } from 'tap'
import type { RouteOptions } from '../../src/index.js'
import { echo, ours, Page, readmeOf, sameUrl, seen, sides, sidesOf } from '../fixtures/moving.js'
import type { Both, Side, Sides } from '../fixtures/moving.js'
import { closedPort, portOf, RawClient, service } from '../fixtures/peers.js'
import { pair, pem } from '../fixtures/tls.js'
import { echo as echoMessages, message, openWebSocket, webSocketService } from '../fixtures/websockets.js'

// docs/from-http-proxy-middleware.md: what stands there of an option is tried with both.

/** An Express app that has the middleware at `/api`. */
function theirs (options: Options = {}, prepare: (app: express.Express) => void = () => {}): Side {
  return async (t: Test, target: string) => {
    const app = express()
    prepare(app)
    const middleware = createProxyMiddleware({ target, ...options })
    app.use('/api', middleware)
    const server = createServer(app)
    if (options.ws === true) server.on('upgrade', middleware.upgrade)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => {
      server.closeAllConnections()
      server.close()
    })
    return portOf(server)
  }
}

async function both (t: Test, options: Options = {}, route: Partial<RouteOptions> = {}, handler = echo): Promise<Sides> {
  return await sides(t, { theirs: theirs(options), ours: ours(route) }, handler)
}

const tried: string[] = []

function option (names: string, run: (t: Test) => Promise<void>): void {
  tried.push(...names.split(', '))
  t.test(names, run)
}

function sameHeader (t: Test, { theirs, ours }: Both, name: string, value: unknown): void {
  t.strictSame(theirs.headers[name], value, 'theirs')
  t.strictSame(ours.headers[name], value, 'ours')
}

/** At the service. */
function sameSent (t: Test, { theirs, ours }: Both, name: string, value: string): void {
  t.equal(seen(theirs).headers[name], value, 'theirs')
  t.equal(seen(ours).headers[name], value, 'ours')
}

option('target, prependPath', async t => {
  const { port } = await service(t, echo)
  const { ask } = await sidesOf(t, { theirs: theirs(), ours: ours() }, `http://127.0.0.1:${port}/base`)
  sameUrl(t, await ask('/api/x?y=1'), '/base/x?y=1')
})

option('pathFilter', async t => {
  const { ask } = await both(t, { pathFilter: (_path, { method }) => method === 'GET' }, { methods: ['GET'] })
  sameUrl(t, await ask('/api/x'), '/x')
  const { theirs: old, ours: now } = await ask('/api/x', { method: 'POST', body: 'x' })
  t.equal(old.status, 404)
  t.equal(now.status, 405)
})

option('pathRewrite', async t => {
  const { ask } = await both(t, { pathRewrite: { '^/': '/v2/' } }, { stripPrefix: false, pathRewrite: { pattern: '^/api', replacement: '/v2' } })
  sameUrl(t, await ask('/api/x?y=1'), '/v2/x?y=1')
  const byFunction = await both(t, { pathRewrite: path => path.replace('a', 'b') }, { rewritePath: path => path.replace('a', 'b') })
  sameUrl(t, await byFunction.ask('/api/a'), '/b')
})

option('router', async t => {
  const { port } = await service(t, (_request, response) => response.end('another'))
  const another = `http://127.0.0.1:${port}`
  const { ask } = await both(t, { router: { 'shop.example.com': another } }, { getTarget: ({ headers }) => headers.host === 'shop.example.com' ? another : undefined })
  const { theirs: old, ours: now } = await ask('/api/x', { headers: { host: 'shop.example.com' } })
  t.equal(String(old.body), 'another')
  t.equal(String(now.body), 'another')
  sameUrl(t, await ask('/api/x'), '/x')
})

option('on.error', async t => {
  const asked: string[] = []
  const onErrors = { theirs: theirs({ on: { error: (_error, _request, response) => { asked.push('theirs'); response.end() } } }), ours: ours({ onError: () => { asked.push('ours') } }) }
  const { ask } = await sidesOf(t, onErrors, `http://127.0.0.1:${await closedPort()}`)
  await ask('/api/x')
  t.strictSame(asked, ['theirs', 'ours'])
})

option('on.proxyRes', async t => {
  const { ask } = await both(t, { on: { proxyRes: ({ headers }) => { headers['x-by'] = 'gateway' } } }, { rewriteResponseHeaders: headers => { headers['x-by'] = 'gateway' } })
  sameHeader(t, await ask('/api/x'), 'x-by', 'gateway')
})

option('on.proxyReq', async t => {
  const { ask } = await both(t, { on: { proxyReq: request => { request.setHeader('x-by', 'gateway') } } }, { rewriteRequestHeaders: headers => { headers['x-by'] = 'gateway' } })
  sameSent(t, await ask('/api/x'), 'x-by', 'gateway')
})

option('on.proxyReqWs', async t => {
  const sent: unknown[] = []
  const { port } = await webSocketService(t, (socket, { headers }) => {
    sent.push(headers['x-by'])
    socket.send('hello')
  })
  const { ports } = await sidesOf(t, {
    theirs: theirs({ ws: true, on: { proxyReqWs: request => { request.setHeader('x-by', 'gateway') } } }),
    ours: ours({ rewriteRequestHeaders: headers => { headers['x-by'] = 'gateway' } })
  }, `http://127.0.0.1:${port}`)
  for (const port of Object.values(ports)) (await openWebSocket(t, port, '/api/x')).terminate()
  t.strictSame(sent, ['gateway', 'gateway'])
})

option('on.close', async t => {
  const { port } = await webSocketService(t, echoMessages)
  const closed: string[] = []
  const { ports } = await sidesOf(t, {
    theirs: theirs({ ws: true, on: { close: () => { closed.push('theirs') } } }),
    ours: ours({ onEnd: () => { closed.push('ours') } })
  }, `http://127.0.0.1:${port}`)
  for (const [who, port] of Object.entries(ports)) {
    const client = await openWebSocket(t, port, '/api/x')
    client.send('hello')
    t.equal(await message(client), 'hello', who)
    client.close()
    await once(client, 'close')
    while (!closed.includes(who)) await new Promise(resolve => setImmediate(resolve))
  }
})

option('forward', async t => {
  const copies: string[] = []
  const { port } = await service(t, (request, response) => {
    copies.push(String(request.url))
    response.end()
  })
  const copy = `http://127.0.0.1:${port}`
  const { ask } = await sides(t, {
    theirs: theirs({ forward: copy }),
    ours: ours({ mirror: { upstream: 'copies' } }, { upstreams: { copies: { targets: [copy] } } })
  })
  sameUrl(t, await ask('/api/x'), '/x')
  while (copies.length < 2) await new Promise(resolve => setImmediate(resolve))
  t.strictSame(copies, ['/x', '/x'])
})

option('secure', async t => {
  const server = createSecureServer(pair('localhost'), echo)
  server.listen(0, 'localhost')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const port = portOf(server)
  const { ask } = await sidesOf(t, { theirs: theirs({ secure: false }), ours: ours({ tls: { rejectUnauthorized: false } }) }, `https://localhost:${port}`)
  sameUrl(t, await ask('/api/x'), '/x')
  const silently = await sidesOf(t, { theirs: theirs(), ours: ours() }, `https://localhost:${port}`)
  t.equal((await silently.ask('/api/x')).ours.status, 502, 'verified where nothing is said')
  const known = await sidesOf(t, { theirs: theirs(), ours: ours({ tls: { ca: pem('ca.pem') } }) }, `https://localhost:${port}`)
  t.equal((await known.ask('/api/x')).ours.status, 200)
})

option('ssl', async t => {
  t.match(new Page('from-http-proxy-middleware.md').text, '`server.tls`', 'of the server, which a middleware is not')
})

option('xfwd', async t => {
  const { ask } = await both(t, { xfwd: true })
  const answer = await ask('/api/x')
  sameSent(t, answer, 'x-forwarded-for', '127.0.0.1')
  sameSent(t, answer, 'x-forwarded-proto', 'http')
})

option('ignorePath', async t => {
  const { ask } = await both(t, { ignorePath: true }, { stripPrefix: false, pathRewrite: { pattern: '^.*', replacement: '/' } })
  sameUrl(t, await ask('/api/x/y'), '/')
})

option('changeOrigin', async t => {
  const { port } = await service(t, echo)
  const { ask } = await sidesOf(t, { theirs: theirs({ changeOrigin: true }), ours: ours() }, `http://127.0.0.1:${port}`)
  sameSent(t, await ask('/api/x', { headers: { host: 'example.com' } }), 'host', `127.0.0.1:${port}`)
  const kept = await both(t, {}, { host: 'preserve' })
  sameSent(t, await kept.ask('/api/x', { headers: { host: 'example.com' } }), 'host', 'example.com')
})

option('auth, headers', async t => {
  const authorization = `Basic ${Buffer.from('user:password').toString('base64')}`
  const { ask } = await both(t, { auth: 'user:password', headers: { 'x-by': 'gateway' } }, { headers: { request: { set: { authorization, 'x-by': 'gateway' } } } })
  const answer = await ask('/api/x')
  sameSent(t, answer, 'authorization', authorization)
  sameSent(t, answer, 'x-by', 'gateway')
})

option('autoRewrite', async t => {
  const { port } = await service(t, ({ headers: { host = '' } }, response) => response.writeHead(302, { location: `http://${host}/api/elsewhere` }).end())
  const { ask } = await sidesOf(t, { theirs: theirs({ autoRewrite: true, changeOrigin: true }), ours: ours({ stripPrefix: false }) }, `http://127.0.0.1:${port}`)
  const { theirs: old, ours: now } = await ask('/api/x', { headers: { host: 'example.com' } })
  t.equal(old.headers.location, 'http://example.com/api/elsewhere')
  t.equal(now.headers.location, '/api/elsewhere', 'without a host it is of that which the client asked')
})

option('cookieDomainRewrite, cookiePathRewrite', async t => {
  const { ask } = await both(t, { cookieDomainRewrite: { 'service.internal': 'example.com' }, cookiePathRewrite: { '/payments': '/api/payments' } },
    { cookies: { domain: { 'service.internal': 'example.com' }, path: { '/payments': '/api/payments' } } },
    (_request, response) => response.writeHead(200, { 'set-cookie': 'a=b; Domain=service.internal; Path=/payments' }).end())
  sameHeader(t, await ask('/api/x'), 'set-cookie', ['a=b; Domain=example.com; Path=/api/payments'])
})

option('proxyTimeout', async t => {
  const { ask } = await both(t, { proxyTimeout: 100 }, { timeout: 100 }, () => {})
  const { theirs: old, ours: now } = await ask('/api/x')
  t.equal(old.status, 504)
  t.equal(now.status, 504)
})

option('timeout', async t => {
  const { ports } = await both(t, { timeout: 100 }, { requestTimeout: 100 })
  const slow = 'POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1'
  const old = new RawClient(t, ports.theirs).send(slow)
  await once(old.socket, 'close')
  const now = new RawClient(t, ports.ours).send(slow)
  await once(now.socket, 'close')
  t.match(now.received, 'HTTP/1.1 408', 'with a word')
})

option('selfHandleResponse', async t => {
  const { ask } = await both(t, {
    selfHandleResponse: true,
    on: { proxyRes: (response, _request, own) => { response.on('data', chunk => own.write(String(chunk).toUpperCase())).on('end', () => own.end()) } }
  }, {
    transformResponse: stream => (async function * () { for await (const chunk of stream) yield String(chunk).toUpperCase() })()
  }, (_request, response) => response.end('hello'))
  const { theirs: old, ours: now } = await ask('/api/x')
  t.equal(String(old.body), 'HELLO')
  t.equal(String(now.body), 'HELLO')
})

t.test('what changes without a word', async t => {
  const parsed = await sides(t, { theirs: theirs({ proxyTimeout: 300 }, app => app.use(express.json())), ours: ours() })
  const lost = await parsed.ask('/api/x', { method: 'POST', body: '{ "a": 1 }', headers: { 'content-type': 'application/json' } })
  t.equal(lost.theirs.status, 504, 'the service waits for a body that was read')
  t.equal(seen(lost.ours).body, '{ "a": 1 }')

  const nobody = await closedPort()
  const refused = await (await sidesOf(t, { theirs: theirs(), ours: ours() }, `http://127.0.0.1:${nobody}`)).ask('/api/x')
  t.equal(refused.theirs.status, 504)
  t.equal(refused.ours.status, 502)
  t.equal(refused.ours.json().error.code, 'BAD_GATEWAY')

  const spelled = await (await both(t)).ask('/api/x', { headers: { 'x-forwarded-for': '203.0.113.7', host: 'example.com' } })
  t.equal(seen(spelled.theirs).headers['x-forwarded-for'], '203.0.113.7', 'theirs believes it')
  t.equal(seen(spelled.ours).headers['x-forwarded-for'], '127.0.0.1')
  t.equal(seen(spelled.theirs).headers.host, 'example.com')
  t.not(seen(spelled.ours).headers.host, 'example.com')

  const { port } = await service(t, ({ headers: { host = '' } }, response) => response.writeHead(302, { location: `http://${host}/api/elsewhere` }).end())
  const moved = await (await sidesOf(t, { theirs: theirs({ changeOrigin: true }), ours: ours({ stripPrefix: false }) }, `http://127.0.0.1:${port}`)).ask('/api/x', { headers: { host: 'example.com' } })
  t.match(moved.theirs.headers.location, String(port))
  t.equal(moved.ours.headers.location, '/api/elsewhere')
})

t.test('a WebSocket', async t => {
  const { port } = await webSocketService(t, echoMessages)
  const { ports } = await sidesOf(t, { theirs: theirs({ ws: true }), ours: ours() }, `http://127.0.0.1:${port}`)
  for (const [who, port] of Object.entries(ports)) {
    const client = await openWebSocket(t, port, '/api/x')
    client.send('hello')
    t.equal(await message(client), 'hello', who)
    client.terminate()
  }
})

t.test('the page names every option that they do, and what it says of ours is tried above', async t => {
  const page = new Page('from-http-proxy-middleware.md')
  const named = page.rows.map(({ theirs }) => theirs.replaceAll('`', ''))
  const text = readmeOf('http-proxy-middleware')
  const options = [...text.matchAll(/^### `(\w+)` \(/gm), ...text.matchAll(/^- \*\*option\.([\w.]+)\*\*/gm)].map(([, name = '']) => name)
  t.ok(options.length > 30)
  t.strictSame(options.filter(name => !named.includes(name)), [])
  t.strictSame(page.answered.filter(name => !tried.includes(name)), [])
})
