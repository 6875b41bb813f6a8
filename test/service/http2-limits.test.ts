import { once } from 'node:events'
import { connect } from 'node:http2'
import type { ClientHttp2Session, OutgoingHttpHeaders } from 'node:http2'
import type { TLSSocket } from 'node:tls'
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
  await once(session, 'connect')
  return session
}

/** A client that writes frames of its own making, and reads nothing of the responses. */
async function raw (t: Test, port: number): Promise<TLSSocket> {
  const socket = await openFrames(t, port, ca)
  socket.resume()
  // The server's settings are in force from its acknowledgement on.
  socket.write(frame(4, 1, 0))
  return socket
}

/** A field of 3,900 bytes that enters the table (RFC 7541 sections 5.1 and 6.2.1), and one byte that stands for it. */
const LARGE = Buffer.concat([Buffer.from([0x40, 1, 0x62, 0x7f, 0xbd, 0x1d]), Buffer.alloc(3900, 'a')])
const AGAIN = 0xbe

const cancel = Buffer.from([0, 0, 0, 8])

const BOMB = (nth: number): Buffer => frame(1, 5, 2 * nth + 1, Buffer.concat([GET, ...nth === 0 ? [LARGE] : [], Buffer.alloc(5000, AGAIN)]))

const ABUSES: Record<string, (nth: number) => Buffer> = {
  'a head that cannot be decompressed': nth => frame(1, 5, 2 * nth + 1, Buffer.alloc(5, 0xff)),
  'heads that grow by decompression': BOMB,
  'a head without end': nth => nth === 0 ? frame(1, 1, 1, GET) : frame(9, 0, 1, Buffer.from([0x00, 1, 0x78, 1, 0x79])),
  'settings without end': () => frame(4, 0, 0, Buffer.from([0, 3, 0, 0, 0, 100])),
  'pings without end': () => frame(6, 0, 0, Buffer.alloc(8)),
  'priorities without end': () => frame(2, 0, 1, Buffer.from([0, 0, 0, 3, 0])),
  'streams that are reset at once': nth => Buffer.concat([frame(1, 5, 2 * nth + 1, GET), frame(3, 0, 2 * nth + 1, cancel)])
}

for (const [abuse, next] of Object.entries(ABUSES)) {
  t.test(`${abuse}: the connection is closed, long before it would be for silence`, async t => {
    const { port: upstream } = await service(t, (_request, response) => response.end())
    const { app, port } = await startService(t, { ...http2, headersTimeout: '10m', keepAliveTimeout: '10m' }, `http://127.0.0.1:${upstream}`)
    const closed = new Promise<void>(resolve => app.server.once('secureConnection', (socket: TLSSocket) => { gone(socket).then(resolve, () => {}) }))
    const socket = await raw(t, port)
    const stop = new AbortController()
    const sending = (async () => {
      // More of the bombs at once would be more streams than are allowed.
      const length = next === BOMB ? 5 : 100
      for (let nth = 0; nth < 50_000 && !stop.signal.aborted; nth += length) {
        socket.write(Buffer.concat(Array.from({ length }, (_, index) => next(nth + index))))
        await new Promise(resolve => setTimeout(resolve, 1))
      }
    })()
    await closed
    stop.abort()
    await sending
    const session = await open(t, port)
    const [head] = await once(session.request({ ':path': '/api/x' }), 'response')
    t.equal(head[':status'], 200, 'others are served')
  })
}

t.test('some pings and settings are no abuse', async t => {
  const { port } = await startService(t, http2)
  const session = await open(t, port)
  for (let i = 0; i < 50; i++) {
    await new Promise<void>(resolve => session.ping(() => resolve()))
    session.settings({ maxConcurrentStreams: i })
    // Looked at meanwhile.
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  t.notOk(session.closed)
})

interface Received { status: number, body: string }

async function ask (session: ClientHttp2Session, headers: OutgoingHttpHeaders): Promise<Received> {
  const stream = session.request(headers)
  const [head] = await once(stream, 'response')
  return { status: head[':status'], body: String(Buffer.concat(await stream.toArray())) }
}

t.test('heads within the bounds of HTTP/1 are served, others get a 431, and the session lives', async t => {
  const seen: number[] = []
  const { port: upstream } = await service(t, (request, response) => {
    seen.push(request.rawHeaders.length / 2)
    response.end('ok')
  })
  const { port, lines } = await startService(t, { ...http2, maxHeaderSize: '16kb' }, `http://127.0.0.1:${upstream}`)
  // At once: the settings are not seen yet.
  const session = await open(t, port)
  const fields = (count: number, value = 'v'): OutgoingHttpHeaders => Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${index}`, value]))
  for (const headers of [fields(130), { cookie: Array.from({ length: 150 }, (_, index) => `c${index}=1`) }, { x: 'x'.repeat(16_000) }, fields(400)]) {
    t.strictSame(await ask(session, { ':path': '/api/x', ...headers }), { status: 200, body: 'ok' })
  }
  t.ok(Number(seen[0]) > 130)
  for (const headers of [{ x: 'x'.repeat(17_000) }, { x: 'x'.repeat(60_000) }, fields(500, 'x'.repeat(50)), fields(1100), { cookie: Array.from({ length: 1100 }, () => 'c') }]) {
    const { status, body } = await ask(session, { ':path': '/api/x', ...headers })
    t.equal(status, 431)
    t.match(JSON.parse(body), { success: false, error: { code: 'REQUEST_HEADER_FIELDS_TOO_LARGE' } })
  }
  t.equal(lines.filter(({ status, outcome }) => status === 431 && outcome === 'rejected').length, 5)
  t.equal((await ask(session, { ':path': '/nope', x: 'x'.repeat(20_000) })).status, 431, 'also where there is no route')
  t.notOk(session.closed)
})

t.test('a stream whose head is beyond all bounds is rejected, and the session lives', async t => {
  const { port } = await startService(t, http2)
  const session = connect(`https://127.0.0.1:${port}`, { ca, maxSendHeaderBlockLength: 1_000_000 })
  t.teardown(() => { session.destroy() })
  await once(session, 'remoteSettings')
  const large = session.request({ ':path': '/nope', ...Object.fromEntries(Array.from({ length: 11 }, (_, index) => [`x-${index}`, 'x'.repeat(14_500)])) })
  await t.rejects(once(large, 'response'), { code: 'ERR_HTTP2_STREAM_ERROR' })
  t.equal((await ask(session, { ':path': '/nope' })).status, 404)
})
