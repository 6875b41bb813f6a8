import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Cluster, download, serviceWithDownload } from '../fixtures/cluster.js'
import { call } from '../fixtures/gateway.js'
import { service } from '../fixtures/peers.js'

const NOWHERE = { routes: [{ prefix: '/', target: 'http://127.0.0.1:1' }] }

// Each of these starts several processes.
t.setTimeout(180_000)

t.test('as many workers as there are cores listen at one port, and end together', async t => {
  const { config } = await serviceWithDownload(t)
  const gateway = new Cluster(t, config)
  const port = await gateway.listening()
  const pids = await gateway.workers(availableParallelism())
  t.equal(new Set([gateway.child.pid, ...pids]).size, availableParallelism() + 1)
  t.match(gateway.output, new RegExp(`(127.0.0.1:${port}[^]*){${availableParallelism()}}`))
  t.equal(String((await call(port, '/x')).body), 'ok')
  gateway.child.kill('SIGTERM')
  t.equal(await gateway.exited, 0)
  t.strictSame(new Set(gateway.pids(/^shutting down/)), new Set(pids))
})

t.test('a mistake is told once, and no worker is started', async t => {
  const gateway = new Cluster(t, { routes: [{ prefx: '/' }] }, { CLUSTER_WORKERS: '2' })
  t.equal(await gateway.exited, 1)
  t.equal(gateway.output.match(/unknown key/g)?.length, 1)
  t.notMatch(gateway.output, /cluster: /)

  const many = new Cluster(t, NOWHERE, { CLUSTER_WORKERS: 'many' })
  t.equal(await many.exited, 1)
  t.equal(many.output, 'CLUSTER_WORKERS: found "many", must be a whole number from 1\n')
})

t.test('where the first worker cannot listen, the others are not tried', async t => {
  const { port } = await service(t, () => {})
  const gateway = new Cluster(t, NOWHERE, { CLUSTER_WORKERS: '2', PORT: String(port) })
  t.equal(await gateway.exited, 1)
  t.equal(gateway.output.match(/"code":"EADDRINUSE"/g)?.length, 1)
})

t.test('it can be stopped before a worker listens', async t => {
  const gateway = new Cluster(t, NOWHERE, { CLUSTER_WORKERS: '2' })
  await gateway.until(/cluster: starting/)
  gateway.child.kill('SIGTERM')
  t.equal(await gateway.exited, 0)
  t.notMatch(gateway.output, /listening/)
})

t.test('a signal to all processes, and another one, break nothing off', async t => {
  const { config, release } = await serviceWithDownload(t)
  const gateway = new Cluster(t, config, { CLUSTER_WORKERS: '1' })
  const client = await download(t, await gateway.listening())
  const [pid = 0] = await gateway.workers(1)
  process.kill(pid, 'SIGHUP')
  process.kill(pid, 'SIGINT')
  await gateway.until(/shutting down/)
  gateway.child.kill('SIGINT')
  await gateway.until(/cluster: stopping/)
  gateway.child.kill('SIGTERM')
  release()
  await client.until('last')
  t.equal(await gateway.exited, 0)
})

t.test('a worker that dies is replaced, and a replacement that dies as well', async t => {
  const file = join(t.testdirName, 'routes.json')
  const gateway = new Cluster(t, NOWHERE, { CLUSTER_WORKERS: '1' })
  await gateway.until(/cluster: started/)
  const [first = 0] = await gateway.workers(1)
  writeFileSync(file, '{ "routes": [] }')
  process.kill(first, 'SIGKILL')
  await gateway.times(/a worker died/, 3)
  t.match(gateway.lines.filter(({ msg }) => /died/.test(msg)).slice(0, 3), [{ worker: first, end: [null, 'SIGKILL'] }, { end: [1, null] }, { end: [1, null] }])

  writeFileSync(file, JSON.stringify(NOWHERE))
  const [, second = 0] = await gateway.workers(2)
  writeFileSync(file, '{ "routes": [] }')
  const deaths = gateway.pids(/died/).length
  process.kill(second, 'SIGKILL')
  await gateway.times(/a worker died/, deaths + 2)
  gateway.child.kill('SIGTERM')
  t.equal(await gateway.exited, 0, 'while there is none')
})

t.test('workers whose primary is gone let what is under way end, and end', async t => {
  const { config, release } = await serviceWithDownload(t)
  const gateway = new Cluster(t, config, { CLUSTER_WORKERS: '2' })
  const client = await download(t, await gateway.listening())
  await gateway.workers(2)
  gateway.child.kill('SIGKILL')
  await gateway.times(/shutting down/, 2)
  release()
  await client.until('last')
  // The workers' output ends with the last of them.
  t.equal(await gateway.exited, 'SIGKILL')
})
