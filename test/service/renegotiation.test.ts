import { once } from 'node:events'
import { connect } from 'node:tls'
import t from 'tap'
import { startService } from '../fixtures/service.js'
import { fixture, pem } from '../fixtures/tls.js'

for (const http2 of [false, true]) {
  t.test(`a client cannot ask for another handshake (${http2 ? 'HTTP/2' : 'https'})`, async t => {
    const { port } = await startService(t, { http2, tls: { cert: fixture('localhost.pem'), key: fixture('localhost.key') } })
    const socket = connect({ port, host: '127.0.0.1', ca: pem('ca.pem'), maxVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'] })
    t.teardown(() => { socket.destroy() })
    socket.on('error', () => {})
    await once(socket, 'secureConnect')
    socket.resume()
    const error = await new Promise<Error | null>(resolve => {
      socket.once('error', resolve)
      socket.renegotiate({}, resolve)
    })
    t.match(error, { message: /renegotiation/i })
  })
}
