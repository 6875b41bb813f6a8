import { once } from 'node:events'
import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { Dialer } from '../../src/upstream/dial.js'
import type { TlsOptions } from '../../src/upstream/dial.js'
import { call, gatewayOver, gatewayTo } from '../fixtures/gateway.js'
import { fixture, pair, pem, secureService, tlsService } from '../fixtures/tls.js'

const ca = pem('ca.pem')

/** Resolves when the service passed the checks, with the code of the check that failed otherwise. */
async function check (t: Test, port: number, tls?: TlsOptions, host = 'localhost'): Promise<string> {
  const { code } = await dialled(t, new Dialer({ protocol: 'https', host, port, ...(tls && { tls }) }))
  return code
}

async function dialled (t: Test, dialer: Dialer): Promise<{ socket: Socket, code: string }> {
  const socket = dialer.dial()
  t.teardown(() => { socket.destroy() })
  return await new Promise(resolve => {
    socket.once('secureConnect', () => resolve({ socket, code: 'checked' }))
    socket.once('error', (error: NodeJS.ErrnoException) => resolve({ socket, code: String(error.code) }))
  })
}

t.test('a service is checked by default', async t => {
  const { port } = await tlsService(t, pair('localhost'))
  t.match(await check(t, port), /^(UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT_LOCALLY)$/)
  t.equal(await check(t, port, { ca }), 'checked')
  t.equal(await check(t, port, { ca }, '127.0.0.1'), 'checked', 'an address is looked for in the certificate, too')
  t.equal(await check(t, port, { rejectUnauthorized: false }), 'checked')

  const expired = await tlsService(t, pair('expired'))
  t.equal(await check(t, expired.port, { ca: pem('expired.pem') }), 'CERT_HAS_EXPIRED')

  const other = await tlsService(t, pair('other'))
  t.equal(await check(t, other.port, { ca }), 'ERR_TLS_CERT_ALTNAME_INVALID')
  t.equal(await check(t, other.port, { ca, servername: 'other.example' }), 'checked')
})

t.test('the name that is asked for: the host, the one that is configured, and none for an address', async t => {
  const { port, server } = await tlsService(t, pair('localhost'))
  for (const [host, tls, expected] of [
    ['localhost', { ca }, 'localhost'],
    ['localhost', { ca, servername: 'other.example', rejectUnauthorized: false }, 'other.example'],
    ['127.0.0.1', { ca }, false]
  ] as const) {
    const [[socket]] = await Promise.all([once(server, 'secureConnection'), check(t, port, tls, host)])
    t.equal(socket.servername, expected)
  }
})

t.test('a service that asks for a certificate is shown one', async t => {
  const { port, server } = await tlsService(t, { ...pair('localhost'), ca, requestCert: true, rejectUnauthorized: false })
  for (const [tls, authorized] of [[{ ca }, false], [{ ca, ...pair('client') }, true]] as const) {
    const [[socket]] = await Promise.all([once(server, 'secureConnection'), check(t, port, tls)])
    t.equal(socket.authorized, authorized)
  }
})

t.test('minVersion', async t => {
  const { port } = await tlsService(t, { ...pair('localhost'), maxVersion: 'TLSv1.2' })
  t.equal(await check(t, port, { ca }), 'checked')
  t.match(await check(t, port, { ca, minVersion: 'TLSv1.3' }), /ERR_SSL/)
})

t.test('a session is resumed, under either version', async t => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const { port, server } = await tlsService(t, { ...pair('localhost'), maxVersion })
    const dialer = new Dialer({ protocol: 'https', host: 'localhost', port, tls: { ca } })
    const first = dialer.dial()
    t.teardown(() => { first.destroy() })
    await once(first, 'session')
    const [[socket]] = await Promise.all([once(server, 'secureConnection'), dialled(t, dialer)])
    t.ok(socket.isSessionReused(), maxVersion)
  }
})

t.test('certificates that cannot be used throw at once', t => {
  t.throws(() => new Dialer({ protocol: 'https', host: 'localhost', port: 1, tls: { cert: 'none' } }))
  t.throws(() => new Dialer({ protocol: 'https', host: 'localhost', port: 1, tls: { cert: pem('client.pem'), key: pem('other.key') } }), { code: 'ERR_OSSL_X509_KEY_VALUES_MISMATCH' })
  t.end()
})

t.test('through the gateway: a response, and 502 where the check fails, with the reason in the log', async t => {
  const { port } = await secureService(t, pair('localhost'), (request, response) => response.end(request.url))
  const target = `https://localhost:${port}`
  const checked = await gatewayTo(t, 0, { target, tls: { ca: fixture('ca.pem') } })
  t.equal(String((await call(checked.port, '/api/x')).body), '/x')

  const named = await gatewayOver(t, [target], { tls: { ca: fixture('ca.pem') } })
  t.equal(String((await call(named.port, '/api/x')).body), '/x', 'an upstream with a name has its own')

  const failing = await gatewayTo(t, 0, { target, tls: { ca: fixture('ca.pem'), servername: 'other.example' } })
  const line = failing.nextLine()
  const response = await call(failing.port, '/api/x')
  t.equal(response.status, 502)
  t.strictSame(response.json().error, { code: 'BAD_GATEWAY', message: 'Failed to connect to upstream service' })
  t.match((await line).err?.stack, /ERR_TLS_CERT_ALTNAME_INVALID/)
})
