import { once } from 'node:events'
import t from 'tap'
import { Dialer } from '../../src/upstream/dial.js'
import type { Endpoint } from '../../src/upstream/dial.js'
import { Target } from '../../src/upstream/target.js'
import { rawService } from '../fixtures/peers.js'
import { pair, pem, tlsService } from '../fixtures/tls.js'

const ADDRESS = '127.0.0.1'

/** `connected`, or the code of what is wrong. */
async function outcome (endpoint: Endpoint): Promise<string> {
  const socket = new Dialer(endpoint).dial()
  try {
    await once(socket, endpoint.protocol === 'https' ? 'secureConnect' : 'connect')
    return 'connected'
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error)
  } finally {
    socket.destroy()
  }
}

t.test('an address takes the place of the look-up', async t => {
  const { port } = await rawService(t, socket => socket.resume().once('end', () => socket.end()))
  t.equal(await outcome({ protocol: 'http', host: 'app.invalid', port, address: ADDRESS }), 'connected')
})

t.test('the name is what is asked for, and what the certificate must have', async t => {
  const { port, server } = await tlsService(t, pair('other'))
  const endpoint = { protocol: 'https', port, address: ADDRESS, tls: { ca: pem('ca.pem') } } as const
  const client = new Dialer({ ...endpoint, host: 'other.example' }).dial()
  t.teardown(() => { client.destroy() })
  const [[socket]] = await Promise.all([once(server, 'secureConnection'), once(client, 'secureConnect')])
  t.equal(socket.servername, 'other.example')
  t.equal(await outcome({ ...endpoint, host: 'app.invalid' }), 'ERR_TLS_CERT_ALTNAME_INVALID')
  t.equal(await outcome({ ...endpoint, host: 'app.invalid', tls: { ...endpoint.tls, servername: 'other.example' } }), 'connected')
})

t.test('the Host is the name', async t => {
  t.equal(new Target({ protocol: 'http', host: 'app.invalid', port: 3002, address: ADDRESS }).hostField, 'app.invalid:3002')
})
