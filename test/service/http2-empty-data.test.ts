import { once } from 'node:events'
import t from 'tap'
import { DATA, END_HEADERS, fields, frame, HEADERS, openFrames } from '../fixtures/frames.js'
import { service } from '../fixtures/peers.js'
import { startService } from '../fixtures/service.js'
import { fixture, pem } from '../fixtures/tls.js'

const POST = fields([':method', 'POST'], [':scheme', 'https'], [':authority', 'x'], [':path', '/api/x'])

t.test('DATA without a byte and without an end, again and again, ends the session (CVE-2019-9518)', async t => {
  const { port: upstream } = await service(t, request => { request.on('error', () => {}) })
  const { port, until } = await startService(t, { http2: true, tls: { cert: fixture('localhost.pem'), key: fixture('localhost.key') } }, `http://127.0.0.1:${upstream}`)
  const socket = await openFrames(t, port, pem('ca.pem'))
  socket.resume()
  socket.write(frame(HEADERS, END_HEADERS, 1, POST))
  socket.write(Buffer.concat(Array.from({ length: 500 }, () => frame(DATA, 0, 1))))
  await once(socket, 'close')
  t.match(await until(/^client aborted$/), { method: 'POST', url: '/api/x' })
})
