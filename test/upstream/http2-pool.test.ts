import { once } from 'node:events'
import { createSecureServer, createServer } from 'node:http2'
import type { IncomingHttpHeaders, ServerHttp2Stream, ServerOptions } from 'node:http2'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import type { Endpoint } from '../../src/upstream/dial.js'
import { Http2Pool } from '../../src/upstream/http2-pool.js'
import type { Http2Request } from '../../src/upstream/http2-request.js'
import { HTTP2_LIMITS, QueueFullError } from '../../src/upstream/pool.js'
import type { Interim, PoolLimits, PoolRequest, UpstreamResponse } from '../../src/upstream/pool.js'
import { http2Service } from '../fixtures/http2.js'
import type { Http2Service } from '../fixtures/http2.js'
import { closedPort, gone, portOf, rawService } from '../fixtures/peers.js'
import { pair, pem, tlsService } from '../fixtures/tls.js'

const NO_ERROR = 0
const INTERNAL_ERROR = 2
const REFUSED_STREAM = 7
const CANCEL = 8

const DATA = 0
const HEADERS = 1
const RST_STREAM = 3
const END_STREAM = 1
const END_HEADERS = 4
/** In HPACK. */
const STATUS_200 = Buffer.from([0x88])
/** An empty one, with which every server begins. */
const SETTINGS = frame(4, Buffer.alloc(0), 0)
const GOAWAY = frame(7, Buffer.alloc(8), 0)

/** RFC 9113 section 4.1; a head is sent in one frame (END_HEADERS). */
function frame (type: number, payload: Buffer, stream = 1, flags = type === HEADERS ? END_HEADERS : 0): Buffer {
  return Buffer.concat([Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream]), payload])
}

interface Asked {
  request: Http2Request
  head: Promise<UpstreamResponse>
  body: Promise<string>
  /** How often silence was told. */
  silences: () => number
  /** Of the request or the response. */
  failure: Promise<NodeJS.ErrnoException>
}

type Ask = (path: string, more?: Partial<PoolRequest> & { patience?: number, reads?: boolean }) => Asked

function asking (t: Test, endpoint: Endpoint, limits: Partial<PoolLimits> = {}): { pool: Http2Pool, ask: Ask } {
  const pool = new Http2Pool(endpoint, { ...HTTP2_LIMITS, ...limits })
  t.teardown(() => { pool.close() })
  return {
    pool,
    ask (path, { timeout = 10_000, patience = 0, reads = true, ...more } = {}) {
      let silences = 0
      const request = pool.request({ method: 'GET', path, head: ['Host', 'x'], hasBody: false, timeout, silent: () => ++silences <= patience, fresh: false, ...more })
      const head = new Promise<UpstreamResponse>(resolve => request.once('response', resolve))
      const failure = new Promise<NodeJS.ErrnoException>(resolve => {
        request.once('error', resolve)
        head.then(response => response.once('error', resolve), t.threw)
      })
      const body = head.then(async response => {
        let text = ''
        if (!reads) return text
        response.on('data', chunk => { text += String(chunk) })
        await once(response, 'end')
        if (!response.destroyed) await gone(response)
        return text
      })
      body.catch(() => {})
      if (more.hasBody !== true) request.end()
      return { request, head, body, silences: () => silences, failure }
    }
  }
}

/** A pool to a service. */
async function pooled (t: Test, limits: Partial<PoolLimits>, onStream: (stream: ServerHttp2Stream, path: string, headers: IncomingHttpHeaders, raw: string[]) => void, options: ServerOptions = {}): Promise<{ pool: Http2Pool, ask: Ask } & Http2Service> {
  const service = await http2Service(t, (stream, headers, raw) => onStream(stream, String(headers[':path']), headers, raw), options)
  return { ...service, ...asking(t, { protocol: 'http', host: '127.0.0.1', port: service.port, http2: true }, limits) }
}

