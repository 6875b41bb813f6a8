import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import { PassThrough, Readable, Transform } from 'node:stream'
import type { TransformCallback } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import t from 'tap'
import streamGateway from '../../src/index.js'
import { call, gatewayTo, start } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway, http2Service } from '../fixtures/http2.js'
import { gone, RawClient, rawService, service } from '../fixtures/peers.js'
import { rejection, webSocket } from '../fixtures/websockets.js'

const INTERNAL_ERROR = { success: false, error: { code: 'INTERNAL_ERROR', message: 'Internal error' } }
const REQUEST = 'GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n'

/** In capitals, chunk by chunk. */
function loud (): Transform {
  return new Transform({ transform: (chunk: Buffer, _encoding: string, done: TransformCallback) => done(null, chunk.toString('latin1').toUpperCase()) })
}

/** A moment in which everything that is on its way arrives. */
async function turns (count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(resolve => setImmediate(resolve))
}

/** A promise, and what resolves it. */
function latch (): { opened: Promise<void>, open: () => void } {
  let open = (): void => {}
  const opened = new Promise<void>(resolve => { open = resolve })
  return { opened, open }
}

t.test('rewriteResponseHeaders changes what is no framing, in its place', async t => {
  const { port: upstream } = await service(t, (_request, response) => {
    response.writeHead(200, ['X-Case', 'theirs', 'X-Gone', '1', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'X-Kept', 'k', 'Content-Length', '2'])
    response.end('ok')
  })
  for (const isAsync of [false, true]) {
    const { port } = await gatewayTo(t, upstream, {
      rewriteResponseHeaders (headers, { url }, response) {
        t.strictSame([headers['set-cookie'], response.headers['x-case'], response.statusCode, response.statusMessage, url], [['a=1', 'b=2'], 'theirs', 200, 'OK', '/api/x'])
        headers['x-case'] = 'ours'
        delete headers['x-gone']
        headers['set-cookie'] = ['c=3']
        Object.assign(headers, { 'content-length': 99, connection: 'x-kept', 'transfer-encoding': 'chunked', trailer: 'x' })
        return isAsync ? Promise.resolve() : undefined
      }
    }, { via: false })
    const answer = await call(port, '/api/x')
    const { rawHeaders, body } = answer
    t.strictSame(rawHeaders.slice(0, 6), ['X-Case', 'ours', 'Set-Cookie', 'c=3', 'X-Kept', 'k'])
    t.equal(answer.headers['content-length'], '2')
    t.equal(body.toString(), 'ok')
  }
})

t.test('a response that waits for a hook loses nothing, over HTTP/1 and HTTP/2 on both sides', async t => {
  const half = 'y'.repeat(200_000)
  const one = await service(t, (_request, response) => {
    response.write(half)
    setImmediate(() => response.end(half))
  })
  const two = await http2Service(t, stream => {
    stream.respond({ ':status': 200 })
    stream.write(half)
    stream.end(half)
  })
  const hooks = { onResponse: async () => await turns() }
  for (const target of [{ target: `http://127.0.0.1:${one.port}` }, { target: `http://127.0.0.1:${two.port}`, http2: true }]) {
    const { port } = await gatewayTo(t, 1, { ...hooks, ...target })
    t.equal((await call(port, '/api')).body.length, 400_000)
    const other = await http2Gateway(t, target.target, { ...hooks, ...target })
    t.equal((await new Http2Client(t, other.port).ask({ ':path': '/api' }).closed).body.length, 400_000)
  }
})

