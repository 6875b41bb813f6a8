import { rmSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { dirname, join } from 'node:path'
import t from 'tap'
import { askAllTheWhile } from '../fixtures/asking.js'
import type { Asking } from '../fixtures/asking.js'
import { call } from '../fixtures/gateway.js'
import { closedPort, RawClient, service } from '../fixtures/peers.js'
import { download, NOWHERE, preloaded, serviceWithDownload, Started } from '../fixtures/started.js'

// Each of these starts several processes.
t.setTimeout(300_000)

/** Under load its lines would take most of the time. */
const QUIET = { accessLog: false }

const KEPT = 'GET /x HTTP/1.1\r\nHost: x\r\n\r\n'

t.test('a reload: what is asked meanwhile gets its response, what is under way ends', async t => {
  const { config, release } = await serviceWithDownload(t)
  const gateway = new Started(t, { ...config, server: QUIET }, ['--workers', '2'])
  const port = await gateway.listening()
  const old = await gateway.workers(2)
  const client = await download(t, port)

  const kept = new Agent({ keepAlive: true, maxSockets: 4 })
  t.teardown(() => kept.destroy())
  const asking: Asking = { until: false, workers: new Set(), pause: 5 }
  const askers = [kept, kept, kept, kept, false as const].map(agent => askAllTheWhile(port, agent, asking))
  await gateway.reload(1)
  const young = (await gateway.workers(4)).slice(2)
  t.equal(new Set([...old, ...young]).size, 4)
  await gateway.times(/draining: another process/, 2)
  await gateway.until(/shutting down/)
  await askAllTheWhile(port, false, { ...asking, get until () { return asking.workers.size > 2 } })
  asking.until = true
  const outcomes = (await Promise.all(askers)).flat()
  t.strictSame(new Set(outcomes), new Set(['200 ok']))

  release()
  await client.until('last')
  await gateway.until(/"generation":1,"draining":0,"msg":"drained"/)
  for (const pid of old) t.ok(gateway.pids(/^shutting down/).includes(pid))
  t.equal(await gateway.stop(), 0)
  t.notMatch(gateway.output, /died|broken off/)
})

t.test('a kept connection on which nothing is under way is served once more; another reload waits its turn', async t => {
  const { config } = await serviceWithDownload(t)
  const gateway = new Started(t, config)
  const port = await gateway.listening()
  const client = new RawClient(t, port)
  client.send(KEPT)
  await client.until('ok')
  t.match(client.received, /connection: keep-alive/i)
  const idle = new RawClient(t, port)
  const silent = new RawClient(t, port)
  idle.send(KEPT)
  await idle.until('ok')
  gateway.child.kill('SIGHUP')
  await gateway.until(/"reloading"/)
  gateway.child.kill('SIGHUP')
  await gateway.until(/"reloaded"/)
  client.send(KEPT)
  await client.closed
  t.match(client.received, /connection: close[^]*ok\r\n0\r\n\r\n$|connection: close[^]*ok$/i)
  await gateway.times(/"reloaded"/, 2)
  t.equal((await gateway.workers(3)).length, 3)
  // One that asks for nothing more is closed after a while, and so is one that never did.
  await Promise.all([idle.closed, silent.closed])
  await gateway.until(/"generation":1,.*"drained"/)
  t.equal(await gateway.stop(), 0)
})

t.test('of pipelined requests all get their response, and the last one closes the connection', async t => {
  const { config } = await serviceWithDownload(t)
  const gateway = new Started(t, config)
  const client = new RawClient(t, await gateway.listening())
  client.send(KEPT)
  await client.until('ok')
  await gateway.reload(1)
  await gateway.until(/another process has taken over/)
  client.send(KEPT.repeat(4))
  await client.closed
  t.equal(client.received.match(/200 OK/g)?.length, 5)
  t.equal(client.received.match(/connection: close/gi)?.length, 1)
  t.equal(await gateway.stop(), 0)
})

t.test('a file with a mistake is told of as check does, and what runs goes on', async t => {
  const { config } = await serviceWithDownload(t)
  const gateway = new Started(t, config, ['--workers', '2'])
  const port = await gateway.listening()
  await gateway.until(/"started"/)
  gateway.write({ routes: [] })
  gateway.child.kill('SIGHUP')
  await gateway.until(/not reloaded/)
  t.match(gateway.output, /^routes\.json: 1 mistake\n {2}routes: found an empty list/m)
  t.equal((await call(port, '/x')).status, 200)
  t.notMatch(gateway.output, /draining/)

  // What is told before there is a worker.
  const { port: taken } = await service(t, () => {})
  for (const [nth, env] of ['FASTIFY_LOG_LEVEL=loud', 'PORT=http', `PORT=${taken}`].entries()) {
    gateway.writeEnv(env)
    gateway.child.kill('SIGHUP')
    await gateway.times(/not reloaded/, nth + 2)
  }
  t.match(gateway.output, /FASTIFY_LOG_LEVEL: found "loud"/)

  gateway.writeEnv('')
  gateway.write(config)
  await gateway.reload(1)
  t.equal((await gateway.workers(4)).length, 4)
  t.equal(await gateway.stop(), 0)
})

t.test('a worker that dies during a reload is replaced once', async t => {
  const gateway = new Started(t, NOWHERE)
  const [pid = 0] = await gateway.workers(1)
  gateway.child.kill('SIGHUP')
  await gateway.until(/"reloading"/)
  process.kill(pid, 'SIGKILL')
  await gateway.until(/"reloaded"/)
  t.equal(await gateway.stop(), 0)
  t.ok(gateway.pids(/^Server listening/).length <= 3)
})

t.test('a replacement that does not serve yet when others take over is not waited for', async t => {
  const gateway = new Started(t, NOWHERE, [], preloaded(t, `import { existsSync } from 'node:fs'
  if (isWorker && existsSync('hang')) {
    console.log('hangs')
    await new Promise(resolve => setTimeout(resolve, 1e6))
  }`))
  const [pid = 0] = await gateway.workers(1)
  const hang = join(dirname(gateway.file), 'hang')
  writeFileSync(hang, '')
  process.kill(pid, 'SIGKILL')
  await gateway.until(/hangs/)
  rmSync(hang)
  await gateway.reload(1)
  await gateway.until(/"generation":1,"draining":0,"msg":"drained"/)
  t.equal(gateway.pids(/died/).length, 1)
  t.equal(await gateway.stop(), 0)
})

t.test('another port: the new workers listen there, and the old ones no more at theirs', async t => {
  const { config } = await serviceWithDownload(t)
  const [before, after] = [await closedPort(), await closedPort()]
  const gateway = new Started(t, { ...config, server: { port: before } }, [], { PORT: '' })
  t.equal(await gateway.listening(), before)
  gateway.write({ ...config, server: { port: after } })
  await gateway.reload(1)
  t.equal(String((await call(after, '/x')).body), 'ok')
  await gateway.until(/"drained"/)
  t.match(await new RawClient(t, before).closed, { code: 'ECONNREFUSED' })
  t.equal(await gateway.stop(), 0)
})