function response (stream: ServerHttp2Stream, text = 'ok'): void {
  stream.respond({ ':status': 200 })
  stream.end(text)
}

function echo (stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 200 })
  stream.pipe(stream)
}

async function until (holds: () => boolean): Promise<void> {
  while (!holds()) await wait(5)
}

t.test('a head is turned into one of HTTP/2, and a response\'s into one of HTTP/1', async t => {
  let raw: string[] = []
  const { ask } = await pooled(t, {}, (stream, _path, _headers, fields) => {
    raw = fields
    stream.additionalHeaders({ ':status': 103, link: ['</a>', '</b>'] })
    stream.respond({ ':status': 299, 'set-cookie': ['a', 'b'], 'x-two': ['1', '2'] }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-end': ['1', '2'] }))
    stream.end('ok')
  })
  const { request, head, body } = ask('/x?y', {
    method: 'PURGE',
    head: ['Host', 'app.example:81', 'Accept', '*/*', 'X-Two', '1', 'x-two', '2', 'x-two', '3', 'Cookie', 'a=1', 'cookie', 'b=2', 'User-Agent', 'a', 'user-agent', 'b',
      '__proto__', 'x', 'TE', 'trailers', 'Connection', 'TE', 'Transfer-Encoding', 'chunked', 'Upgrade', 'x']
  })
  const interim: Interim[] = []
  request.on('information', given => interim.push(given))
  const { httpVersion, statusCode, statusMessage, rawHeaders, rawTrailers, isHeadOnly } = await head
  t.equal(await body, 'ok')
  t.strictSame(raw, [
    ':method', 'PURGE', ':path', '/x?y', ':authority', 'app.example:81', ':scheme', 'http', 'accept', '*/*', 'x-two', '1', 'x-two', '2', 'x-two', '3',
    'cookie', 'a=1', 'cookie', 'b=2', 'user-agent', 'a, b', '__proto__', 'x', 'te', 'trailers'
  ])
  t.strictSame(interim, [{ statusCode: 103, statusMessage: '', rawHeaders: ['link', '</a>', 'link', '</b>'] }])
  t.strictSame([httpVersion, statusCode, statusMessage, isHeadOnly], ['2.0', 299, '', false])
  t.strictSame(rawHeaders.slice(0, 8), ['set-cookie', 'a', 'set-cookie', 'b', 'x-two', '1', 'x-two', '2'])
  t.strictSame(rawTrailers, ['x-end', '1', 'x-end', '2'])
})

t.test('a response of a head alone says so', async t => {
  const { ask } = await pooled(t, {}, stream => stream.respond({ ':status': 200 }, { endStream: true }))
  const { head, body } = ask('/')
  t.equal((await head).isHeadOnly, true)
  t.equal(await body, '')
})

t.test('a body goes up with its trailers, also where they were asked for and there are none', async t => {
  const { ask } = await pooled(t, {}, stream => {
    let trailers = {}
    stream.on('trailers', given => { trailers = given })
    stream.respond({ ':status': 200 })
    stream.on('data', chunk => stream.write(chunk))
    stream.on('end', () => stream.end(JSON.stringify(trailers)))
  })
  const plain = ask('/', { method: 'POST', hasBody: true })
  t.equal((await plain.head).statusCode, 200, 'the head went before the body')
  t.equal(plain.request.write(Buffer.from('body ')), true)
  t.equal(plain.request.writableEnded, false)
  plain.request.end()
  t.equal(plain.request.writableEnded, true)
  t.equal(await plain.body, 'body {}')

  for (const [trailers, expected] of [[[], '{}'], [[['X-Sum', '1'], ['ETag', 'a'], ['etag', 'b']], '{"x-sum":"1","etag":"a, b"}']] as const) {
    const { request, body } = ask('/', { method: 'POST', hasBody: true, head: ['Host', 'x', 'TE', 'trailers'] })
    request.write(Buffer.from('body '))
    if (trailers.length > 0) request.addTrailers(trailers.map(([name, value]) => [name, value]))
    request.end()
    t.equal(await body, `body ${expected}`)
  }
})

t.test('many requests share a connection', async t => {
  const held: ServerHttp2Stream[] = []
  const { pool, ask, sessions } = await pooled(t, {}, stream => { held.push(stream) })
  const asked = Array.from({ length: 50 }, (_, i) => ask(`/${i}`))
  await until(() => held.length === 50)
  for (const stream of held) response(stream)
  await Promise.all(asked.map(async ({ body }) => await body))
  t.strictSame([pool.size, sessions.length], [1, 1])
})

t.test('another connection is made where the service takes no more on the first, and beyond the limit requests wait, first in, first out', async t => {
  const held: ServerHttp2Stream[] = []
  const order: string[] = []
  const { pool, ask, sessions } = await pooled(t, { maxConnections: 2 }, (stream, path) => {
    order.push(path)
    if (path === '/first') response(stream)
    else held.push(stream)
  }, { settings: { maxConcurrentStreams: 2 } })
  await ask('/first').body
  const asked = ['/1', '/2', '/3'].map(path => ask(path))
  await until(() => held.length === 3 && sessions.length === 2)
  asked.push(...['/4', '/5', '/6'].map(path => ask(path)))
  t.strictSame([pool.size, pool.waiting], [2, 2], 'one had room on the second')
  for (const { body } of asked) {
    await until(() => held.length > 0)
    const stream = held.shift()
    if (stream !== undefined) response(stream)
    await body
  }
  t.strictSame(order, ['/first', '/1', '/2', '/3', '/4', '/5', '/6'])
  t.strictSame([sessions.length, pool.waiting], [2, 0])
})

t.test('a service that says more makes room', async t => {
  const held: ServerHttp2Stream[] = []
  const { pool, ask, sessions } = await pooled(t, { maxConnections: 1 }, (stream, path) => {
    if (path === '/held') held.push(stream)
    else response(stream)
  }, { settings: { maxConcurrentStreams: 1 } })
  await ask('/').body
  ask('/held')
  const waiting = ask('/')
  t.equal(pool.waiting, 1)
  await until(() => held.length === 1)
  sessions[0]?.settings({ maxConcurrentStreams: 2 })
  t.equal(await waiting.body, 'ok')
})

t.test('the queue is bounded, who gives up leaves it, and the time in it counts', async t => {
  const { pool, ask } = await pooled(t, { maxConnections: 1, maxQueue: 1 }, (stream, path) => { if (path === '/') response(stream) }, { settings: { maxConcurrentStreams: 1 } })
  await ask('/').body
  ask('/held')
  const second = ask('/2')
  t.throws(() => ask('/3'), QueueFullError)
  pool.drop(second.request)
  pool.drop(second.request)
  t.equal(pool.waiting, 0)
  const { silences } = ask('/4', { timeout: 50, patience: 1 })
  await until(() => silences() === 2)
  t.equal(pool.waiting, 1, 'whoever gives up drops it')
})

t.test('what a waiting request was given goes up when it has its connection', async t => {
  const held: ServerHttp2Stream[] = []
  const { ask } = await pooled(t, { maxConnections: 1 }, (stream, path) => {
    if (path === '/held') held.push(stream)
    else if (path === '/') response(stream)
    else echo(stream)
  }, { settings: { maxConcurrentStreams: 1 } })
  await ask('/').body
  for (const ends of [true, false]) {
    ask('/held')
    const { request, body } = ask('/echo', { method: 'POST', hasBody: true })
    t.equal(request.write(Buffer.from('hello')), false)
    const drained = once(request, 'drain')
    if (ends) request.end()
    await until(() => held.length > 0)
    const stream = held.pop()
    if (stream !== undefined) response(stream)
    if (!ends) {
      await drained
      request.end()
    }
    t.equal(await body, 'hello')
  }
})

t.test('more than the connection takes at once: the drain comes from the stream', async t => {
  const held: ServerHttp2Stream[] = []
  const { ask } = await pooled(t, { maxConnections: 1 }, (stream, path) => {
    if (path === '/held') held.push(stream)
    else if (path === '/') response(stream)
    else echo(stream)
  }, { settings: { maxConcurrentStreams: 1 } })
  await ask('/').body
  ask('/held')
  const { request, body } = ask('/echo', { method: 'POST', hasBody: true })
  const large = Buffer.alloc(100_000, 'x')
  request.write(large)
  let drains = 0
  request.on('drain', () => {
    drains++
    request.end()
  })
  await until(() => held.length > 0)
  if (held[0] !== undefined) response(held[0])
  t.equal((await body).length, large.length)
  t.equal(drains, 1)
})

t.test('GOAWAY: what is under way ends, the next request has a new connection, and the old one is closed', async t => {
  const held: ServerHttp2Stream[] = []
  const { pool, ask, sessions } = await pooled(t, {}, (stream, path) => {
    if (path === '/held') held.push(stream)
    else response(stream)
  })
  const first = ask('/held')
  await until(() => held.length === 1)
  sessions[0]?.close()
  await until(() => sessions[0]?.closed === true)
  await wait(20)
  t.equal(await ask('/').body, 'ok')
  t.equal(pool.size, 2)
  if (held[0] !== undefined) response(held[0], 'late')
  t.equal(await first.body, 'late')
  await until(() => pool.size === 1)
  t.equal(sessions.length, 2)
})

for (const code of [NO_ERROR, INTERNAL_ERROR]) {
  t.test(`a request above the last one that GOAWAY (code ${code}) names was not touched`, async t => {
    const held: ServerHttp2Stream[] = []
    const { pool, ask, sessions } = await pooled(t, {}, stream => { held.push(stream) })
    const both = [ask('/1'), ask('/2'), ask('/3', { fresh: true })]
    await until(() => held.length === 3)
    sessions[0]?.goaway(code, 1)
    const [first, second, third] = both
    if (first === undefined || second === undefined || third === undefined) throw new Error('asked for three')
    t.equal(pool.progressOf(second.request, await second.failure), 'unprocessed')
    t.equal(pool.progressOf(third.request, await third.failure), 'unprocessed')
    if (code === NO_ERROR && held[0] !== undefined) {
      response(held[0])
      t.equal(await first.body, 'ok')
    } else {
      t.equal(pool.progressOf(first.request, await first.failure), 'sent')
    }
  })
}

t.test('a rejected stream was not touched, one reset with another code was', async t => {
  const { pool, ask } = await pooled(t, {}, (stream, path) => stream.close(Number(path.slice(1))))
  for (const code of [REFUSED_STREAM, INTERNAL_ERROR, CANCEL, NO_ERROR]) {
    const { request, failure } = ask(`/${code}`)
    const error = await failure
    t.equal(error.code, 'ERR_HTTP2_STREAM_ERROR')
    t.equal(pool.progressOf(request, error), code === REFUSED_STREAM ? 'unprocessed' : 'sent')
  }
  t.equal(pool.size, 1, 'the connection is none the worse')
})

for (const hasBody of [false, true]) {
  for (const code of [NO_ERROR, INTERNAL_ERROR, CANCEL]) {
    t.test(`a response that is reset (code ${code}) before its end is an error, never an end, ${hasBody ? 'in' : 'after'} the upload`, async t => {
      // Node's own server ends what it resets with NO_ERROR.
      const { port } = await rawService(t, socket => socket.once('data', () => {
        socket.write(Buffer.concat([SETTINGS, frame(HEADERS, STATUS_200), frame(DATA, Buffer.from('half')), frame(RST_STREAM, Buffer.from([0, 0, 0, code]))]))
      }))
      const { ask } = asking(t, { protocol: 'http', host: '127.0.0.1', port, http2: true })
      const { head, failure } = ask('/', { method: 'POST', hasBody })
      const responded = await head
      let ended = false
      responded.on('end', () => { ended = true })
      t.equal((await failure).code, 'ERR_HTTP2_STREAM_ERROR')
      await new Promise(resolve => setImmediate(resolve))
      t.equal(ended, false)
    })
  }
}

t.test('a response that is whole stays so when the rest of the request is rejected', async t => {
  const { pool, ask } = await pooled(t, {}, stream => {
    stream.respond({ ':status': 413 })
    stream.end('no', () => stream.close(NO_ERROR))
  })
  const { request, head, body } = ask('/', { method: 'POST', hasBody: true })
  const closed = head.then(gone)
  request.write(Buffer.alloc(1000))
  t.equal(await body, 'no')
  await closed
  t.equal(request.write(Buffer.alloc(1000)), true, 'what comes now is nobody\'s')
  request.end()
  pool.drop(request)
  t.equal(pool.size, 1)
})

t.test('a lost connection fails what is on it', async t => {
  const { pool, ask, sockets } = await pooled(t, {}, (stream, path) => {
    if (path === '/ok') response(stream)
    if (path === '/half') {
      stream.respond({ ':status': 200 })
      stream.write('half')
    }
    if (path === '/hint') stream.additionalHeaders({ ':status': 103 })
  })
  for (const how of ['destroy', 'resetAndDestroy'] as const) {
    const first = ask('/1')
    const second = ask('/2')
    const hinted = ask('/hint')
    const half = ask('/half')
    await once(hinted.request, 'information')
    await once(await half.head, 'data')
    sockets.at(-1)?.[how]()
    for (const { request, failure } of [first, second, hinted, half]) {
      const error = await failure
      t.equal(error.code, 'ECONNRESET')
      t.equal(pool.progressOf(request, error), request === second.request ? 'lost' : 'sent', 'no sign of life, on a connection that had been good')
    }
    await until(() => pool.size === 0)
  }
  t.equal(await ask('/ok').body, 'ok')
})

t.test('a connection that cannot be made fails with its reason, and is not tried twice', async t => {
  const port = await closedPort()
  const { pool, ask } = asking(t, { protocol: 'http', host: '127.0.0.1', port, http2: true })
  const { request, failure } = ask('/')
  const error = await failure
  t.equal(error.code, 'ECONNREFUSED')
  t.equal(pool.progressOf(request, error), 'unconnected')
  await until(() => pool.size === 0)

  const silent = await rawService(t, () => {})
  const slow = asking(t, { protocol: 'https', host: '127.0.0.1', port: silent.port, http2: true, connectTimeout: 50 })
  t.equal((await slow.ask('/').failure).code, 'ERR_CONNECT_TIMEOUT')

  const { port: old } = await tlsService(t, pair('localhost'))
  const none = asking(t, { protocol: 'https', host: 'localhost', port: old, http2: true, tls: { ca: pem('ca.pem') } })
  t.match(await none.ask('/').failure, { code: 'ERR_NO_HTTP2' })
  const distrusting = asking(t, { protocol: 'https', host: 'localhost', port: old, http2: true })
  t.match((await distrusting.ask('/').failure).code, /CERT|SIGNATURE|ISSUER/)

  const closing = await rawService(t, socket => socket.destroy())
  const closed = asking(t, { protocol: 'https', host: '127.0.0.1', port: closing.port, http2: true })
  t.type(await closed.ask('/').failure, Error)
})

t.test('a service that speaks something else is an error', async t => {
  const { port } = await rawService(t, socket => socket.on('data', () => socket.write('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')))
  const { pool, ask } = asking(t, { protocol: 'http', host: '127.0.0.1', port, http2: true })
  const { request, failure } = ask('/')
  const error = await failure
  t.match(error.code, /^ERR_HTTP2/)
  t.equal(pool.progressOf(request, error), 'sent')
  await until(() => pool.size === 0)
})

t.test('over TLS it is agreed by ALPN, and a socket in the file system will do', async t => {
  const secure = createSecureServer(pair('localhost'))
  const plain = createServer()
  // Not in testdir(): a socket's path must be short.
  const path = join(mkdtempSync(join(tmpdir(), 'http2-')), 'sock')
  for (const server of [secure, plain]) server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => response(stream, `${headers[':scheme']}`))
  secure.listen(0, '127.0.0.1')
  plain.listen(path)
  await Promise.all([once(secure, 'listening'), once(plain, 'listening')])
  const overTls = asking(t, { protocol: 'https', host: 'localhost', port: portOf(secure), http2: true, tls: { ca: pem('ca.pem') } })
  t.equal(await overTls.ask('/').body, 'https')
  const overUnix = asking(t, { protocol: 'http', socketPath: path, http2: true })
  t.equal(await overUnix.ask('/').body, 'http')
  for (const { pool } of [overTls, overUnix]) {
    pool.close()
    await until(() => pool.size === 0)
  }
  await Promise.all([secure, plain].map(async server => await new Promise(resolve => server.close(resolve))))
  rmdirSync(dirname(path))
})

