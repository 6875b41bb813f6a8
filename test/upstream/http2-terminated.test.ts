import { once } from 'node:events'
import type { Socket } from 'node:net'
import t from 'tap'
import { Http2Pool } from '../../src/upstream/http2-pool.js'
import { HTTP2_LIMITS } from '../../src/upstream/pool.js'
import { DATA, END_HEADERS, END_STREAM, frame, Frames, HEADERS, PREFACE, SETTINGS } from '../fixtures/frames.js'
import { gone, rawService } from '../fixtures/peers.js'

/** In HPACK. */
const STATUS_200 = Buffer.from([0x88])
/** Milliseconds, far beyond those of the test. */
const NEVER = 60_000

const garbage: Record<string, Buffer> = {
  'what is no frame': Buffer.from('garbage that is no frame'),
  'a head that cannot be decompressed': frame(HEADERS, END_HEADERS, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff])),
  'DATA for a stream that was never opened': frame(DATA, 0, 99, 'x')
}

/** Sends a request, and tells what comes of it. */
async function ask (pool: Http2Pool): Promise<string> {
  const request = pool.request({ method: 'GET', path: '/', head: ['Host', 'x'], hasBody: false, timeout: NEVER, silent: () => false, fresh: false })
  request.end()
  return await new Promise(resolve => {
    request.once('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)))
    request.once('response', response => {
      response.resume()
      response.once('end', () => resolve('whole'))
    })
  })
}

for (const [what, bytes] of Object.entries(garbage)) {
  for (const isIdle of [true, false]) {
    t.test(`${what}, on a connection that is ${isIdle ? 'idle' : 'in use'}: it is closed, what is on it fails, and the next request has another`, async t => {
      const { port, sockets } = await rawService(t, (socket, nth) => {
        socket.write(frame(SETTINGS, 0, 0))
        const frames = new Frames(socket, PREFACE.length)
        frames.until(({ type }) => type === HEADERS).then(() => {
          if (isIdle || nth > 1) socket.write(frame(HEADERS, END_HEADERS | END_STREAM, 1, STATUS_200))
          if (nth === 1) socket.write(bytes)
        }, t.threw)
      })
      const pool = new Http2Pool({ protocol: 'http', host: '127.0.0.1', port, http2: true }, { ...HTTP2_LIMITS, idleTimeout: NEVER })
      t.teardown(() => { pool.close() })
      const end = await ask(pool)
      t.equal(end === 'whole', isIdle, end)
      const [first] = sockets
      if (first === undefined) throw new TypeError('no connection')
      await closed(first)
      t.equal(await ask(pool), 'whole')
      t.equal(sockets.length, 2)
    })
  }
}

/** By the other end: this one says nothing. */
async function closed (socket: Socket): Promise<void> {
  if (!socket.readableEnded) await Promise.race([once(socket, 'end'), gone(socket)])
}
