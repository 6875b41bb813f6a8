import { once } from 'node:events'
import { createServer } from 'node:http2'
import type { ServerHttp2Session } from 'node:http2'
import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { isTerminated } from '../../src/node/http2-termination.js'
import { portOf } from '../fixtures/peers.js'

t.test('a session that nghttp2 has ended by itself is known, also where Node says nothing', async t => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  const socket = connect(portOf(server), '127.0.0.1')
  t.teardown(() => { socket.destroy() })
  socket.on('error', () => {})
  socket.resume()
  // SETTINGS, and then a head that no decompressor takes.
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]))
  const [session]: ServerHttp2Session[] = await once(server, 'session')
  if (session === undefined) throw new Error('no session')
  session.on('error', () => {})
  t.teardown(() => { session.destroy() })
  await once(session, 'remoteSettings')
  t.notOk(isTerminated(session))
  socket.write(Buffer.concat([Buffer.from([0, 0, 5, 1, 5, 0, 0, 0, 1]), Buffer.alloc(5, 0xff)]))
  while (!isTerminated(session) && !session.destroyed) await wait(5)
  t.pass('it is over')
  t.notOk(isTerminated({}))
})
