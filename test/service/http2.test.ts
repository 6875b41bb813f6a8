import { once } from 'node:events'
import { connect, constants } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import { get } from 'node:https'
import type { RequestOptions } from 'node:https'
import { connect as connectTls } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import t from 'tap'
import type { Test } from 'tap'
import { frame, GET, openFrames } from '../fixtures/frames.js'
import { gone, service } from '../fixtures/peers.js'
import { startService } from '../fixtures/service.js'
import { fixture, pem } from '../fixtures/tls.js'

const ca = pem('ca.pem')
const http2 = { http2: true, tls: { cert: fixture('localhost.pem'), key: fixture('localhost.key') } }

async function open (t: Test, port: number): Promise<ClientHttp2Session> {
  const session = connect(`https://127.0.0.1:${port}`, { ca })
  session.on('error', () => {})
  t.teardown(() => { session.destroy() })
  await once(session, 'remoteSettings')
  return session
}

/** The status of a response whose body is of no interest. */
async function status (stream: ClientHttp2Stream): Promise<unknown> {
  const [head] = await once(stream, 'response')
  stream.resume()
  return head[':status']
}

/** Still serving. */
async function serves (t: Test, port: number): Promise<void> {
  const session = await open(t, port)
  t.equal(await status(session.request({ ':path': '/nope' })), 404)
}

t.test('HTTP/2 to the clients that ask for it, HTTP/1.1 to the others', async t => {
  const { port } = await startService(t, http2)
  await serves(t, port)
  for (const ALPNProtocols of [['http/1.1'], []]) {
    const options: RequestOptions & { ALPNProtocols: string[] } = { port, host: '127.0.0.1', ca, path: '/nope', agent: false, ALPNProtocols }
    const [response] = await once(get(options), 'response')
    response.resume()
    t.match(response, { statusCode: 404, httpVersion: '1.1' })
  }
})

t.test('what a client is told of the limits', async t => {
  const { port } = await startService(t, { ...http2, maxHeaderSize: '2kb' })
  const session = await open(t, port)
  t.match(session.remoteSettings, { maxConcurrentStreams: 128, maxHeaderListSize: 2048 + 131_072 })
})

t.test('the limits of the HTTP/1.1 side', async t => {
  const { port } = await startService(t, { ...http2, maxHeaderSize: '1kb', headersTimeout: 200, maxRequestsPerConnection: 1 })
  const large = connectTls({ port, host: '127.0.0.1', ca })
  large.end(`GET /nope HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(2000)}\r\n\r\n`)
  t.match(await text(large), /^HTTP\/1\.1 431 /)
  const silent = connectTls({ port, host: '127.0.0.1', ca })
  silent.write('GET / HT')
  t.match(await text(silent), /^HTTP\/1\.1 408 /)
  const last = connectTls({ port, host: '127.0.0.1', ca })
  t.teardown(() => { last.destroy() })
  last.write('GET /nope HTTP/1.1\r\nHost: x\r\n\r\n')
  t.match(String((await once(last, 'data'))[0]), /\r\nconnection: close\r\n/i)
})

async function text (socket: TLSSocket): Promise<string> {
  let received = ''
  for await (const chunk of socket) received += String(chunk)
  return received
}

t.test('CONNECT gets 405', async t => {
  const { port } = await startService(t, http2)
  const session = await open(t, port)
  const stream = session.request({ ':method': 'CONNECT', ':authority': 'a.example:443' })
  const [head] = await once(stream, 'response')
  t.match(head, { ':status': 405, allow: /^.*GET.*$/, 'content-type': 'application/json; charset=utf-8' })
  t.match(JSON.parse(String(Buffer.concat(await stream.toArray()))), { error: { code: 'METHOD_NOT_ALLOWED' } })
})

t.test('rapid reset ends the session, and nothing more', async t => {
  let forwarded = 0
  const { port: upstream } = await service(t, (_request, response) => {
    forwarded++
    response.end()
  })
  // Node stops reading, and the session is silent from there.
  const { port, lines } = await startService(t, { ...http2, keepAliveTimeout: 100 }, `http://127.0.0.1:${upstream}`)
  const socket = await openFrames(t, port, ca)
  socket.resume()
  const ended = once(socket, 'end')
  const cancel = Buffer.from([0, 0, 0, constants.NGHTTP2_CANCEL])
  for (let stream = 1; stream < 20_000; stream += 2) socket.write(Buffer.concat([frame(1, 5, stream, GET), frame(3, 0, stream, cancel)]))
  await ended
  const heard = lines.filter(({ url }) => url === '/api/x').length
  t.ok(heard < 5_000, `of 10,000 requests ${heard} were heard, and ${forwarded} forwarded`)
  t.ok(forwarded < 1_000)
  await serves(t, port)
})

