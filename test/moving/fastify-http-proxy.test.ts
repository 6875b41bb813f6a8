import { once } from 'node:events'
import httpProxy from '@fastify/http-proxy'
import type { FastifyHttpProxyOptions } from '@fastify/http-proxy'
import t from 'tap'
import type { Test } from 'tap'
import streamGateway from '../../src/index.js'
import type { RouteOptions } from '../../src/index.js'
import { http2Service } from '../fixtures/http2.js'
import { echo, fastifySide, ours, Page, readmeOf, sameUrl, seen, sides, sidesOf } from '../fixtures/moving.js'
import type { Both, Side, Sides } from '../fixtures/moving.js'
import { closedPort, service } from '../fixtures/peers.js'
import { echo as echoMessages, message, openWebSocket, rejection, webSocket, webSocketService } from '../fixtures/websockets.js'

// docs/from-fastify-http-proxy.md: what stands there of an option is tried with both.

type Theirs = Omit<FastifyHttpProxyOptions, 'upstream'> & { websocket?: true, wsClientOptions?: object }

function theirs (options: Theirs = {}): Side {
  return fastifySide(async (app, upstream) => await app.register(httpProxy, { prefix: '/api', upstream, ...options }))
}

async function both (t: Test, options: Theirs = {}, route: Partial<RouteOptions> = {}, handler = echo): Promise<Sides> {
  return await sides(t, { theirs: theirs(options), ours: ours(route) }, handler)
}

const tried: string[] = []

function option (names: string, run: (t: Test) => Promise<void>): void {
  tried.push(...names.split(', '))
  t.test(names, run)
}

function sameStatus (t: Test, { theirs, ours }: Both, status: number): void {
  t.equal(theirs.status, status, 'theirs')
  t.equal(ours.status, status, 'ours')
}

option('upstream, base, prefix', async t => {
  const { ask } = await both(t)
  sameUrl(t, await ask('/api/x?y=1'), '/x?y=1')
  const { port } = await service(t, echo)
  const below = await sidesOf(t, { theirs: theirs(), ours: ours() }, `http://127.0.0.1:${port}/base`)
  sameUrl(t, await below.ask('/api/x'), '/base/x')
})

option('rewritePrefix', async t => {
  const { ask } = await both(t, { rewritePrefix: '/v2' }, { stripPrefix: false, pathRewrite: { pattern: '^/api', replacement: '/v2' } })
  sameUrl(t, await ask('/api/x?y=1'), '/v2/x?y=1')
})

option('preHandler', async t => {
  const { ask } = await sides(t, {
    theirs: theirs({ preHandler: (_request, reply, _done) => { reply.code(401).send({ by: 'hook' }) } }),
    ours: fastifySide(async (app, target) => {
      app.addHook('onRequest', (_request, reply, _done) => { reply.code(401).send({ by: 'hook' }) })
      await app.register(streamGateway, { routes: [{ prefix: '/api', target }] })
    })
  })
  const { theirs: old, ours: now } = await ask('/api/x')
  t.equal(now.status, 401)
  t.equal(String(now.body), String(old.body))
})

option('internalRewriteLocationHeader, replyOptions', async t => {
  const { ask } = await both(t, {}, {}, (_request, response) => response.writeHead(302, { location: '/elsewhere' }).end())
  const { theirs: old, ours: now } = await ask('/api/x')
  t.equal(old.headers.location, '/api/elsewhere')
  t.equal(now.headers.location, '/api/elsewhere')
  const without = await both(t, { internalRewriteLocationHeader: false }, { rewriteLocation: false }, (_request, response) => response.writeHead(302, { location: '/elsewhere' }).end())
  const left = await without.ask('/api/x')
  t.equal(left.theirs.headers.location, '/elsewhere')
  t.equal(left.ours.headers.location, '/elsewhere')
})

option('httpMethods', async t => {
  const { ask } = await both(t, { httpMethods: ['GET', 'HEAD'] }, { methods: ['GET'] })
  sameStatus(t, await ask('/api/x'), 200)
  const { theirs: old, ours: now } = await ask('/api/x', { method: 'POST', body: 'x' })
  t.equal(old.status, 404)
  t.equal(now.status, 405)
  t.match(now.headers.allow, 'GET')
})

option('preRewrite', async t => {
  const { ask } = await both(t, { preRewrite: url => url.replace('abc', 'xyz') }, { rewritePath: path => path.replace('abc', 'xyz') })
  sameUrl(t, await ask('/api/abc'), '/xyz')
})

