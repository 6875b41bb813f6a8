import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { resetConnection } from '../../src/node/reset-connection.js'
import { portOf } from '../fixtures/peers.js'
import { pair, tlsService } from '../fixtures/tls.js'

t.test('_parent of a connection with TLS is that of TCP, which can be reset', async t => {
  const { port } = await tlsService(t, pair('localhost'), socket => socket.once('data', () => {
    t.ok(resetConnection(socket), 'the connection of TCP is _parent of that with TLS')
  }))
  const client = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
  client.write('now')
  const [error] = await once(client, 'error')
  t.equal(error.code, 'ECONNRESET')
})

t.test('TCP is reset, and the socket of a server on a path cannot be', async t => {
  // The path of a socket is short.
  const folder = mkdtempSync(join(tmpdir(), 'reset-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  for (const [listen, isReset] of [[{ port: 0, host: '127.0.0.1' }, true], [{ path: join(folder, 's') }, false]] as const) {
    const server = createServer()
    server.listen(listen)
    await once(server, 'listening')
    t.teardown(() => { server.close() })
    const accepted = once(server, 'connection')
    const client = connect('path' in listen ? listen : { port: portOf(server), host: '127.0.0.1' })
    t.teardown(() => { client.destroy() })
    client.on('error', () => {})
    const [connection] = await accepted
    t.equal(resetConnection(connection), isReset)
    connection.destroy()
  }
})