t.test('a flood of pings whose responses are not read ends the session', async t => {
  const { port } = await startService(t, http2)
  const socket = await openFrames(t, port, ca)
  const pings = Buffer.concat(Array.from({ length: 1000 }, () => frame(6, 0, 0, Buffer.alloc(8))))
  socket.pause()
  const closed = gone(socket)
  let sent = 0
  const send = (): void => {
    while (!socket.destroyed && sent < 2_000_000) {
      sent += 1000
      if (!socket.write(pings)) return
    }
  }
  socket.on('drain', send)
  send()
  await closed
  t.ok(sent < 2_000_000)
  await serves(t, port)
})

t.test('frames that are not valid: some get a response, many end the session', async t => {
  const { port } = await startService(t, http2)
  const socket = await openFrames(t, port, ca)
  // A field whose name has a capital is malformed (RFC 9113 section 8.2).
  const head = Buffer.concat([GET, Buffer.from([0x00, 1, 0x58, 1, 0x79])])
  socket.resume()
  const ended = once(socket, 'end')
  for (let i = 0; i < 150; i++) socket.write(frame(1, 5, 2 * i + 1, head))
  await ended
  await serves(t, port)
})

t.test('a session that asks for nothing is closed after headersTimeout', async t => {
  const { port } = await startService(t, { ...http2, headersTimeout: 100 })
  await gone(await open(t, port))
})

t.test('a session is closed when it was silent for keepAliveTimeout, but not while a request is under way', async t => {
  let finish = (): void => {}
  const asked = new Promise<void>(resolve => {
    finish = resolve
  })
  const { port: upstream } = await service(t, (_request, response) => {
    response.writeHead(200)
    response.flushHeaders()
    asked.then(() => response.end(), () => {})
  })
  const { port } = await startService(t, { ...http2, keepAliveTimeout: 100 }, `http://127.0.0.1:${upstream}`)
  const session = await open(t, port)
  const stream = session.request({ ':path': '/api/x' })
  await once(stream, 'response')
  // Silent from here, which is later than the other is: when it is closed, the other was looked at.
  const later = await open(t, port)
  const ended = gone(later)
  t.equal(await status(later.request({ ':path': '/nope' })), 404)
  await ended
  t.notOk(session.destroyed)
  const closed = gone(session)
  finish()
  stream.resume()
  await gone(stream)
  t.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR)
  await closed
})

t.test('a client that reads no more is cut off, once its request was given up', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.write(Buffer.alloc(64 * 1024 ** 2)))
  const { app, port, until } = await startService(t, { ...http2, keepAliveTimeout: 100 }, { target: `http://127.0.0.1:${upstream}`, timeout: 1000 })
  const socket = await openFrames(t, port, ca)
  // Windows as wide as they can be, so that TCP alone holds the response back (RFC 9113 sections 6.5.2 and 6.9).
  socket.write(frame(4, 0, 0, Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff])))
  socket.write(frame(8, 0, 0, Buffer.from([0x7f, 0, 0, 0])))
  socket.pause()
  socket.write(frame(1, 5, 1, GET))
  const count = promisify(app.server.getConnections.bind(app.server))
  // Under way it is left alone, however long nothing moves.
  await until(/^timeout$/)
  t.equal(await count(), 1)
  while (await count() > 0) await new Promise(resolve => setTimeout(resolve, 20))
  await serves(t, port)
})

t.test('a client that does not hang up is cut off', async t => {
  const { port } = await startService(t, { ...http2, headersTimeout: 100, keepAliveTimeout: 200 })
  const socket = connectTls({ port, host: '127.0.0.1', ca, ALPNProtocols: ['h2'] })
  socket.allowHalfOpen = true
  socket.on('error', () => {})
  socket.resume()
  await once(socket, 'end')
  // Half-open from here: what is written meets a reset once the other side is gone.
  const timer = setInterval(() => socket.write('x'), 20)
  await gone(socket)
  clearInterval(timer)
})

t.test('maxRequestsPerConnection: the client is sent elsewhere, and its last request gets its response', async t => {
  const { port } = await startService(t, { ...http2, maxRequestsPerConnection: 2 })
  const session = await open(t, port)
  t.equal(await status(session.request({ ':path': '/nope' })), 404)
  const closed = gone(session)
  t.equal(await status(session.request({ ':path': '/nope' })), 404)
  await closed
})

t.test('at the end a session hears of it, and what is under way ends well', async t => {
  let finish = (): void => {}
  const { port: upstream } = await service(t, (_request, response) => {
    response.write('first')
    finish = () => response.end('last')
  })
  const { app, port } = await startService(t, http2, `http://127.0.0.1:${upstream}`)
  const session = await open(t, port)
  const idle = await open(t, port)
  const stream = session.request({ ':path': '/api/x' })
  await once(stream, 'response')
  const goaway = once(session, 'goaway')
  const ended = gone(idle)
  const closed = app.close()
  await goaway
  await ended
  finish()
  t.equal(String(Buffer.concat(await stream.toArray())), 'firstlast')
  await closed
})