t.test('a request given up is cancelled at the service, or never sent', async t => {
  const paths: string[] = []
  let code: Promise<number | undefined> = Promise.resolve(undefined)
  const { pool, ask } = await pooled(t, {}, (stream, path) => {
    paths.push(path)
    code = gone(stream).then(() => stream.rstCode)
    if (path === '/ok') response(stream)
  })
  const early = ask('/early')
  pool.drop(early.request)
  t.equal(await ask('/ok').body, 'ok')
  const late = ask('/late')
  await until(() => paths.includes('/late'))
  pool.drop(late.request)
  t.equal(await code, CANCEL)
  t.strictSame(paths, ['/ok', '/late'])
  let failed = false
  for (const { failure } of [early, late]) failure.then(() => { failed = true }, t.threw)
  await wait(10)
  t.equal(failed, false, 'whoever gives up is told nothing')
  t.equal(pool.size, 1)
})

t.test('silence is told, again when there is patience, and a healthy connection lives on', async t => {
  const { pool, ask, sessions } = await pooled(t, {}, (stream, path) => { if (path === '/ok') response(stream) })
  const { request, silences } = ask('/', { timeout: 50, patience: 2 })
  const other = ask('/', { timeout: 50 })
  await until(() => silences() === 3 && other.silences() === 1)
  pool.drop(request)
  await wait(100)
  t.equal(silences(), 3)
  t.equal(await ask('/ok').body, 'ok')
  t.equal(sessions.length, 1)
})

