import { connect } from 'node:net'
import type { ServerHttp2Stream } from 'node:http2'
import t from 'tap'
import type { Test } from 'tap'
import { Session } from '../../src/upstream/http2-session.js'
import { Dialer } from '../../src/upstream/dial.js'
import { DATA, END_HEADERS, frame, Frames, HEADERS, INTERNAL_ERROR, PREFACE, requestFields, RST_STREAM, SETTINGS } from '../fixtures/frames.js'
import { http2Gateway, http2Service } from '../fixtures/http2.js'
import { rawService } from '../fixtures/peers.js'

/** Notes for each reset of a stream whether its session was being read at that moment. */
function noteResets (stream: ServerHttp2Stream, resets: string[]): void {
  const { push, close, destroy } = stream
  let isRead = false
  const when = (): string => isRead ? 'in the midst of a read' : 'outside reads'
  stream.push = (chunk: unknown) => {
    isRead = true
    try {
      return push.call(stream, chunk)
    } finally {
      isRead = false
    }
  }
  stream.close = (code?: number) => {
    resets.push(`close(${code}) ${when()}`)
    close.call(stream, code)
  }
  stream.destroy = (error?: Error) => {
    resets.push(`destroy ${when()}`)
    return destroy.call(stream, error)
  }
}

/** A response of 15 bytes that has begun, in the midst of an upload that may have 50. */
async function begun (t: Test) {
  const service = await rawService(t, socket => {
    socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\nbegun'))
  })
  const resets: string[] = []
  const gateway = await http2Gateway(t, `http://127.0.0.1:${service.port}`, { maxBodySize: 50 }, { prepare: app => app.server.on('stream', stream => noteResets(stream, resets)) })
  const line = gateway.nextLine()
  const client = connect(gateway.port, '127.0.0.1')
  t.teardown(() => { client.destroy() })
  client.write(Buffer.concat([PREFACE, frame(SETTINGS, 0, 0), frame(HEADERS, END_HEADERS, 1, requestFields('POST', '/api/x'))]))
  const frames = new Frames(client, 0)
  await frames.until(({ payload }) => String(payload) === 'begun')
  const [upstream] = service.sockets
  if (upstream === undefined) throw new TypeError('no connection to the service')
  return { client, frames, upstream, line, resets }
}

t.test('a response that is broken off because of what was read: its stream is reset when nothing is being read', async t => {
  const { client, frames, line, resets } = await begun(t)
  client.write(frame(DATA, 0, 1, Buffer.alloc(100)))
  await frames.until(({ type }) => type === RST_STREAM)
  t.same(frames.story, ['HEADERS', 'DATA(5)', `RST_STREAM(${INTERNAL_ERROR})`])
  t.same(resets.slice(0, 2), [`close(${INTERNAL_ERROR}) outside reads`, 'destroy outside reads'])
  t.equal((await line).outcome, 'rejected')
})

t.test('what the service sends until then is not passed on', async t => {
  const { client, frames, upstream } = await begun(t)
  // Both lie in the kernel before the gateway reads either.
  client.write(frame(DATA, 0, 1, Buffer.alloc(100)))
  upstream.write(' and ended')
  await frames.until(({ type }) => type === RST_STREAM)
  t.same(frames.story, ['HEADERS', 'DATA(5)', `RST_STREAM(${INTERNAL_ERROR})`])
})

t.test('a session to an upstream that is of no more use is ended when nothing is being read', async t => {
  const { port } = await http2Service(t, () => {})
  const session = await new Promise<Session>(resolve => {
    const opened: Session = new Session('http', new Dialer({ protocol: 'http', host: '127.0.0.1', port }), {
      roomIn: () => resolve(opened),
      forget: () => { t.pass('closed') }
    })
  })
  t.plan(3)
  session.retire()
  t.equal(session.isLost, false)
  await new Promise(resolve => setImmediate(() => setImmediate(resolve)))
  t.equal(session.isLost, true)
})
