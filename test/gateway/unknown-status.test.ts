import { once } from 'node:events'
import t from 'tap'
import type { Test } from 'tap'
import { DATA, END_HEADERS, END_STREAM, fields, frame, HEADERS, SETTINGS } from '../fixtures/frames.js'
import { call, gatewayTo } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway } from '../fixtures/http2.js'
import { rawService } from '../fixtures/peers.js'

// RFC 9110 section 15: a status has three digits, and its first is 1 to 5. What clients make of another one nobody
// knows; Node throws where it is to send one, and so would have ended for all when one service sent it.
const STATUSES = ['000', '003', '099', '600', '999']

async function http1Service (t: Test, status: string): Promise<number> {
  const { port } = await rawService(t, socket => socket.once('data', () => socket.write(`HTTP/1.1 ${status} Odd\r\nContent-Length: 0\r\n\r\n`)))
  return port
}

async function http2Service (t: Test, status: string): Promise<number> {
  const { port } = await rawService(t, socket => socket.once('data', () => {
    socket.write(Buffer.concat([frame(SETTINGS, 0, 0), frame(HEADERS, END_HEADERS, 1, fields([':status', status])), frame(DATA, END_STREAM, 1)]))
  }))
  return port
}

for (const status of STATUSES) {
  for (const [http2, serve] of [[false, http1Service], [true, http2Service]] as const) {
    t.test(`a service that responds with ${status} over HTTP/${http2 ? 2 : 1} is a 502`, async t => {
      const { port, nextLine } = await gatewayTo(t, await serve(t, status), { http2 })
      const line = nextLine()
      t.equal((await call(port, '/api/x')).status, 502)
      t.match(await line, { outcome: 'upstream error', status: 502 })
    })

    t.test(`and to a client that speaks HTTP/2: ${status} over HTTP/${http2 ? 2 : 1}`, async t => {
      const { port, nextLine } = await http2Gateway(t, `http://127.0.0.1:${await serve(t, status)}`, { http2 })
      const line = nextLine()
      const { stream, head } = new Http2Client(t, port).ask({ ':path': '/api/x' })
      t.equal((await head)[':status'], 502)
      stream.resume()
      await once(stream, 'close')
      t.match(await line, { outcome: 'upstream error', status: 502 })
    })
  }
}
