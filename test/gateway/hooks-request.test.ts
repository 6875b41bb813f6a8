import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import type { FastifyRequest } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import type { EndedExchange, GatewayFailure, GatewayHooks } from '../../src/index.js'
import { checkConfig } from '../../src/config/index.js'
import streamGateway from '../../src/index.js'
import { call, gatewayTo, start } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway, http2Service } from '../fixtures/http2.js'
import { closedPort, RawClient, rawService, service } from '../fixtures/peers.js'
import { message, webSocket, webSocketService } from '../fixtures/websockets.js'

const INTERNAL_ERROR = { success: false, error: { code: 'INTERNAL_ERROR', message: 'Internal error' } }

/** A service that tells what it got. */
async function telling (t: Test): Promise<number> {
  const { port } = await service(t, async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    response.end(JSON.stringify({ url: request.url, raw: request.rawHeaders, headers: request.headers, body }))
  })
  return port
}

t.test('getTarget chooses where a request goes, as a URL or by its parts', async t => {
  const [a, b] = await Promise.all(['a', 'b'].map(async name => await service(t, ({ headers: { host } }, response) => response.end(`${name} ${host}`))))
  const own = await service(t, (_request, response) => response.end('own'))
  const choices: Record<string, string | { host: string, port: number } | undefined> = {
    a: `http://127.0.0.1:${a?.port}`,
    b: { host: '127.0.0.1', port: Number(b?.port) }
  }
  const { port, app } = await gatewayTo(t, own.port, {
    async getTarget (request: FastifyRequest) {
      return await Promise.resolve(choices[String(request.headers['x-to'])])
    }
  })
  const ask = async (to: string): Promise<string> => (await call(port, '/api', { headers: { 'x-to': to } })).body.toString()
  t.equal(await ask('a'), `a 127.0.0.1:${a?.port}`)
  t.equal(await ask('b'), `b 127.0.0.1:${b?.port}`)
  t.equal(await ask('a'), `a 127.0.0.1:${a?.port}`)
  t.equal(await ask('b'), `b 127.0.0.1:${b?.port}`)
  t.equal(await ask('nowhere'), 'own', 'undefined is the route\'s own target')
  t.match(app.gateway.state.upstreams, [own.port, a?.port, b?.port].map(port => ({ target: `http://127.0.0.1:${port}`, size: 1, idle: 1, waiting: 0 })))
})

t.test('getTarget: a base path counts, and the route\'s own host', async t => {
  const upstream = await telling(t)
  const ask = async (host: string): Promise<unknown[]> => {
    const { port } = await gatewayTo(t, 1, { host, getTarget: () => `http://127.0.0.1:${upstream}/base`, rewritePath: path => `/new${path}` })
    const { url, headers } = JSON.parse(String((await call(port, '/api/x', { headers: { host: 'asked.example' } })).body))
    return [url, headers.host]
  }
  t.strictSame(await ask('target'), ['/base/new/x', `127.0.0.1:${upstream}`])
  t.strictSame(await ask('preserve'), ['/base/new/x', 'asked.example'])
  t.strictSame(await ask('named.example'), ['/base/new/x', 'named.example'])
})

t.test('what is no target is a 500, and the log says why', async t => {
  for (const [choice, reason] of [
    ['http://127.0.0.1:99999', /port from 1 to 65535/], ['localhost', /must start with/], [5, /a URL or an object/], [{ host: 'a b', port: 1 }, /host/],
    [{ host: 'x', port: 0 }, /port/], [{ host: 'x', port: '80' }, /port/], [{ host: 'x', port: 1, protocol: 'ftp' }, /protocol/],
    [null, /a URL or an object/], [{ host: 'x' }, /a URL or an object/]
  ] as const) {
    const hooks: object = { getTarget: () => choice }
    const { port, lines } = await gatewayTo(t, 1, hooks)
    const answer = await call(port, '/api')
    t.equal(answer.status, 500)
    t.match(answer.json(), INTERNAL_ERROR)
    t.match(lines.find(({ msg }) => msg === 'the hook getTarget failed')?.err?.message, reason)
  }
})