t.test('silence while it connects is told, too', async t => {
  const { port } = await rawService(t, () => {})
  const { pool, ask } = asking(t, { protocol: 'https', host: '127.0.0.1', port, http2: true })
  const { request, silences } = ask('/', { timeout: 50 })
  await until(() => silences() === 1)
  pool.drop(request)
  pool.close()
  t.equal(silences(), 1)
})

t.test('a connection whose other end is dead or does not hang up is closed', async t => {
  // Responses no ping, nor anything else.
  const dead = await rawService(t, socket => {
    socket.write(SETTINGS)
    socket.resume()
  })
  const stubborn = await rawService(t, socket => {
    socket.once('data', () => socket.write(Buffer.concat([SETTINGS, frame(HEADERS, STATUS_200, 1, END_STREAM | END_HEADERS)])))
  })
  const healthy = await pooled(t, {}, (stream, path) => { if (path === '/ok') response(stream) })
  const toDead = asking(t, { protocol: 'http', host: '127.0.0.1', port: dead.port, http2: true })
  const toStubborn = asking(t, { protocol: 'http', host: '127.0.0.1', port: stubborn.port, http2: true })
  const silent = toDead.ask('/', { timeout: 50 })
  const unlucky = toDead.ask('/')
  const slow = healthy.ask('/', { timeout: 50 })
  t.equal(await toStubborn.ask('/').body, '')
  stubborn.sockets[0]?.write(GOAWAY)
  await until(() => silent.silences() === 1 && slow.silences() === 1)
  t.equal((await unlucky.failure).code, 'ECONNRESET')
  for (const { pool } of [toDead, toStubborn]) await until(() => pool.size === 0)
  t.equal(await healthy.ask('/ok').body, 'ok')
  t.equal(healthy.sessions.length, 1, 'one that has responded to a ping is not')
})

