import { METHODS } from 'node:http'
import t from 'tap'
import type { Test } from 'tap'
import { call } from '../fixtures/gateway.js'
import { RawClient, rawService } from '../fixtures/peers.js'
import { named, startRoutes } from '../fixtures/routes.js'
import { SpawnedProcess } from '../fixtures/spawned.js'
import { message, rejection, webSocket, webSocketService } from '../fixtures/websockets.js'

// The service's routes are one to Fastify's router.

async function rawStatus (t: Test, port: number, path: string): Promise<string | undefined> {
  const client = new RawClient(t, port).send(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  await client.closed
  return /^HTTP\/1\.1 (\d+)/.exec(client.received)?.[1]
}

t.test('the longest prefix wins, and a prefix ends at a slash', async t => {
  const { port, nextLine } = await startRoutes(t, {
    routes: [
      { prefix: '/api/auth/admin', target: await named(t, 'admin') },
      { prefix: '/api', target: await named(t, 'api') },
      { prefix: '/api/auth', target: await named(t, 'auth'), pathRewrite: { pattern: '^/api/auth', replacement: '/x' } },
      { prefix: '/deep/er/still', target: await named(t, 'deep') }
    ]
  })
  for (const [path, body] of Object.entries({
    '/api': 'api /api',
    '/api?a=/auth': 'api /api?a=/auth',
    '/api/': 'api /api/',
    '/api/authx': 'api /api/authx',
    '/api/x/auth': 'api /api/x/auth',
    '/api/auth': 'auth /x',
    '/api/auth?q': 'auth /x?q',
    '/api/auth/adminx': 'auth /x/adminx',
    '/api/auth/admin/a/b': 'admin /api/auth/admin/a/b',
    '/deep/er/still/': 'deep /deep/er/still/'
  })) t.equal((await call(port, path)).body.toString(), body, path)
  for (const path of ['/', '/apix', '/API/x', '/deep', '/deep/er', '/deep/er/x', '/auth/admin']) {
    const line = nextLine()
    const response = await call(port, path, { method: 'POST', body: 'x', headers: { 'content-type': 'no type' } })
    t.equal(response.status, 404, path)
    t.match(response.json(), { success: false, error: { code: 'NOT_FOUND' } }, path)
    t.match(await line, { url: path, status: 404, outcome: 'rejected', route: undefined })
  }
  t.match((await call(port, 'http://other.example/api/auth/1')).body.toString(), 'auth /x/1', 'also of an absolute form')
})

t.test('the root takes what no other prefix does', async t => {
  const { port } = await startRoutes(t, { routes: [{ prefix: '/a/b', target: await named(t, 'a/b') }, { prefix: '/', target: await named(t, 'root') }] })
  for (const [path, body] of Object.entries({ '/': 'root /', '/a': 'root /a', '/a/x': 'root /a/x', '/a/b': 'a/b /a/b', '/a%2Fb/c': 'root /a%2Fb/c' })) {
    t.equal((await call(port, path)).body.toString(), body, path)
  }
})

t.test('no spelling of a prefix leads around it', async t => {
  const { port } = await startRoutes(t, { routes: [{ prefix: '/api', target: 'http://127.0.0.1:1' }, { prefix: '/', target: await named(t, 'root') }] })
  for (const path of ['/%61pi', '/%61pi/x', '/ap%69?q', '/api#x', '/x/../api', '//api', '/%zz', '/%61pi#%zz']) t.equal(await rawStatus(t, port, path), '400', path)
  t.equal(await rawStatus(t, port, '/%ff'), '200', 'octets that are not UTF-8 travel on')
})

t.test('every method that Node parses is forwarded, but for TRACE', async t => {
  const { port: upstream } = await rawService(t, socket => {
    socket.on('data', chunk => socket.write(`HTTP/1.1 200 OK\r\nX-Method: ${String(chunk).split(' ')[0]}\r\nContent-Length: 0\r\n\r\n`))
  })
  const { port } = await startRoutes(t, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }] })
  for (const method of METHODS.filter(method => method !== 'CONNECT' && method !== 'TRACE')) {
    for (const path of ['/api', '/api/x']) t.equal((await call(port, path, { method, headers: { 'content-type': 'text/plain' } })).headers['x-method'], method)
    t.equal((await call(port, '/x', { method, headers: { 'content-type': 'text/plain' } })).status, 404)
  }
  t.equal((await call(port, '/api', { method: 'TRACE' })).status, 405)
})

