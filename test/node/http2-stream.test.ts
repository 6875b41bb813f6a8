import { once } from 'node:events'
import { connect, constants, createServer } from 'node:http2'
import type { ClientHttp2Stream, ServerHttp2Stream } from 'node:http2'
import { Readable } from 'node:stream'
import t from 'tap'
import type { Test } from 'tap'
import { portOf, rawService } from '../fixtures/peers.js'

// What Node's HTTP/2 client does with a stream (src/upstream/http2-request.ts), and documents nowhere.

/** A stream whose pushes are noted: their bytes or null, and whether the stream was closed by then. */
function streamTo (t: Test, port: number): { stream: ClientHttp2Stream, pushed: string[] } {
  const session = connect(`http://127.0.0.1:${port}`)
  t.teardown(() => { session.destroy() })
  const pushed: string[] = []
  const stream = session.request({ ':path': '/' }, { endStream: true })
  stream.on('error', () => {})
  stream.push = function (chunk: unknown) {
    pushed.push(`${String(chunk)}${stream.closed ? ' closed' : ''}`)
    return Readable.prototype.push.call(this, chunk)
  }
  return { stream, pushed }
}

async function serviceOf (t: Test, onStream: (stream: ServerHttp2Stream) => void): Promise<number> {
  const server = createServer().on('stream', onStream)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  return portOf(server)
}

const PREFACE = 24
/** RFC 9113 section 6, and the status 200 in HPACK's table. */
const [DATA, HEADERS, RST_STREAM, SETTINGS, END_HEADERS, STATUS_200] = [0, 1, 3, 4, 4, 0x88] as const

/** Whether the client's request has come. */
function hasHead (received: Buffer): boolean {
  for (let at = PREFACE; at + 9 <= received.length; at += 9 + received.readUIntBE(at, 3)) {
    if (received[at + 3] === HEADERS) return true
  }
  return false
}

/** RFC 9113 section 4.1. */
function frame (type: number, flags: number, stream: number, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream]), payload])
}

t.test('response', async t => {
  const port = await serviceOf(t, stream => stream.respond({ ':status': 204, 'x-a': '1' }, { endStream: true }))
  const { stream } = streamTo(t, port)
  const [, flags, raw]: unknown[] = await once(stream, 'response')
  t.ok(Number(flags) & constants.NGHTTP2_FLAG_END_STREAM, 'the second argument of \'response\' has the frame\'s flags')
  t.strictSame(Array.isArray(raw) && raw.slice(0, 4), [':status', '204', 'x-a', '1'], 'the third one the fields as they came, the status first')
})

t.test('push: an end', async t => {
  const port = await serviceOf(t, stream => {
    stream.respond()
    stream.end('hello')
  })
  const { stream, pushed } = streamTo(t, port)
  await once(stream.resume(), 'close')
  t.strictSame(pushed.slice(0, 2), ['hello', 'null'], 'the parser calls push of the stream with each piece, and at its end with null before the stream is closed')
})

t.test('push: a reset that says NO_ERROR', async t => {
  // Node's own server would end the stream instead.
  const { port } = await rawService(t, socket => {
    socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)))
    let received = Buffer.alloc(0)
    socket.on('data', chunk => {
      const asked = hasHead(received)
      received = Buffer.concat([received, chunk])
      if (asked || !hasHead(received)) return
      socket.write(Buffer.concat([
        frame(HEADERS, END_HEADERS, 1, Buffer.from([STATUS_200])),
        frame(DATA, 0, 1, Buffer.from('half')),
        frame(RST_STREAM, 0, 1, Buffer.alloc(4))
      ]))
    })
  })
  const { stream, pushed } = streamTo(t, port)
  await once(stream.resume(), 'close')
  t.strictSame(pushed.filter(piece => piece !== 'half').slice(0, 1), ['null closed'], 'push is called with null for such a reset, too, but the stream is closed by then, which tells it from an end')
})
