import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { closedPort, rawService } from '../../fixtures/peers.js'
import { pair, pem, tlsService } from '../../fixtures/tls.js'
import { firstVerdict, http } from './told.js'

const tcp = { type: 'tcp' } as const

t.test('a connection comes about', async t => {
  const { port, sockets } = await rawService(t, socket => socket.resume())
  t.equal(await firstVerdict(t, http(port), tcp), 'healthy: connected')
  t.equal(sockets.length, 1)
  t.equal(await firstVerdict(t, http(await closedPort()), tcp), 'unhealthy: ECONNREFUSED')
})

t.test('over TLS with the handshake', async t => {
  const ca = pem('ca.pem')
  const { port, server } = await tlsService(t, pair('localhost'))
  const errors: Error[] = []
  server.on('tlsClientError', error => errors.push(error))
  const [verdict] = await Promise.all([firstVerdict(t, { protocol: 'https', host: 'localhost', port, tls: { ca } }, tcp), once(server, 'secureConnection')])
  t.equal(verdict, 'healthy: connected')
  t.strictSame(errors, [], 'to the service it is no broken handshake')
  t.match(await firstVerdict(t, { protocol: 'https', host: 'localhost', port }, tcp), /^unhealthy: [A-Z_]+$/)
  const silent = await rawService(t, () => {})
  t.equal(await firstVerdict(t, { protocol: 'https', host: 'localhost', port: silent.port }, { ...tcp, timeout: 30 }), 'unhealthy: timeout after 30 ms')
  const closing = await rawService(t, socket => socket.end())
  t.match(await firstVerdict(t, { protocol: 'https', host: 'localhost', port: closing.port }, tcp), /^unhealthy: /)
})

t.test('at a Unix socket', async t => {
  const path = join(t.testdir(), 'app.sock')
  const server = createServer(socket => socket.resume())
  server.listen(path)
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  t.equal(await firstVerdict(t, { protocol: 'http', socketPath: path }, tcp), 'healthy: connected')
})
