import { once } from 'node:events'
import { connect } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import { rawService } from '../fixtures/peers.js'
import { startService } from '../fixtures/service.js'
import { fixture, pem } from '../fixtures/tls.js'

async function cutShort (t: Test, http2: boolean): Promise<void> {
  const { port: upstream, sockets } = await rawService(t, socket => socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\nhalf')))
  const { port, until } = await startService(t, { tls: { cert: fixture('localhost.pem'), key: fixture('localhost.key') }, http2 }, `http://127.0.0.1:${upstream}`)
  const client = connect({ port, host: '127.0.0.1', ca: pem('ca.pem'), servername: 'localhost', ALPNProtocols: ['http/1.1'] })
  t.teardown(() => { client.destroy() })
  client.write('GET /api/x HTTP/1.0\r\n\r\n')
  client.on('end', () => t.fail('ended as if the response were whole'))
  // What comes together with a reset some clients take for the end.
  client.on('data', chunk => { if (String(chunk).endsWith('half')) sockets[0]?.resetAndDestroy() })
  const [error] = await once(client, 'error')
  t.equal(error.code, 'ECONNRESET')
  t.match(await until(/^upstream error$/), { method: 'GET', status: 200 })
}

t.test('to a client of HTTP/1.0 a response that was cut short ends with a reset under TLS too, as its end would be that of the connection', async t => {
  await cutShort(t, false)
  // Of a server that also speaks HTTP/2.
  await cutShort(t, true)
})
