import { once } from 'node:events'
import { connect, constants, createServer } from 'node:http2'
import type { ClientHttp2Stream, ServerHttp2Stream } from 'node:http2'
import { Readable } from 'node:stream'
import t from 'tap'
import type { Test } from 'tap'
import { portOf } from '../fixtures/peers.js'

// What Node's HTTP/2 client does with a stream (src/upstream/http2-request.ts), and documents nowhere.

/** A stream whose pushes are noted: their bytes or null, and whether the stream was closed by then. */
async function streamOf (t: Test, respond: (stream: ServerHttp2Stream) => void): Promise<{ stream: ClientHttp2Stream, pushed: string[] }> {
  const server = createServer()
  server.on('stream', stream => {
    stream.on('error', () => {})
    respond(stream)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const session = connect(`http://127.0.0.1:${portOf(server)}`)
  t.teardown(() => {
    session.destroy()
    server.close()
  })
  const pushed: string[] = []
  const stream = session.request({ ':path': '/' }, { endStream: true })
  stream.on('error', () => {})
  stream.push = function (chunk: unknown) {
    pushed.push(`${String(chunk)}${stream.closed ? ' closed' : ''}`)
    return Readable.prototype.push.call(this, chunk)
  }
  return { stream, pushed }
}

t.test('response', async t => {
  const { stream } = await streamOf(t, stream => stream.respond({ ':status': 204, 'x-a': '1' }, { endStream: true }))
  const [, flags, raw]: unknown[] = await once(stream, 'response')
  t.ok(Number(flags) & constants.NGHTTP2_FLAG_END_STREAM, 'the second argument of \'response\' has the frame\'s flags')
  t.strictSame(Array.isArray(raw) && raw.slice(0, 4), [':status', '204', 'x-a', '1'], 'the third one the fields as they came, the status first')
})

t.test('push: an end', async t => {
  const { stream, pushed } = await streamOf(t, stream => {
    stream.respond()
    stream.end('hello')
  })
  await once(stream.resume(), 'close')
  t.strictSame(pushed.slice(0, 2), ['hello', 'null'], 'the parser calls push of the stream with each piece, and at its end with null before the stream is closed')
})

t.test('push: a reset that says NO_ERROR', async t => {
  const { stream, pushed } = await streamOf(t, stream => {
    stream.respond()
    stream.write('half')
    stream.close(constants.NGHTTP2_NO_ERROR)
  })
  await once(stream.resume(), 'close')
  t.ok(pushed.includes('null closed'), 'push is called with null for such a reset, too')
  t.notOk(pushed.includes('null'), 'but the stream is closed by then, which tells it from an end')
})