t.test('a response that waits keeps its trailers, and one without a body its head', async t => {
  const { port: upstream } = await rawService(t, socket => {
    socket.on('data', chunk => {
      const isHead = chunk.toString().startsWith('HEAD')
      socket.write(isHead
        ? 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'
        : 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n')
    })
  })
  const { port } = await gatewayTo(t, upstream, { onResponse: async () => await turns(), transformResponse: stream => stream })
  const client = new RawClient(t, port)
  client.send('GET /api HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: TE\r\n\r\n')
  t.match(await client.until(/X-Sum: 1\r\n\r\n$/), /\r\nTrailer: X-Sum\r\n[^]*2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n$/)
  const head = await call(port, '/api', { method: 'HEAD' })
  t.equal(head.headers['content-length'], '5')
})

t.test('a head that waits for its body leaves before it', async t => {
  const { port: upstream, sockets } = await rawService(t, socket => { socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n')) })
  for (const more of [{}, { transformResponse: (stream: Readable) => stream.pipe(loud()) }]) {
    const { port } = await gatewayTo(t, upstream, { onResponse: async () => await turns(), ...more })
    const client = new RawClient(t, port)
    client.send(REQUEST)
    await client.until('\r\n\r\n')
    sockets.at(-1)?.write('ok')
    await client.until(/ok|OK\r\n0\r\n\r\n$/)
  }
})

t.test('transformResponse: the body is another one, and the head says so', async t => {
  const { port: upstream } = await service(t, ({ url }, response) => {
    response.writeHead(200, { 'content-length': '5', etag: url === '/weak' ? 'W/"1"' : '"1"', 'accept-ranges': 'bytes', 'content-md5': 'x', 'x-kept': 'k' })
    response.end('hello')
  })
  const { port } = await gatewayTo(t, upstream, {
    transformResponse (stream, { url }, { headers }) {
      t.equal(headers['content-length'], '5')
      if (url === '/api/none') return undefined
      if (url === '/api/same') return stream
      if (url === '/api/iterable') return (async function * () { for await (const chunk of stream) yield `${String(chunk)}!` })()
      if (url === '/api/bytes') return (async function * () { for await (const chunk of stream) yield new Uint8Array(chunk) })()
      return url === '/api/late' ? Promise.resolve(stream.pipe(loud())) : stream.pipe(loud())
    }
  })
  for (const [path, body, etag] of [['/x', 'HELLO', 'W/"1"'], ['/weak', 'HELLO', 'W/"1"'], ['/late', 'HELLO', 'W/"1"'], ['/iterable', 'hello!', 'W/"1"'], ['/bytes', 'hello', 'W/"1"']] as const) {
    const answer = await call(port, `/api${path}`)
    t.equal(answer.body.toString(), body, path)
    t.match(answer.headers, { etag, 'x-kept': 'k', 'transfer-encoding': 'chunked' })
    for (const name of ['content-length', 'accept-ranges', 'content-md5']) t.equal(answer.headers[name], undefined, name)
  }
  for (const path of ['/none', '/same']) {
    const answer = await call(port, `/api${path}`)
    t.equal(answer.body.toString(), 'hello')
    t.match(answer.headers, { 'content-length': '5', etag: '"1"' })
  }
})

t.test('transformResponse: HEAD, 204 and 304 are left alone, an empty body is not', async t => {
  const { port: upstream } = await service(t, ({ url }, response) => {
    response.writeHead(Number(url?.slice(1, 4)), url === '/200' ? { 'content-length': '0' } : {})
    response.end()
  })
  let asked = 0
  const { port } = await gatewayTo(t, upstream, {
    transformResponse: stream => {
      asked++
      return Readable.from((async function * () { for await (const chunk of stream) yield chunk; yield 'more' })())
    }
  })
  t.equal((await call(port, '/api/200', { method: 'HEAD' })).headers['content-length'], '0')
  t.equal((await call(port, '/api/204')).status, 204)
  t.equal((await call(port, '/api/304')).status, 304)
  t.equal(asked, 0)
  t.equal((await call(port, '/api/200')).body.toString(), 'more')
  const two = await http2Service(t, stream => stream.respond({ ':status': 200 }, { endStream: true }))
  const other = await http2Gateway(t, `http://127.0.0.1:${two.port}`, { http2: true, transformResponse: () => Readable.from(['more']) })
  t.equal((await new Http2Client(t, other.port).ask({ ':path': '/api' }).closed).body, 'more')
})

t.test('transformResponse: a hook\'s length is no length, trailers go, HTTP/1.0 ends with the connection', async t => {
  const { port: upstream } = await rawService(t, socket => {
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n'))
  })
  const { port } = await gatewayTo(t, upstream, { transformResponse: stream => stream.pipe(loud()), rewriteResponseHeaders: headers => { headers['content-length'] = '1' } })
  const client = new RawClient(t, port)
  client.send('GET /api HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: TE\r\n\r\n')
  const answer = await client.until(/0\r\n\r\n$/)
  t.notMatch(answer, /X-Sum|Content-Length/i)
  const old = new RawClient(t, port)
  old.send('GET /api HTTP/1.0\r\nHost: x\r\n\r\n')
  t.equal(await old.closed, undefined)
  t.match(old.received, /\r\n\r\nOK$/)
})

t.test('transformResponse: what is no stream is a 500, what is no body breaks it off', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end('hello'))
  for (const wrong of [5, {}, null]) {
    const hooks: object = { transformResponse: () => wrong }
    const { port, lines } = await gatewayTo(t, upstream, hooks)
    t.match((await call(port, '/api')).json(), INTERNAL_ERROR)
    t.match(lines.find(({ msg }) => msg === 'the hook transformResponse failed')?.err?.message, 'a stream or an async iterable')
  }
  const hooks: object = { transformResponse: () => Readable.from([5]) }
  const { port, nextLine } = await gatewayTo(t, upstream, hooks)
  const line = nextLine()
  await t.rejects(call(port, '/api'))
  t.match(await line, { outcome: 'rejected', err: { code: 'INTERNAL_ERROR' } })
})

t.test('a hook of a response that fails is a 500, whichever it is', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end('hello'))
  for (const fail of [() => { throw new Error('mine') }, async () => { await turns(); throw new Error('mine') }]) {
    for (const name of ['onResponse', 'rewriteResponseHeaders', 'transformResponse']) {
      const { port, lines, nextLine } = await gatewayTo(t, upstream, { [name]: fail })
      const line = nextLine()
      const answer = await call(port, '/api')
      t.equal(answer.status, 500)
      t.match(answer.json(), INTERNAL_ERROR)
      t.match(lines.find(({ msg }) => msg === `the hook ${name} failed`)?.err, { message: 'mine' })
      t.match(await line, { outcome: 'rejected', status: 500 })
    }
  }
  for (const headers of [{ 'x-split': 'a\r\nb: c' }, 'x']) {
    const hooks: object = { rewriteResponseHeaders: () => headers }
    const { port } = await gatewayTo(t, upstream, hooks)
    t.match((await call(port, '/api')).json(), INTERNAL_ERROR)
  }
})

