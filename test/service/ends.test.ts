import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Fastify from 'fastify'
import t from 'tap'
import { beginDraining, isDraining } from '../../src/server/drain.js'
import { validatePort } from '../../src/config/index.js'
import { endOnSignals } from '../../src/server/signals.js'
import { download, serviceWithDownload, Started } from '../fixtures/started.js'
import { call } from '../fixtures/gateway.js'
import { closedPort, RawClient } from '../fixtures/peers.js'
import { ServiceProcess } from '../fixtures/process.js'
import { SpawnedProcess } from '../fixtures/spawned.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const NOWHERE = { routes: [{ prefix: '/', target: 'http://127.0.0.1:1' }] }

// Each of these starts several processes.
t.setTimeout(180_000)

t.test('plain `fastify start`: SIGTERM ends what is in flight well, be it long, and further signals hasten nothing', async t => {
  const { config, release } = await serviceWithDownload(t)
  const gateway = new ServiceProcess(t, config)
  const client = await download(t, await gateway.listening())
  gateway.child.kill('SIGTERM')
  await gateway.until(/shutting down/)
  gateway.child.kill('SIGTERM')
  gateway.child.kill('SIGINT')
  // fastify-cli would give it 500 ms.
  await new Promise(resolve => setTimeout(resolve, 1_000))
  release()
  await client.until('last')
  t.equal(await gateway.exited, 0)
})

t.test('SIGHUP and SIGUSR2 kill nothing', async t => {
  const gateway = new ServiceProcess(t, NOWHERE)
  const port = await gateway.listening()
  for (const signal of ['SIGHUP', 'SIGUSR2'] as const) {
    gateway.child.kill(signal)
    t.equal((await call(port, '/x')).status, 502)
  }
  gateway.child.kill('SIGINT')
  t.equal(await gateway.exited, 0)
})

t.test('SIGTERM to npm ends the gateway, with what is in flight, and npm with 0', async t => {
  const { config, release } = await serviceWithDownload(t)
  const port = await closedPort()
  const file = join(t.testdir(), 'routes.json')
  writeFileSync(file, JSON.stringify(config))
  const env = { ...process.env, ROUTES_FILE: file, FASTIFY_PORT: String(port), FASTIFY_ADDRESS: '127.0.0.1' }
  const npm = new SpawnedProcess(t, 'npm', ['start'], { cwd: ROOT, env }, 'SIGKILL')
  await npm.until(/listening at http/)
  const client = await download(t, port)
  npm.child.kill('SIGTERM')
  await npm.until(/shutting down/)
  release()
  await client.until('last')
  t.equal(await npm.exited, 0)
})

t.test('drainDelay: new connections are accepted meanwhile, and each response is its connection\'s last', async t => {
  const { config, release } = await serviceWithDownload(t)
  for (const Process of [ServiceProcess, Started]) {
    const gateway = new Process(t, { ...config, server: { drainDelay: '2s' } })
    const port = await gateway.listening()
    const kept = new RawClient(t, port)
    kept.send('GET /x HTTP/1.1\r\nHost: x\r\n\r\n')
    await kept.until('ok')
    t.notMatch(kept.received, /Connection: close/i)
    const client = await download(t, port)
    gateway.child.kill('SIGTERM')
    await gateway.until(/"drainDelay":2000,.*draining/)
    kept.send('GET /x HTTP/1.1\r\nHost: x\r\n\r\n')
    await kept.closed
    t.match(kept.received, /ok[^]*HTTP\/1\.1 200 [^]*Connection: close\r\n[^]*ok/)
    const late = new RawClient(t, port)
    late.send('GET /x HTTP/1.1\r\nHost: x\r\n\r\n')
    await late.closed
    t.match(late.received, /^HTTP\/1\.1 200 [^]*Connection: close\r\n[^]*ok/)
    await gateway.until(/shutting down/)
    t.match(await new RawClient(t, port).closed, { code: 'ECONNREFUSED' })
    release()
    await client.until('last')
    t.equal(await gateway.exited, 0)
  }
})

t.test('what is told of a server that drains', async t => {
  const { server } = Fastify()
  t.equal(isDraining(server), false)
  beginDraining(server)
  beginDraining(server)
  t.equal(isDraining(server), true)
  t.equal(server.listenerCount('request'), 2, 'once')
})

t.test('a process that goes on without the service has its signals back', async t => {
  const before = process.listeners('SIGTERM')
  const fastify = Fastify()
  endOnSignals(fastify, 0)
  const ofCli = (): void => {}
  process.on('SIGTERM', ofCli)
  await fastify.ready()
  t.notOk(process.listeners('SIGTERM').includes(ofCli), 'what was added since is taken away')
  t.equal(process.listenerCount('SIGTERM'), before.length + 1)
  await fastify.close()
  t.strictSame(process.listeners('SIGTERM'), before)
})

t.test('a FASTIFY_PORT that is none names the remedy', async t => {
  const kubernetes = { FASTIFY_PORT: 'tcp://10.0.0.1:3000' }
  for (const gateway of [new ServiceProcess(t, NOWHERE, kubernetes), new Started(t, NOWHERE, [], kubernetes)]) {
    t.equal(await gateway.exited, 1)
    t.match(gateway.output, /^port: 1 mistake\n {2}FASTIFY_PORT: found "tcp:\/\/10\.0\.0\.1:3000", must be a number\. Kubernetes sets .*enableServiceLinks: false.*\n$/)
  }
  t.throws(() => validatePort([], { FASTIFY_PORT: 'http' }), { message: 'port: 1 mistake\n  FASTIFY_PORT: found "http", must be a number' })
  for (const args of [['-p', '3000'], ['--port', '3000'], ['--port=3000'], ['-p3000']]) t.doesNotThrow(() => validatePort(args, kubernetes), 'a flag wins')
  for (const env of [{}, { FASTIFY_PORT: '3000' }, { FASTIFY_PORT: '' }]) t.doesNotThrow(() => validatePort(['--options'], env))
  t.throws(() => validatePort(['--options', '--plugin-timeout', '1'], kubernetes))
})