t.test('an idle connection is closed, and one that is too old when it is idle', async t => {
  const held: ServerHttp2Stream[] = []
  const handle = (stream: ServerHttp2Stream, path: string): void => {
    if (path === '/held') held.push(stream)
    else response(stream)
  }
  const idle = await pooled(t, { idleTimeout: 50 }, handle)
  await idle.ask('/').body
  await until(() => idle.pool.size === 0)
  t.equal(await idle.ask('/').body, 'ok')

  const old = await pooled(t, { maxLifetime: 50 }, handle)
  const { body } = old.ask('/held')
  await wait(1500)
  t.equal(old.pool.size, 1, 'in use')
  t.equal(await old.ask('/').body, 'ok')
  t.equal(old.pool.size, 2)
  if (held[0] !== undefined) response(held[0], 'late')
  t.equal(await body, 'late')
  await until(() => old.pool.size === 0)
})

t.test('a closed pool keeps nothing, and lets what is under way end', async t => {
  const held: ServerHttp2Stream[] = []
  const { pool, ask } = await pooled(t, {}, (stream, path) => {
    if (path === '/held') held.push(stream)
    else response(stream)
  })
  const { body } = ask('/held')
  await until(() => held.length === 1)
  pool.learnKeepAlive()
  pool.close()
  t.equal(await ask('/').body, 'ok')
  if (held[0] !== undefined) response(held[0], 'late')
  t.equal(await body, 'late')
  await until(() => pool.size === 0)
})