t.test('each route has its own policies; paths without a route have those that hold for all', async t => {
  const target = await named(t, 'service')
  const { port } = await startRoutes(t, {
    cors: { origin: ['https://app.example'], maxAge: 1 },
    rateLimit: { max: 2 },
    routes: [
      { prefix: '/shared', target }, { prefix: '/too', target },
      { prefix: '/own', target, cors: { origin: ['https://other.example'], methods: ['PURGE'], maxAge: 2 }, rateLimit: { max: 1 } },
      { prefix: '/free', target, cors: false, rateLimit: false }
    ]
  })
  const ask = async (path: string, method = 'GET', origin = 'https://app.example') =>
    await call(port, path, { method, headers: { origin, ...(method === 'OPTIONS' && { 'access-control-request-method': 'PURGE' }) } })

  t.match(await ask('/shared/x', 'OPTIONS'), { status: 204, headers: { 'access-control-allow-origin': 'https://app.example', 'access-control-max-age': '1' } })
  t.match(await ask('/own/x', 'OPTIONS', 'https://other.example'), {
    status: 204, headers: { 'access-control-allow-origin': 'https://other.example', 'access-control-allow-methods': 'PURGE', 'access-control-max-age': '2' }
  })
  t.equal((await ask('/own/x', 'OPTIONS')).headers['access-control-allow-origin'], undefined)
  t.match(await ask('/free/x', 'OPTIONS'), { status: 200, headers: { 'access-control-allow-origin': undefined } }, 'the preflight is the service\'s own')
  t.match(await ask('/none', 'OPTIONS'), { status: 204, headers: { 'access-control-allow-origin': 'https://app.example', 'access-control-max-age': '1' } })
  t.match(await ask('/none'), { status: 404, headers: { 'access-control-allow-origin': 'https://app.example', 'x-ratelimit-limit': undefined } })

  const statuses: number[] = []
  for (const path of ['/shared', '/too/x', '/shared', '/own', '/own/x', '/free', '/free', '/free']) statuses.push((await ask(path)).status)
  t.strictSame(statuses, [200, 200, 429, 200, 429, 200, 200, 200])
})

t.test('without policies for all, a path without a route has none', async t => {
  const { port } = await startRoutes(t, { routes: [{ prefix: '/api', target: await named(t, 'api'), cors: { origin: true }, rateLimit: { max: 1 } }] })
  const headers = { origin: 'https://app.example' }
  t.match((await call(port, '/none', { headers })).headers, { 'access-control-allow-origin': undefined, 'x-ratelimit-limit': undefined })
  t.match((await call(port, '/api', { headers })).headers, { 'access-control-allow-origin': 'https://app.example', 'x-ratelimit-limit': '1' })
})

t.test('a Vary that is set already is kept, and the policy is that of the route still', async t => {
  const target = await named(t, 'api')
  const { port } = await startRoutes(t, { cors: { origin: ['https://app.example'] }, routes: [{ prefix: '/own', target, cors: { origin: ['https://other.example'] } }] }, {
    build: app => app.addHook('onRequest', async (_request, reply) => { reply.header('vary', 'accept-language') })
  })
  const { headers } = await call(port, '/own', { headers: { origin: 'https://other.example' } })
  t.match(headers, { vary: 'accept-language, Origin', 'access-control-allow-origin': 'https://other.example' })
})