option('websocket, wsUpstream', async t => {
  const { port } = await webSocketService(t, echoMessages)
  const { ports } = await sidesOf(t, { theirs: theirs({ websocket: true }), ours: ours() }, `http://127.0.0.1:${port}`)
  for (const [who, port] of Object.entries(ports)) {
    const client = await openWebSocket(t, port, '/api/x')
    client.send('hello')
    t.equal(await message(client), 'hello', who)
    client.terminate()
  }
})

option('wsClientOptions', async t => {
  const headers: unknown[] = []
  const { port } = await webSocketService(t, (socket, request) => {
    headers.push(request.headers['x-by'])
    echoMessages(socket)
  })
  const rewriteRequestHeaders = (sent: object): object => ({ ...sent, 'x-by': 'gateway' })
  const wsClientOptions: object = { rewriteRequestHeaders }
  const { ports } = await sidesOf(t, { theirs: theirs({ websocket: true, wsClientOptions }), ours: ours({ headers: { request: { set: { 'x-by': 'gateway' } } } }) }, `http://127.0.0.1:${port}`)
  for (const port of Object.values(ports)) (await openWebSocket(t, port, '/api/x')).terminate()
  t.strictSame(headers, ['gateway', 'gateway'])
})

option('http, timeout', async t => {
  const { ask } = await both(t, { http: { requestOptions: { timeout: 100 } }, replyOptions: { timeout: 100 } }, { timeout: 100 }, () => {})
  sameStatus(t, await ask('/api/x'), 504)
})

option('http2', async t => {
  const { port } = await http2Service(t, stream => {
    stream.respond({ ':status': 200 })
    stream.end('over HTTP/2')
  })
  const { ask } = await sidesOf(t, { theirs: theirs({ http2: true }), ours: ours({ http2: true }) }, `http://127.0.0.1:${port}`)
  const { theirs: old, ours: now } = await ask('/api/x')
  t.equal(String(old.body), 'over HTTP/2')
  t.equal(String(now.body), 'over HTTP/2')
})

option('retryMethods, retriesCount, maxRetriesOn503, retryDelay', async t => {
  let asked = 0
  // Their types do not know it, where it is read.
  const replyOptions: object = { maxRetriesOn503: 2 }
  const { ask } = await both(t, { replyOptions }, {}, (_request, response) => {
    asked++
    response.writeHead(503, { 'retry-after': '0' }).end()
  })
  const { theirs: old, ours: now } = await ask('/api/x')
  t.equal(old.status, 503)
  t.equal(now.status, 503)
  t.equal(asked, 3 + 1, 'theirs asks the same service again; ours never, as there is no other target')
})

option('disableRequestLogging', async t => {
  const { ask } = await both(t, { disableRequestLogging: true })
  sameStatus(t, await ask('/api/x'), 200)
})

option('onResponse', async t => {
  const asked: string[] = []
  const { ask } = await both(t, {
    replyOptions: {
      onResponse (_request, reply, response) {
        asked.push('theirs')
        const { stream }: { stream?: unknown } = response
        reply.send(stream)
      }
    }
  }, { onResponse: () => { asked.push('ours') } })
  sameStatus(t, await ask('/api/x'), 200)
  t.strictSame(asked, ['theirs', 'ours'])
})

option('onError', async t => {
  const asked: string[] = []
  const onErrors = {
    theirs: theirs({ replyOptions: { onError (reply) { asked.push('theirs'); reply.code(502).send() } } }),
    ours: ours({ onError: ({ statusCode }) => { asked.push(`ours: ${statusCode}`) } })
  }
  const { ask } = await sidesOf(t, onErrors, `http://127.0.0.1:${await closedPort()}`)
  sameStatus(t, await ask('/api/x'), 502)
  t.strictSame(asked, ['theirs', 'ours: 502'])
})

option('rewriteHeaders', async t => {
  const { ask } = await both(t, { replyOptions: { rewriteHeaders: headers => ({ ...headers, 'x-by': 'gateway' }) } }, { rewriteResponseHeaders: headers => { headers['x-by'] = 'gateway' } })
  const { theirs: old, ours: now } = await ask('/api/x')
  t.equal(old.headers['x-by'], 'gateway')
  t.equal(now.headers['x-by'], 'gateway')
})