t.test('a response that is not read holds the service back, and nobody else', async t => {
  const size = 16 * 1024 * 1024
  let taken = 0
  const { ask } = await pooled(t, {}, (stream, path) => {
    if (path === '/small') {
      response(stream)
      return
    }
    stream.respond({ ':status': 200 })
    // A request that nobody reads is reset by Node's server, sometimes before the response's END_STREAM.
    stream.resume()
    const go = (): void => {
      if (taken === size) stream.end()
      else stream.write(Buffer.alloc(65_536), () => { taken += 65_536; go() })
    }
    go()
  })
  const { head } = ask('/large', { reads: false })
  const responded = await head
  let seen = -1
  for (let same = 0; same < 20; same++) {
    t.equal(await ask('/small').body, 'ok')
    if (taken !== seen) same = 0
    seen = taken
  }
  t.ok(seen < size / 8, `held at ${seen} of ${size}`)
  let bytes = 0
  for await (const chunk of responded) bytes += chunk.length
  t.equal(bytes, size)
})

t.test('a service that does not read holds the request back', async t => {
  let read = (): void => {}
  const { ask } = await pooled(t, {}, stream => {
    stream.respond({ ':status': 200 })
    read = () => {
      stream.resume()
      stream.on('end', () => stream.end('read'))
    }
  })
  const { request, head, body } = ask('/', { method: 'POST', hasBody: true })
  await head
  let drained = false
  request.on('drain', () => { drained = true })
  let sent = 0
  for (let same = 0; same < 20; same++) {
    if (request.write(Buffer.alloc(65_536)) || drained) same = 0
    drained = false
    sent += 65_536
    await wait(2)
  }
  t.ok(sent < 8 * 1024 * 1024, `held at ${sent}`)
  read()
  await once(request, 'drain')
  request.end()
  t.equal(await body, 'read')
})
