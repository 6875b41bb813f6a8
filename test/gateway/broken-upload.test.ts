import { once } from 'node:events'
import type { ServerHttp2Stream } from 'node:http2'
import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import { CANCEL, DATA, END_HEADERS, frame, Frames, HEADERS, INTERNAL_ERROR, NO_ERROR, PREFACE, requestFields, reset, RST_STREAM, SETTINGS } from '../fixtures/frames.js'
import { gatewayTo } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway } from '../fixtures/http2.js'
import { gone, RawClient, rawService } from '../fixtures/peers.js'
import { startService } from '../fixtures/service.js'
import { fixture } from '../fixtures/tls.js'

const CHUNKED = 'POST /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'

/** A service in mid upload, by the bytes that it gets. */
interface Uploaded {
  port: number
  /** Half of the upload is there. */
  hasHalf: Promise<unknown>
  /** The upload is over: what came of it. */
  over: Promise<string>
}

/** The upload is over with its connection. */
async function http1Service (t: Test): Promise<Uploaded> {
  let bytes = ''
  let half = (): void => {}
  let over = (_body: string): void => {}
  const hasHalf = new Promise<void>(resolve => { half = resolve })
  const isOver = new Promise<string>(resolve => { over = resolve })
  const { port } = await rawService(t, socket => {
    socket.on('data', chunk => {
      bytes += String(chunk)
      if (bytes.includes('half')) half()
    })
    socket.on('end', () => socket.destroy())
    socket.on('close', () => over(bytes.slice(bytes.indexOf('\r\n\r\n') + 4)))
  })
  return { port, hasHalf, over: isOver }
}

/** The upload is over with its stream. */
async function http2Service (t: Test): Promise<Uploaded> {
  let connected = (_frames: Frames): void => {}
  const frames = new Promise<Frames>(resolve => { connected = resolve })
  const { port } = await rawService(t, socket => {
    socket.write(frame(SETTINGS, 0, 0))
    connected(new Frames(socket, PREFACE.length))
  })
  const over = async (): Promise<string> => {
    const came = await frames
    await came.until(({ type }) => type === RST_STREAM)
    return came.story.join(' ')
  }
  return { port, hasHalf: frames.then(async came => await came.until(({ payload }) => String(payload) === 'half')), over: over() }
}

/** A gateway whose first stream can be looked at. */
async function http2Streams (t: Test, port: number, version = 1) {
  let arrived = (_stream: ServerHttp2Stream): void => {}
  const stream = new Promise<ServerHttp2Stream>(resolve => { arrived = resolve })
  return { ...await http2Gateway(t, `http://127.0.0.1:${port}`, { http2: version === 2 }, { prepare: app => app.server.once('stream', arrived) }), stream }
}

/** A client in the midst of an upload. Node's own ends a stream before it resets it. */
async function http2Client (t: Test, port: number, version: number, method: string) {
  const gateway = await http2Streams(t, port, version)
  const client = connect(gateway.port, '127.0.0.1')
  client.on('error', () => {})
  t.teardown(() => { client.destroy() })
  client.write(Buffer.concat([PREFACE, frame(SETTINGS, 0, 0), frame(HEADERS, END_HEADERS, 1, requestFields(method, '/api/x'))]))
  return { ...gateway, client }
}

const services = [
  { version: 1, start: http1Service, broken: '4\r\nhalf\r\n' },
  { version: 2, start: http2Service, broken: `HEADERS DATA(4) RST_STREAM(${CANCEL})` }
]