t.test('rewritePath gets the rewritten path with its query, and what it returns is looked at', async t => {
  const upstream = await telling(t)
  const seen: string[] = []
  const { port } = await gatewayTo(t, upstream, {
    rewritePath (path, request) {
      seen.push(`${path} ${request.url}`)
      const to: unknown = request.headers['x-to']
      return typeof to === 'string' ? to : undefined
    }
  })
  const ask = async (to?: string): Promise<unknown> => {
    const answer = await call(port, '/api/x?y=1', { headers: to === undefined ? {} : { 'x-to': to } })
    return answer.status === 200 ? JSON.parse(answer.body.toString()).url : `${answer.status} ${answer.json().error.message}`
  }
  t.equal(await ask(), '/x?y=1', 'nothing leaves it')
  t.equal(await ask('/other?z=%zz'), '/other?z=%zz')
  for (const wrong of ['', 'x', '//evil/x', '/a/../b', '/a/%2e%2E/b', '/a\\b', '/a%00b', '/a#b', '/a b', '/caf\xe9']) {
    t.equal(await ask(wrong), '400 The path cannot be forwarded', wrong)
  }
  t.equal(seen[0], '/x?y=1 /api/x?y=1')
})

t.test('rewritePath: encodedCharacters holds, and what is no text is a 500', async t => {
  const upstream = await telling(t)
  const { port } = await gatewayTo(t, upstream, { encodedCharacters: 'allow', rewritePath: async () => '/a%00b' })
  t.equal(JSON.parse(String((await call(port, '/api')).body)).url, '/a%00b')
  const hooks: object = { rewritePath: () => 5 }
  const other = await gatewayTo(t, upstream, hooks)
  t.equal((await call(other.port, '/api')).status, 500)
})

t.test('rewriteRequestHeaders changes what is no framing, in its place', async t => {
  const upstream = await telling(t)
  const { port } = await gatewayTo(t, upstream, {
    async rewriteRequestHeaders (headers) {
      t.strictSame(headers['x-twice'], ['1', '2'])
      await Promise.resolve()
      headers['X-Case'] = 'changed'
      headers['x-new'] = ['a', 'b']
      delete headers['x-gone']
      delete headers.via
      Object.assign(headers, { 'x-number': 5, 'x-none': null, 'content-length': '99', 'transfer-encoding': 'chunked', connection: 'close', host: 'evil', te: 'x', ':path': '/evil' })
    }
  })
  const answer = await call(port, '/api', {
    method: 'POST', body: 'hello', headers: ['Host', 'x', 'X-Gone', '1', 'X-Case', 'as sent', 'X-Twice', '1', 'X-Twice', '2', 'X-Kept', 'k', 'Content-Length', '5']
  })
  const { raw, body } = JSON.parse(String(answer.body))
  t.equal(body, 'hello')
  t.strictSame(raw.slice(0, raw.indexOf('X-Forwarded-For')), [
    'Host', `127.0.0.1:${upstream}`, 'X-Case', 'changed', 'X-Twice', '1', 'X-Twice', '2', 'X-Kept', 'k', 'Content-Length', '5'
  ])
  t.strictSame(raw.slice(raw.indexOf('x-new')), ['x-new', 'a', 'x-new', 'b', 'x-number', '5', 'Connection', 'keep-alive'])
})

t.test('rewriteRequestHeaders may return others, and what is no header is a 500', async t => {
  const upstream = await telling(t)
  const { port } = await gatewayTo(t, upstream, { rewriteRequestHeaders: ({ 'x-kept': kept }) => ({ 'x-kept': kept, 'x-set': 1 }) })
  const { headers } = JSON.parse(String((await call(port, '/api', { headers: { 'x-kept': 'k', 'x-lost': 'l' } })).body))
  t.strictSame(headers, { host: `127.0.0.1:${upstream}`, 'x-kept': 'k', 'x-set': '1', connection: 'keep-alive' })

  for (const wrong of [{ 'x-split': 'a\r\nEvil: 1' }, { 'x split': '1' }, 'x-set: 1']) {
    const hooks: object = { rewriteRequestHeaders: () => wrong }
    const other = await gatewayTo(t, upstream, hooks)
    t.match((await call(other.port, '/api')).json(), INTERNAL_ERROR)
  }
})

t.test('a hook\'s NTLM keeps its connection to itself', async t => {
  const { port: upstream, sockets } = await rawService(t, socket => {
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
  })
  const { port } = await gatewayTo(t, upstream, {
    rewriteRequestHeaders (headers, request) {
      if (request.headers['x-user'] !== undefined) headers.authorization = 'NTLM abc'
    }
  })
  t.equal((await call(port, '/api', { headers: { 'x-user': '1' } })).status, 200)
  t.equal((await call(port, '/api')).status, 200)
  t.equal(sockets.length, 2, 'nobody else is sent on it')
})

