import { writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { Cluster, download, serviceWithDownload } from '../fixtures/cluster.js'
import { call } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/peers.js'

const NOWHERE = { routes: [{ prefix: '/', target: 'http://127.0.0.1:1' }] }

// Each of these starts several processes.
t.setTimeout(180_000)

t.test('a restart: what is asked meanwhile gets its response, what is under way ends', async t => {
  const { config, release } = await serviceWithDownload(t)
  const gateway = new Cluster(t, config, { CLUSTER_WORKERS: '2' })
  const port = await gateway.listening()
  const old = await gateway.workers(2)
  const client = await download(t, port)

  const kept = new Agent({ keepAlive: true, maxSockets: 4 })
  t.teardown(() => kept.destroy())
  const asking = { until: false }
  const askers = [kept, kept, kept, kept, false as const].map(agent => askAllTheWhile(port, agent, asking))
  gateway.child.kill('SIGHUP')
  await gateway.until(/cluster: restarted/)
  for (const pid of old) await gateway.until(new RegExp(`"pid":${pid},.*shutting down`))
  const young = (await gateway.workers(4)).slice(2)
  t.equal(new Set([...old, ...young]).size, 4)
  asking.until = true
  const outcomes = (await Promise.all(askers)).flat()
  t.strictSame(new Set(outcomes), new Set(['200 ok']))
  t.ok(new Set(gateway.pids(/^completed/)).size > 2, 'old and new ones responded')

  release()
  await client.until('last')
  gateway.child.kill('SIGTERM')
  t.equal(await gateway.exited, 0)
  t.notMatch(gateway.output, /died|broken off/)
})

/** One request after another. */
async function askAllTheWhile (port: number, agent: Agent | false, asking: { until: boolean }): Promise<string[]> {
  const outcomes: string[] = []
  while (!asking.until) {
    outcomes.push(await new Promise<string>(resolve => {
      const asked = request({ host: '127.0.0.1', port, path: '/x', agent }, response => {
        read(response).then(body => resolve(`${response.statusCode} ${body}`), error => resolve(String(error)))
      })
      asked.on('error', error => resolve(String(error)))
      asked.end()
    }))
  }
  return outcomes
}

async function read (response: IncomingMessage): Promise<string> {
  return Buffer.concat(await response.toArray()).toString()
}

t.test('a kept connection on which nothing is under way is served once more; another restart waits its turn', async t => {
  const { config } = await serviceWithDownload(t)
  const gateway = new Cluster(t, config, { CLUSTER_WORKERS: '1' })
  const client = new RawClient(t, await gateway.listening())
  client.send('GET /1 HTTP/1.1\r\nHost: x\r\n\r\n')
  await client.until('ok')
  t.match(client.received, /connection: keep-alive/i)
  gateway.child.kill('SIGHUP')
  await gateway.until(/cluster: restarting/)
  gateway.child.kill('SIGHUP')
  await gateway.until(/cluster: restarted/)
  client.send('GET /2 HTTP/1.1\r\nHost: x\r\n\r\n')
  await client.closed
  t.match(client.received, /connection: close[^]*ok\r\n0\r\n\r\n$|connection: close[^]*ok$/i)
  await gateway.times(/cluster: restarted/, 2)
  t.equal((await gateway.workers(3)).length, 3)
  gateway.child.kill('SIGTERM')
  t.equal(await gateway.exited, 0)
})

t.test('a restart with a wrong routes.json is told, and what there is goes on', async t => {
  const { config } = await serviceWithDownload(t)
  const gateway = new Cluster(t, config, { CLUSTER_WORKERS: '1' })
  const port = await gateway.listening()
  writeFileSync(join(t.testdirName, 'routes.json'), '{ "routes": [] }')
  gateway.child.kill('SIGHUP')
  await gateway.until(/the restart ends here/)
  t.match(gateway.output, /routes\.json: 1 mistake/)
  t.equal((await call(port, '/x')).status, 200)

  // Its place is not filled a second time.
  writeFileSync(join(t.testdirName, 'routes.json'), JSON.stringify(config))
  gateway.child.kill('SIGHUP')
  await gateway.until(/cluster: restarted/)
  t.equal((await gateway.workers(2)).length, 2)
  gateway.child.kill('SIGTERM')
  t.equal(await gateway.exited, 0)
})

t.test('a worker that dies during a restart is replaced once', async t => {
  const gateway = new Cluster(t, NOWHERE, { CLUSTER_WORKERS: '1' })
  const [pid = 0] = await gateway.workers(1)
  gateway.child.kill('SIGHUP')
  await gateway.until(/cluster: restarting/)
  process.kill(pid, 'SIGKILL')
  await gateway.until(/cluster: restarted/)
  gateway.child.kill('SIGTERM')
  t.equal(await gateway.exited, 0)
  t.equal(gateway.pids(/^Server listening/).length, 2)
})