option('rewriteRequestHeaders', async t => {
  const { ask } = await both(t, { replyOptions: { rewriteRequestHeaders: (_request, headers) => ({ ...headers, 'x-by': 'gateway' }) } }, { rewriteRequestHeaders: headers => { headers['x-by'] = 'gateway' } })
  const { theirs: old, ours: now } = await ask('/api/x')
  t.equal(seen(old).headers['x-by'], 'gateway')
  t.equal(seen(now).headers['x-by'], 'gateway')
})

option('getUpstream', async t => {
  const { port } = await service(t, (_request, response) => response.end('another'))
  const another = `http://127.0.0.1:${port}`
  const { ask } = await sides(t, {
    theirs: fastifySide(async app => await app.register(httpProxy, { prefix: '/api', upstream: '', replyOptions: { getUpstream: () => another } })),
    ours: ours({ getTarget: () => another })
  })
  const { theirs: old, ours: now } = await ask('/api/x')
  t.equal(String(old.body), 'another')
  t.equal(String(now.body), 'another')
})

option('queryString', async t => {
  const { ask } = await both(t, { replyOptions: { queryString: { a: '1' } } }, { rewritePath: path => `${path.split('?')[0]}?a=1` })
  sameUrl(t, await ask('/api/x?b=2'), '/x?a=1')
})

option('contentType', async t => {
  const { ask } = await both(t, { replyOptions: { contentType: 'text/plain' } }, { headers: { request: { set: { 'content-type': 'text/plain' } } } })
  const { theirs: old, ours: now } = await ask('/api/x', { method: 'POST', body: 'x', headers: { 'content-type': 'application/json' } })
  t.match(now.status, 200)
  t.equal(seen(now).headers['content-type'], 'text/plain')
  t.equal(old.status, 200)
})

t.test('what changes without a word', async t => {
  const { ask } = await sides(t, { theirs: theirs(), ours: ours({ stripPrefix: false }) })
  const plain = await ask('/api/x')
  t.equal(seen(plain.theirs).url, '/x')
  t.equal(seen(plain.ours).url, '/api/x')
  t.equal(seen(plain.ours).headers.host, seen(plain.theirs).headers.host, 'the Host of the service')

  const spelled = await ask('/api/x', { method: 'POST', body: '{ "a": 1 }', headers: { 'content-type': 'text/plain', 'x-forwarded-for': '203.0.113.7' } })
  t.equal(seen(spelled.theirs).headers['x-forwarded-for'], '203.0.113.7', 'theirs believes it')
  t.equal(seen(spelled.ours).headers['x-forwarded-for'], '127.0.0.1')
  t.equal(seen(spelled.ours).body, '{ "a": 1 }')

  const nobody = await closedPort()
  const refused = await (await sidesOf(t, { theirs: theirs(), ours: ours() }, `http://127.0.0.1:${nobody}`)).ask('/api/x')
  t.equal(refused.theirs.status, 500)
  t.match(String(refused.theirs.body), String(nobody), 'with the address')
  t.equal(refused.ours.status, 502)
  t.notMatch(String(refused.ours.body), String(nobody))
})

t.test('a WebSocket whose service is away', async t => {
  const { ports } = await sidesOf(t, { theirs: theirs({ websocket: true }), ours: ours() }, `http://127.0.0.1:${await closedPort()}`)
  const opened = await openWebSocket(t, ports.theirs, '/api/chat')
  t.strictSame((await once(opened, 'close'))[0], 1011, 'theirs opens it, before it asks the service')
  t.equal((await rejection(webSocket(t, ports.ours, '/api/chat'))).status, 502)
})

t.test('the page names every option that they do, and what it says of ours is tried above', async t => {
  const page = new Page('from-fastify-http-proxy.md')
  const named = page.rows.map(({ theirs }) => theirs.replaceAll('`', ''))
  const proxy = readmeOf('@fastify/http-proxy')
  const from = readmeOf('@fastify/reply-from')
  const options = [...proxy.slice(proxy.indexOf('## Options')).matchAll(/^### `([\w.]+)/gm), ...from.slice(from.indexOf('## API')).matchAll(/^#{3,4} `(?!reply)(\w+)/gm)].map(([, name = '']) => name)
  t.ok(options.length > 40)
  t.strictSame(options.filter(name => !named.includes(name)), [])
  t.strictSame(page.answered.filter(name => !tried.includes(name)), [])
})
