import { copyFileSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import type { Server } from 'node:https'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import streamGateway from '../../src/index.js'
import { Dialer } from '../../src/upstream/dial.js'
import { call, start } from '../fixtures/gateway.js'
import { fixture, pair, pem, secureService, tlsService } from '../fixtures/tls.js'

/** A service that says whose certificate it was shown, and keeps no connection. */
async function askingService (t: Test): Promise<{ port: number, server: Server }> {
  return await secureService(t, { ...pair('localhost'), ca: pem('ca.pem'), requestCert: true, rejectUnauthorized: false }, (request, response) => {
    const { socket } = request
    response.setHeader('connection', 'close')
    response.end('getPeerCertificate' in socket ? String((socket as TLSSocket).getPeerCertificate().subject?.CN) : '')
  })
}

async function startWith (t: Test, port: number, tls: object) {
  const routes = ['/api', '/other'].map(prefix => ({ prefix, target: `https://localhost:${port}`, tls, connectTimeout: 1_000 }))
  const gateway = await start(t, app => app.register(streamGateway, { routes }))
  const until = async (pattern: RegExp, count = 1): Promise<void> => {
    while (gateway.lines.filter(({ msg }) => pattern.test(msg)).length < count) await new Promise(resolve => setTimeout(resolve, 10))
  }
  return { ...gateway, until }
}

t.test('certificates for a service are read again when their files change, for the connections to come', async t => {
  const { port } = await askingService(t)
  const dir = t.testdir()
  const files = { ca: join(dir, 'ca.pem'), cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') }
  copyFileSync(fixture('expired.pem'), files.ca)
  copyFileSync(fixture('client.pem'), files.cert)
  copyFileSync(fixture('client.key'), files.key)
  const gateway = await startWith(t, port, files)
  t.equal((await call(gateway.port, '/api/x')).status, 502, 'a service that none of them has signed')

  writeFileSync(files.ca, pem('ca.pem'))
  await gateway.until(/in use/)
  for (const path of ['/api/x', '/other/x']) t.equal(String((await call(gateway.port, path)).body), 'client')

  // One line, however many routes have it.
  rmSync(files.cert)
  await gateway.until(/the old ones stay/)
  t.match(gateway.lines.filter(({ level }) => level === 50).slice(-1), [{ err: { code: 'ENOENT' }, files: { cert: files.cert } }])
  t.equal(String((await call(gateway.port, '/api/x')).body), 'client')
  writeFileSync(files.cert, 'broken')
  await gateway.until(/the old ones stay/, 2)
  t.equal(String((await call(gateway.port, '/api/x')).body), 'client')

  // As an editor or a deployment does: beside it, and then renamed onto it.
  for (const [name, file] of [['localhost.pem', files.cert], ['localhost.key', files.key]] as const) {
    copyFileSync(fixture(name), `${file}.new`)
    renameSync(`${file}.new`, file)
  }
  await gateway.until(/in use/, 2)
  t.equal(String((await call(gateway.port, '/api/x')).body), 'localhost')
  t.equal(gateway.lines.filter(({ msg }) => /changed certificates/.test(msg)).length, 4)
})

t.test('as Kubernetes swaps them, and what is PEM itself stays', async t => {
  const { port } = await askingService(t)
  const dir = t.testdir()
  for (const [version, name] of [['v1', 'expired.pem'], ['v2', 'ca.pem']] as const) {
    mkdirSync(join(dir, version))
    copyFileSync(fixture(name), join(dir, version, 'ca.crt'))
  }
  symlinkSync('v1', join(dir, '..data'))
  symlinkSync(join('..data', 'ca.crt'), join(dir, 'ca.crt'))
  const gateway = await startWith(t, port, { ca: join(dir, 'ca.crt'), ...pair('client') })
  t.equal((await call(gateway.port, '/api/x')).status, 502)
  symlinkSync('v2', join(dir, '..data_tmp'))
  renameSync(join(dir, '..data_tmp'), join(dir, '..data'))
  await gateway.until(/in use/)
  t.equal(String((await call(gateway.port, '/api/x')).body), 'client')
})

t.test('a session that was agreed under other certificates is not offered again', async t => {
  const { port, server } = await tlsService(t, pair('localhost'))
  const tls = { ca: pem('ca.pem') }
  const dialer = new Dialer({ protocol: 'https', host: 'localhost', port, tls })
  const reused = async (): Promise<boolean> => {
    const socket = dialer.dial()
    t.teardown(() => { socket.destroy() })
    const session = new Promise(resolve => socket.once('session', resolve))
    const [connection] = await once(server, 'secureConnection')
    const isReused = connection.isSessionReused()
    if (!isReused) await session
    return isReused
  }
  t.equal(await reused(), false)
  t.equal(await reused(), true)
  tls.ca = `${pem('ca.pem')}${pem('expired.pem')}`
  t.equal(await reused(), false)
  t.equal(await reused(), true)
})