t.test('upgrades find their route, and leave what stands before the routes alone', async t => {
  const { port: upstream } = await webSocketService(t, (socket, request) => socket.send(String(request.url)))
  const target = `http://127.0.0.1:${upstream}`
  const { port } = await startRoutes(t, { routes: [{ prefix: '/chat', target }, { prefix: '/chat/ws', target, pathRewrite: { pattern: '^/chat/ws', replacement: '/rewritten' } }] }, {
    build: app => app.get('/chat/own', async () => 'own')
  })
  for (const [path, url] of [['/chat', '/chat'], ['/chat/x', '/chat/x'], ['/chat/ws', '/rewritten'], ['/chat/ws/room?x=1', '/rewritten/room?x=1']] as const) {
    t.equal(await message(webSocket(t, port, path)), url)
  }
  t.match(await rejection(webSocket(t, port, '/chat/own')), { status: 200 }, 'it became an ordinary request')
  t.match(await rejection(webSocket(t, port, '/none')), { status: 404 })
})

t.test('an upgrade is asked of no service that speaks HTTP/2, whatever the shorter prefixes do', async t => {
  const target = await named(t, 'other')
  const { port } = await startRoutes(t, { routes: [{ prefix: '/', target }, { prefix: '/h2', target: 'http://127.0.0.1:1', http2: true }] })
  const client = new RawClient(t, port).send('GET /h2/x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  t.match(await client.until('BAD_GATEWAY'), /\r\nConnection: keep-alive\r\n/i, 'an ordinary request')
})

t.test('below a prefix that fastify-cli is given', async t => {
  const { port } = await startRoutes(t, { routes: [{ prefix: '/api', target: await named(t, 'api') }, { prefix: '/', target: await named(t, 'root') }] }, { prefix: '/v1' })
  t.equal((await call(port, '/v1/api/x')).body.toString(), 'api /v1/api/x')
  t.equal((await call(port, '/v1/apix')).body.toString(), 'root /v1/apix')
  t.equal((await call(port, '/api/x')).status, 404)
})

t.test('a thousand routes hold less than 25 KiB each', async t => {
  const script = `
    import Fastify from 'fastify'
    import { checkConfig } from '${new URL('../../dist/src/config/index.js', import.meta.url).href}'
    import { registerGateway } from '${new URL('../../dist/src/register-gateway.js', import.meta.url).href}'
    const heap = async count => {
      const routes = Array.from({ length: count }, (_, i) => ({ prefix: '/service-' + i, target: 'http://127.0.0.1:' + (i + 1) }))
      const settings = checkConfig({ cors: { origin: ['https://app.example'] }, rateLimit: { max: 1 }, routes })
      const app = Fastify()
      await registerGateway(app, { ...settings, accessLog: true, isService: true })
      await app.ready()
      gc()
      return [process.memoryUsage().heapUsed, app]
    }
    const [few, first] = await heap(4)
    const [many, second] = await heap(1000)
    console.log('bytes: ' + Math.round((many - few) / 996), first.server.listening, second.server.listening)`
  const child = new SpawnedProcess(t, process.execPath, ['--expose-gc', '--input-type=module', '-e', script], { cwd: new URL('../..', import.meta.url).pathname }, 'SIGKILL')
  const bytes = Number((await child.until(/bytes: (\d+)/))[1])
  t.ok(bytes < 25 * 1024, `${bytes} bytes`)
})

t.test('a target with user information is rejected, and nothing behind it is a request', async t => {
  const { port } = await startRoutes(t, { routes: [{ prefix: '/api', target: 'http://127.0.0.1:1' }] })
  for (const target of ['http://u:p@y/api/x', 'ftp://y/api/x', 'ftp://y/api/%zz']) {
    const client = new RawClient(t, port).send(`GET ${target} HTTP/1.1\r\nHost: y\r\n\r\nGET /api/x HTTP/1.1\r\nHost: y\r\n\r\n`)
    await client.closed
    t.match(client.received, /^HTTP\/1\.1 400 Bad Request\r\n/)
    t.equal(client.received.match(/HTTP\/1\.1 /g)?.length, 1)
  }
  const client = new RawClient(t, port).send('OPTIONS * HTTP/1.1\r\nHost: y\r\nConnection: close\r\n\r\n')
  t.match(await client.closed.then(() => client.received), /^HTTP\/1\.1 404 /)
})