t.test('a stream of a hook that fails, closes or falls silent breaks the response off', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end('hello'))
  const streams = {
    fails: (stream: Readable) => stream.pipe(new Transform({ transform: (_chunk, _encoding, done) => done(new Error('mine')) })),
    closes: (stream: Readable) => stream.pipe(new Transform({ transform (chunk) { this.push(chunk); this.destroy() } })),
    silent: (stream: Readable) => stream.pipe(new Transform({ transform (chunk) { this.push(chunk) } }))
  }
  for (const [name, transformResponse] of Object.entries(streams)) {
    const { port, nextLine } = await gatewayTo(t, upstream, { timeout: 200, transformResponse })
    const line = nextLine()
    await t.rejects(call(port, '/api'), { code: 'ECONNRESET' }, name)
    t.match(await line, { outcome: 'rejected', status: 200, err: { code: 'INTERNAL_ERROR' } }, name)
  }
})

t.test('a service that breaks its response off: 502 while a hook is waited for, a break after the head', async t => {
  for (const late of [true, false]) {
    const { port: upstream, sockets } = await rawService(t, socket => { socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')) })
    const seen = latch()
    const goOn = latch()
    let source: Readable | undefined
    const { port, nextLine } = await gatewayTo(t, upstream, {
      async onResponse () {
        seen.open()
        if (late) await goOn.opened
      },
      transformResponse: stream => {
        source = stream
        return stream.pipe(loud())
      }
    })
    const line = nextLine()
    const client = new RawClient(t, port)
    client.send(REQUEST)
    await seen.opened
    if (late) {
      sockets[0]?.resetAndDestroy()
      await turns(50)
      goOn.open()
      t.match(await client.until('requestId'), /^HTTP\/1\.1 502 /)
      t.match(await line, { outcome: 'upstream error', status: 502, err: { code: 'BAD_GATEWAY' } })
    } else {
      await client.until('HALF')
      sockets[0]?.resetAndDestroy()
      await client.closed
      t.notMatch(client.received, /0\r\n\r\n$/)
      t.match(await line, { outcome: 'upstream error', status: 200, err: { code: 'BAD_GATEWAY' } })
    }
    t.equal(source?.destroyed, true)
  }
})

t.test('a client that leaves: the service is told, the streams are destroyed', async t => {
  for (const during of ['hook', 'body']) {
    let closed: Promise<unknown> = Promise.resolve()
    const { port: upstream } = await service(t, (request, response) => {
      closed = gone(request.socket)
      response.write('hello')
    })
    const seen = latch()
    const made: Readable[] = []
    const { port, nextLine } = await gatewayTo(t, upstream, {
      async transformResponse (stream) {
        made.push(stream, stream.pipe(loud()))
        seen.open()
        if (during === 'hook') await new Promise(() => {})
        return made[1]
      }
    })
    const line = nextLine()
    const client = new RawClient(t, port)
    client.send(REQUEST)
    await (during === 'hook' ? seen.opened : client.until('HELLO'))
    client.socket.destroy()
    await closed
    t.match(await line, { outcome: 'client aborted', status: during === 'hook' ? 499 : 200 })
    t.equal(made[0]?.destroyed, true, 'the source')
    if (during === 'body') t.equal(made[1]?.destroyed, true, 'what was made of it')
  }
})

t.test('a client that reads nothing stops the service, one that reads gets all', async t => {
  for (const http2 of [false, true]) {
    const chunk = Buffer.alloc(65_536, 'y')
    let sent = 0
    const target = http2
      ? await http2Service(t, stream => {
        stream.respond({ ':status': 200 })
        pump(stream)
      })
      : await service(t, (_request, response) => pump(response))
    function pump (to: NodeJS.WritableStream): void {
      while (sent < 64_000_000) {
        sent += chunk.length
        if (!to.write(chunk)) {
          to.once('drain', () => pump(to))
          return
        }
      }
      to.end()
    }
    const { port } = await gatewayTo(t, target.port, { http2, onResponse: async () => await turns(), transformResponse: stream => stream.pipe(new PassThrough()) })
    const client = new RawClient(t, port)
    client.keepText = false
    let bytes = 0
    client.socket.on('data', data => { bytes += data.length })
    client.socket.once('data', () => client.socket.pause())
    client.send('GET /api HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    await once(client.socket, 'pause')
    let before = -1
    while (before !== sent) {
      before = sent
      await turns(2000)
    }
    t.ok(sent < 32_000_000, `held after ${sent} bytes`)
    client.socket.resume()
    await client.closed
    t.ok(bytes > 64_000_000)
  }
})

for (const http2 of [false, true]) {
  t.test(`hooks of a response, and what they make of a body, run in the async scope of the host, over HTTP/${http2 ? 2 : 1}`, async t => {
    const { port: upstream } = http2
      ? await http2Service(t, stream => {
        stream.respond({ ':status': 200 })
        stream.write('one')
        setImmediate(() => stream.end('two'))
      })
      : await service(t, (_request, response) => {
        response.write('one')
        setImmediate(() => response.end('two'))
      })
    const user = new AsyncLocalStorage<string>()
    const wrong: string[] = []
    let count = 0
    const see = (where: string, { headers }: FastifyRequest): void => {
      count++
      if (user.getStore() !== headers['x-user']) wrong.push(`${where} of ${headers['x-user']} in ${user.getStore()}`)
    }
    const { port } = await start(t, async app => {
      app.addHook('onRequest', ({ headers }, _reply, done) => user.run(String(headers['x-user']), done))
      await app.register(streamGateway, {
        routes: [{
          prefix: '/api',
          target: `http://127.0.0.1:${upstream}`,
          http2,
          onResponse: request => see('onResponse', request),
          transformResponse: (stream, request) => stream.pipe(new Transform({
            transform (chunk, _encoding, done) { see('transform', request); done(null, chunk) },
            flush (done) { see('flush', request); done() }
          })),
          onEnd: ({ request }) => see('onEnd', request)
        }]
      })
    })
    // Many at once share turns of the event loop, and connections to the service that were made for others.
    for (let round = 0; round < 3; round++) {
      const bodies = await Promise.all(Array.from({ length: 20 }, async (_, nth) => await call(port, '/api', { headers: { 'x-user': `${nth}` } })))
      for (const { body } of bodies) t.equal(body.toString(), 'onetwo')
    }
    await turns()
    t.strictSame(wrong, [])
    t.ok(count >= 3 * 20 * 4)
  })
}

t.test('an upgrade whose hook fails, or whose service leaves meanwhile, is an error', async t => {
  for (const how of ['fails', 'leaves', 'client leaves']) {
    let closed: Promise<unknown> = Promise.resolve()
    const { port: upstream, server } = await service(t, (_request, response) => response.end())
    const over = latch()
    server.on('upgrade', (_request, socket) => {
      socket.on('error', () => {})
      socket.on('end', () => socket.end())
      socket.resume()
      closed = gone(socket)
      socket.write('HTTP/1.1 101 \r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
      over.opened.then(() => socket.destroy(), t.error)
    })
    const seen = latch()
    const goOn = latch()
    const { port, nextLine } = await gatewayTo(t, upstream, {
      async onResponse () {
        seen.open()
        if (how === 'fails') throw new Error('mine')
        await goOn.opened
      }
    })
    const line = nextLine()
    if (how === 'client leaves') {
      const client = new RawClient(t, port)
      client.send('GET /api HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
      await seen.opened
      client.socket.destroy()
      t.match(await line, { outcome: 'client aborted' })
      goOn.open()
    } else {
      const refused = rejection(webSocket(t, port, '/api'))
      await seen.opened
      if (how === 'leaves') {
        over.open()
        await closed
        await turns()
      }
      goOn.open()
      t.equal((await refused).status, how === 'fails' ? 500 : 502, how)
      await line
    }
    await closed
  }
})
