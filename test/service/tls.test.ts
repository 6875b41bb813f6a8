import { copyFileSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { get } from 'node:https'
import { join } from 'node:path'
import { connect } from 'node:tls'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import { RawClient } from '../fixtures/peers.js'
import { ServiceProcess } from '../fixtures/process.js'
import { startService } from '../fixtures/service.js'
import { fixture, pair, pem } from '../fixtures/tls.js'

const ca = pem('ca.pem')
const tls = { cert: fixture('localhost.pem'), key: fixture('localhost.key') }

/** A connection whose client looks at no certificate. */
async function secured (t: Test, port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
  t.teardown(() => { socket.destroy() })
  await once(socket, 'secureConnect')
  return socket
}

/** The name in the certificate that a new connection gets. */
async function shown (t: Test, port: number, host = '127.0.0.1'): Promise<string | string[] | undefined> {
  const socket = await secured(t, port, { host })
  return socket.getPeerCertificate().subject.CN
}

async function status (port: number, options: object = {}): Promise<number | undefined> {
  return await new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', ca, path: '/nope', agent: false, ...options }, response => {
      response.resume()
      resolve(response.statusCode)
    }).on('error', reject)
  })
}

t.test('https', async t => {
  const service = await startService(t, { tls })
  t.equal(await status(service.port), 404)
  t.equal((await secured(t, service.port, { ALPNProtocols: ['h2', 'http/1.1'] })).alpnProtocol, 'http/1.1', 'no HTTP/2 unasked')
})

t.test('as npm start runs it: the log tells of https', async t => {
  const service = new ServiceProcess(t, { server: { tls }, routes: [{ prefix: '/api', target: 'http://127.0.0.1:1' }] })
  const [, port] = await service.until(/listening at https:\/\/127\.0\.0\.1:(\d+)/)
  t.equal(await status(Number(port)), 404)
  service.child.kill('SIGTERM')
  t.equal(await service.exited, 0)
})

t.test('minVersion', async t => {
  const service = await startService(t, { tls: { ...tls, minVersion: 'TLSv1.3' } })
  await t.rejects(secured(t, service.port, { maxVersion: 'TLSv1.2' }))
  t.equal((await secured(t, service.port)).getProtocol(), 'TLSv1.3')
})

t.test('with ca, a client must show a certificate', async t => {
  const service = await startService(t, { tls: { ...tls, ca: fixture('ca.pem') } })
  await t.rejects(status(service.port))
  t.equal(await status(service.port, pair('client')), 404)
})

t.test('what is no TLS is closed, and told', async t => {
  const service = await startService(t, { tls })
  const client = new RawClient(t, service.port)
  client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await client.closed
  t.notMatch(client.received, 'HTTP/1')
  t.match(await service.until(/no connection/), { err: { code: /^ERR_SSL_/ } })
  t.equal(await status(service.port), 404)
})

t.test('a handshake that does not come is cut off', async t => {
  const service = await startService(t, { tls, headersTimeout: 100 })
  const client = new RawClient(t, service.port)
  await client.closed
  t.match(await service.until(/no connection/), { err: { code: 'ERR_TLS_HANDSHAKE_TIMEOUT' } })
})

t.test('changed files are taken into use, for the connections to come', async t => {
  const dir = t.testdir()
  const files = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') }
  copyFileSync(tls.cert, files.cert)
  copyFileSync(tls.key, files.key)
  const service = await startService(t, { tls: files })
  const before = await secured(t, service.port)
  t.equal(await shown(t, service.port), 'localhost')

  writeFileSync(files.cert, 'broken')
  t.match(await service.until(/the old one stays/), { level: 50, err: { code: 'ERR_OSSL_PEM_NO_START_LINE' } })
  t.equal(await shown(t, service.port), 'localhost')

  // As an editor or a deployment does: beside it, and then renamed onto it.
  for (const [name, file] of [['other.pem', files.cert], ['other.key', files.key]] as const) {
    copyFileSync(fixture(name), `${file}.new`)
    renameSync(`${file}.new`, file)
  }
  await service.until(/changed certificate is in use/)
  t.equal(await shown(t, service.port), 'other.example')
  before.write('GET /nope HTTP/1.1\r\nHost: x\r\n\r\n')
  t.match(String((await once(before, 'data'))[0]), /^HTTP\/1\.1 404 /)
})

t.test('as Kubernetes swaps them: the link before the files', async t => {
  const dir = t.testdir()
  for (const [version, name] of [['v1', 'localhost'], ['v2', 'other']] as const) {
    mkdirSync(join(dir, version))
    copyFileSync(fixture(`${name}.pem`), join(dir, version, 'tls.crt'))
    copyFileSync(fixture(`${name}.key`), join(dir, version, 'tls.key'))
  }
  symlinkSync('v1', join(dir, '..data'))
  for (const file of ['tls.crt', 'tls.key']) symlinkSync(join('..data', file), join(dir, file))
  const service = await startService(t, { tls: { cert: join(dir, 'tls.crt'), key: join(dir, 'tls.key') } }, undefined, 'localhost')
  await service.until(/, too$/)
  symlinkSync('v2', join(dir, '..data_tmp'))
  renameSync(join(dir, '..data_tmp'), join(dir, '..data'))
  await service.until(/changed certificate is in use/)
  for (const host of ['127.0.0.1', '::1']) t.equal(await shown(t, service.port, host), 'other.example', host)
})