for (const { version, start, broken } of services) {
  for (const secure of [false, true]) {
    t.test(`a chunk that is none in mid upload${secure ? ' under TLS' : ''}: its exchange ends at once, at a service of HTTP/${version} too`, async t => {
      const service = await start(t)
      const tls = secure ? { tls: { cert: fixture('localhost.pem'), key: fixture('localhost.key') } } : {}
      const { port, lines } = await startService(t, tls, { target: `http://127.0.0.1:${service.port}`, http2: version === 2 })
      const client = secure ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }) : connect(port, '127.0.0.1')
      t.teardown(() => { client.destroy() })
      let received = ''
      const ended = once(client, 'end')
      client.on('data', chunk => { received += String(chunk) })
      client.write(CHUNKED)
      await service.hasHalf
      client.write('no chunk\r\n')
      t.equal(await service.over, broken)
      await ended
      t.match(received, /^HTTP\/1\.1 400 [^]*"code":"BAD_REQUEST"/)
      t.strictSame(lines.flatMap(({ outcome, status }) => outcome === undefined ? [] : [[outcome, status]]), [['rejected', 400]], 'one line')
    })
  }

  t.test(`a client of HTTP/1 that goes away in mid upload: no end of it at a service of HTTP/${version}`, async t => {
    const service = await start(t)
    const { port, nextLine } = await gatewayTo(t, service.port, { http2: version === 2 })
    const line = nextLine()
    const client = new RawClient(t, port).send(CHUNKED)
    await service.hasHalf
    client.socket.destroy()
    t.equal(await service.over, broken)
    t.match(await line, { outcome: 'client aborted', status: 499 })
  })

  t.test(`an upload that the route's timeout ends has no end at a service of HTTP/${version}`, async t => {
    const service = await start(t)
    const { port, nextLine } = await gatewayTo(t, service.port, { http2: version === 2, timeout: 200 })
    const line = nextLine()
    const client = new RawClient(t, port).send(CHUNKED)
    t.equal(await service.over, broken)
    await client.until('REQUEST_TIMEOUT')
    t.match(await line, { outcome: 'timeout', status: 408 })
  })

  // Of a HEAD Node tells otherwise: it has ended the response beforehand.
  for (const method of ['POST', 'HEAD']) {
    for (const code of [NO_ERROR, INTERNAL_ERROR, CANCEL]) {
      t.test(`a client of HTTP/2 that resets its stream (code ${code}) in mid upload of a ${method}: no end of it at a service of HTTP/${version}`, async t => {
        const service = await start(t)
        const { client, nextLine, stream } = await http2Client(t, service.port, version, method)
        const line = nextLine()
        client.write(frame(DATA, 0, 1, 'half'))
        await service.hasHalf
        client.write(reset(1, code))
        t.equal(await service.over, broken)
        t.match(await line, { outcome: 'client aborted', status: 499 })
        const received = await stream
        if (!received.destroyed) await gone(received)
      })
    }

    t.test(`a client of HTTP/2 that goes away in mid upload of a ${method}: no end of it at a service of HTTP/${version}`, async t => {
      const service = await start(t)
      const { client, nextLine } = await http2Client(t, service.port, version, method)
      const line = nextLine()
      client.write(frame(DATA, 0, 1, 'half'))
      await service.hasHalf
      client.destroy()
      t.equal(await service.over, broken)
      t.match(await line, { outcome: 'client aborted', status: 499 })
    })
  }
}

t.test('a stream that is reset with NO_ERROR while its service reads nothing is over at once', async t => {
  // Node ends such a stream only when the body was read, which waits for the service.
  const { port } = await rawService(t, socket => socket.pause())
  const { stream: server, ...gateway } = await http2Streams(t, port)
  const line = gateway.nextLine()
  const { stream } = new Http2Client(t, gateway.port).begin({ ':path': '/api/x', ':method': 'POST' })
  stream.write(Buffer.alloc(32 * 1024 * 1024))
  const received = await server
  for (let same = 0, seen = -1; same < 20; same++) {
    const { bytesRead = 0 } = received.session?.socket ?? {}
    if (seen !== bytesRead) same = 0
    seen = bytesRead
    await wait(10)
  }
  stream.close(NO_ERROR)
  t.match(await line, { outcome: 'client aborted', status: 499 })
  if (!received.destroyed) await gone(received)
})

t.test('a stream that is reset together with its head is not forwarded', async t => {
  const { port } = await rawService(t, () => t.fail('forwarded'))
  const gateway = await http2Gateway(t, `http://127.0.0.1:${port}`)
  const line = gateway.nextLine()
  const client = connect(gateway.port, '127.0.0.1')
  t.teardown(() => { client.destroy() })
  client.write(Buffer.concat([PREFACE, frame(SETTINGS, 0, 0), frame(HEADERS, END_HEADERS, 1, requestFields('POST', '/api/x')), frame(DATA, 0, 1, 'half'), reset(1, NO_ERROR)]))
  t.match(await line, { outcome: 'client aborted', status: 499 })
})