t.test('hooks run in their order, in the async scope of the host, on top of what stands beside them', async t => {
  const upstream = await telling(t)
  const user = new AsyncLocalStorage<string>()
  const seen: string[] = []
  const see = (name: string): void => { seen.push(`${name} ${user.getStore()}`) }
  let ended = (): void => {}
  const forAll: GatewayHooks = {
    getTarget: async () => { see('getTarget'); return undefined },
    rewritePath: async path => { see('overridden'); return path },
    rewriteRequestHeaders: () => see('rewriteRequestHeaders'),
    onResponse: async () => see('onResponse'),
    rewriteResponseHeaders: async () => see('rewriteResponseHeaders'),
    transformResponse: stream => { see('transformResponse'); return stream },
    onError: () => see('onError'),
    onEnd: () => { see('onEnd'); ended() }
  }
  const { port } = await start(t, async app => {
    app.addHook('onRequest', ({ headers }, _reply, done) => user.run(String(headers['x-user']), done))
    await app.register(streamGateway, {
      ...forAll,
      routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}`, rewritePath: async path => { see('rewritePath'); return path } }]
    })
  })
  // The second one gets the connection to the service that was made for the first.
  for (const name of ['ada', 'bob']) {
    const isEnded = new Promise<void>(resolve => { ended = resolve })
    await call(port, '/api', { headers: { 'x-user': name } })
    await isEnded
    t.strictSame(seen.splice(0), ['getTarget', 'rewritePath', 'rewriteRequestHeaders', 'onResponse', 'rewriteResponseHeaders', 'transformResponse', 'onEnd'].map(hook => `${hook} ${name}`))
  }
})

t.test('a hook that throws or rejects is a 500 with the usual body, before anything was sent', async t => {
  const { port: upstream, sockets } = await rawService(t, () => {})
  for (const fail of [() => { throw new Error('mine') }, async () => { throw new Error('mine') }]) {
    for (const name of ['getTarget', 'rewritePath', 'rewriteRequestHeaders']) {
      const { port, lines, nextLine } = await gatewayTo(t, upstream, { [name]: fail })
      const line = nextLine()
      const answer = await call(port, '/api', { method: 'POST', body: 'x'.repeat(10_000) })
      t.equal(answer.status, 500)
      t.match(answer.json(), { ...INTERNAL_ERROR, requestId: /./ })
      t.match(lines.find(({ msg }) => msg === `the hook ${name} failed`)?.err, { message: 'mine', stack: /hooks-request/ })
      t.match(await line, { outcome: 'rejected', status: 500, err: { code: 'INTERNAL_ERROR' } })
    }
  }
  t.equal(sockets.length, 0)
})

t.test('a hook that takes longer than the route\'s timeout is a 500', async t => {
  const { port: upstream, sockets } = await rawService(t, () => {})
  let release = (): void => {}
  const { port, lines } = await gatewayTo(t, upstream, { timeout: 100, getTarget: async () => await new Promise(resolve => { release = () => resolve(undefined) }) })
  t.equal((await call(port, '/api')).status, 500)
  release()
  await new Promise(resolve => setImmediate(resolve))
  t.equal(sockets.length, 0, 'what comes late does not count')
  t.match(lines.find(({ msg }) => msg === 'the hook getTarget failed')?.err?.message, 'not done within 100 ms')
})

t.test('a client that leaves while a hook is waited for: nothing is sent', async t => {
  const { port: upstream, sockets } = await rawService(t, () => {})
  let release = (): void => {}
  let begun = (): void => {}
  const isBegun = new Promise<void>(resolve => { begun = resolve })
  const ended: Array<EndedExchange<FastifyRequest>> = []
  const { port, nextLine } = await gatewayTo(t, upstream, {
    async getTarget () {
      begun()
      await new Promise<void>(resolve => { release = resolve })
      return undefined
    },
    onEnd: exchange => { ended.push(exchange) }
  })
  const line = nextLine()
  const client = new RawClient(t, port)
  client.send('GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n')
  await isBegun
  client.socket.destroy()
  t.match(await line, { outcome: 'client aborted', status: 499 })
  release()
  await new Promise(resolve => setImmediate(resolve))
  t.equal(sockets.length, 0)
  t.match(ended, [{ outcome: 'client aborted', statusCode: undefined, target: undefined, error: undefined, route: '/api', bytes: 0 }])
})

t.test('over HTTP/2, a client that reset a stream with an unread body is gone', async t => {
  const { port: upstream, sockets } = await rawService(t, () => {})
  let release = (): void => {}
  let begun = (): void => {}
  const isBegun = new Promise<void>(resolve => { begun = resolve })
  const { port, nextLine } = await http2Gateway(t, `http://127.0.0.1:${upstream}`, {
    async getTarget (request) {
      request.raw.once('aborted', () => release())
      begun()
      await new Promise<void>(resolve => { release = resolve })
      return undefined
    }
  })
  const line = nextLine()
  const client = new Http2Client(t, port)
  const { stream } = client.begin({ ':path': '/api/x', ':method': 'POST' })
  stream.write('half')
  await isBegun
  stream.close(8)
  t.match(await line, { outcome: 'client aborted', status: 499 })
  t.equal(sockets.length, 0)
})

t.test('a body that came while a hook was waited for arrives whole, over HTTP/1 and HTTP/2', async t => {
  const upstream = await telling(t)
  const late: GatewayHooks = {
    async getTarget (request) {
      if (request.raw.readableLength === 0) await once(request.raw, 'readable')
      return undefined
    }
  }
  const body = 'y'.repeat(300_000)
  const one = await gatewayTo(t, upstream, late)
  t.equal(JSON.parse(String((await call(one.port, '/api', { method: 'POST', body })).body)).body, body)
  const two = await http2Gateway(t, `http://127.0.0.1:${upstream}`, { getTarget: async () => await new Promise(resolve => setImmediate(resolve, undefined)) })
  const { closed } = new Http2Client(t, two.port).ask({ ':path': '/api/x', ':method': 'POST' }, body)
  t.equal(JSON.parse((await closed).body).body, body)
})

t.test('a body that is to be collected is collected behind the hooks', async t => {
  const upstream = await telling(t)
  const { port } = await gatewayTo(t, 1, { bodyBuffer: '1kb', getTarget: async () => `http://127.0.0.1:${upstream}`, rewriteRequestHeaders: headers => { headers['x-set'] = '1' } })
  const answer = await call(port, '/api', { method: 'POST', body: 'hello', headers: { 'transfer-encoding': 'chunked' } })
  t.match(JSON.parse(String(answer.body)), { body: 'hello', headers: { 'content-length': '5', 'x-set': '1' } })
})

t.test('hooks of a request reach a service that speaks HTTP/2', async t => {
  const { port: upstream } = await http2Service(t, (stream, headers) => {
    stream.respond({ ':status': 200 })
    stream.end(JSON.stringify(headers))
  })
  const { port } = await gatewayTo(t, 1, {
    http2: true,
    getTarget: () => `http://127.0.0.1:${upstream}`,
    rewritePath: () => '/other',
    rewriteRequestHeaders: headers => { headers['x-set'] = '1' }
  })
  t.match(JSON.parse(String((await call(port, '/api')).body)), { ':path': '/other', ':authority': `127.0.0.1:${upstream}`, 'x-set': '1' })
})

t.test('a WebSocket goes through the hooks as well', async t => {
  const { port: upstream } = await webSocketService(t, (socket, { url, headers }) => socket.send(`${url} ${headers['x-set']}`))
  const seen: string[] = []
  const { port } = await gatewayTo(t, 1, {
    getTarget: async () => `http://127.0.0.1:${upstream}`,
    rewritePath: async path => `${path}?room=1`,
    rewriteRequestHeaders: headers => { headers['x-set'] = '1' },
    onResponse: (_request, { statusCode }) => { seen.push(`onResponse ${statusCode}`) },
    async rewriteResponseHeaders (headers) {
      // What the service sends meanwhile comes behind the head.
      for (let i = 0; i < 50; i++) await new Promise(resolve => setImmediate(resolve))
      headers['x-over'] = String(headers.upgrade)
    }
  })
  const socket = webSocket(t, port, '/api/x')
  const upgraded = once(socket, 'upgrade')
  t.equal(await message(socket), '/x?room=1 1')
  t.match((await upgraded)[0].headers, { 'x-over': 'websocket' })
  t.strictSame(seen, ['onResponse 101'])
})

t.test('onError is told of what the client was told, onEnd of every end; what fails there is only logged', async t => {
  const errors: string[] = []
  const ends: Array<Partial<EndedExchange<FastifyRequest>>> = []
  const dead = await closedPort()
  let wake = (): void => {}
  const hooks: GatewayHooks = {
    onError (error: GatewayFailure, request) {
      errors.push(`${request.url} ${error.code} ${error.statusCode} ${String(error.cause)}`)
      throw new Error('in onError')
    },
    async onEnd ({ request, ...exchange }) {
      ends.push(exchange)
      setImmediate(() => wake())
      throw new Error('in onEnd')
    }
  }
  const { port, lines } = await gatewayTo(t, dead, hooks)
  const told = new Promise<void>(resolve => { wake = resolve })
  t.equal((await call(port, '/api/x')).status, 502)
  await told
  t.match(errors, [/^\/api\/x BAD_GATEWAY 502 Error: connect ECONNREFUSED/])
  t.match(ends, [{ outcome: 'upstream error', statusCode: 502, target: `http://127.0.0.1:${dead}`, error: { code: 'BAD_GATEWAY' } }])
  t.ok(Number(ends[0]?.duration) > 0)
  t.strictSame(lines.filter(({ msg }) => msg.startsWith('the hook')).map(({ msg, err }) => `${msg}: ${err?.message}`), ['the hook onError failed: in onError', 'the hook onEnd failed: in onEnd'])
})

t.test('a pipelined request whose turn never came has its end, too', async t => {
  const { port: upstream, sockets } = await rawService(t, () => {})
  const ends: string[] = []
  const { port, nextLine } = await gatewayTo(t, upstream, { onEnd: ({ request, outcome }) => { ends.push(`${request.url} ${outcome}`) } })
  const lines = Promise.all([nextLine(), nextLine()])
  const client = new RawClient(t, port)
  client.send('GET /api/1 HTTP/1.1\r\nHost: x\r\n\r\nGET /api/2 HTTP/1.1\r\nHost: x\r\n\r\n')
  while (sockets.length === 0) await new Promise(resolve => setImmediate(resolve))
  client.socket.destroy()
  await lines
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame(ends.toSorted(), ['/api/1 client aborted', '/api/2 client aborted'])
})

t.test('upstreams that were chosen longest ago lose their connections when there are too many', async t => {
  const { port: upstream, sockets } = await rawService(t, socket => {
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
  })
  const { port, app } = await gatewayTo(t, upstream, {
    getTarget: request => `http://127.0.${Number(request.headers['x-to']) >> 8}.${Number(request.headers['x-to']) & 255}:${upstream}`
  })
  t.equal((await call(port, '/api', { headers: { 'x-to': '1' } })).status, 200)
  const [first] = sockets
  t.ok(first)
  const closed = first && once(first, 'end')
  for (let to = 2; to <= 257; to++) await call(port, '/api', { headers: { 'x-to': String(to) } })
  await closed
  t.equal(app.gateway.state.upstreams.length, 257, '256 and the route\'s own')
  t.equal((await call(port, '/api', { headers: { 'x-to': '1' } })).status, 200, 'it is made anew')
})

t.test('what is no function is told at start; a file of routes knows no hooks', async t => {
  const wrong: object = { routes: [{ prefix: '/api', target: 'http://127.0.0.1:1', getTarget: 'http://x' }], onEnd: {} }
  await t.rejects(start(t, app => app.register(streamGateway, Object.assign({ routes: [] }, wrong))), {
    name: 'ConfigError',
    mistakes: [{ path: 'onEnd', message: 'found {}, must be a function' }, { path: 'routes[0].getTarget', message: 'found "http://x", must be a function' }]
  })
  t.throws(() => checkConfig({ routes: [{ prefix: '/api', target: 'http://127.0.0.1:1', getTarget: 'x' }], onEnd: 'y' }), { name: 'ConfigError', mistakes: [{ path: 'onEnd' }, { path: 'routes[0].getTarget' }] })
  for (const routes of [undefined, 5, [null], ['x']]) {
    const options: object = { routes }
    await t.rejects(start(t, app => app.register(streamGateway, Object.assign({ routes: [] }, options))), { name: 'ConfigError' })
  }
})
