import t from 'tap'
import { adminPort, ADMIN, metricsOf, stateOf, TOKEN } from '../fixtures/admin.js'
import { call } from '../fixtures/gateway.js'
import type { Response } from '../fixtures/gateway.js'
import { download, serviceWithDownload, Started } from '../fixtures/started.js'

// Each of these starts several processes.
t.setTimeout(300_000)

const CONFIG = {
  server: { accessLog: { slow: '1s' } },
  admin: ADMIN,
  // eslint-disable-next-line no-template-curly-in-string -- as in the file
  routes: [{ prefix: '/api', target: 'http://127.0.0.1:1', headers: { request: { set: { authorization: 'Bearer ${HUSH}' } } } }]
}

async function explain (admin: number, given: object): Promise<Response> {
  return await call(admin, '/api/explain', { method: 'POST', body: JSON.stringify(given), headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' } })
}

t.test('a worker says where a request would go, by the configuration that is in force', async t => {
  const gateway = new Started(t, CONFIG, ['--workers', '2'], { HUSH: 'made-up-secret' })
  await gateway.listening()
  await gateway.until(/"msg":"started"/)
  const admin = adminPort(gateway.lines)
  const before = gateway.lines.length
  for (let nth = 0; nth < 4; nth++) {
    const { status, body } = await explain(admin, { curl: "curl -u me:hush 'http://localhost/api/x?token=hush'" })
    t.equal(status, 200)
    t.match(JSON.parse(String(body)), { route: { index: 0, prefix: '/api' }, forwarded: { to: 'http://127.0.0.1:1', path: '/api/x?token=[redacted]' } })
    t.notMatch(String(body), /made-up-secret|hush/)
  }
  t.match((await explain(admin, { curl: 'curl' })).json().error, { code: 'BAD_REQUEST', message: 'found no URL' })
  t.match((await stateOf(admin)).requests, 0)
  t.equal([...await metricsOf(admin)].filter(([key, value]) => key.startsWith('gateway_requests_total') && value > 0).length, 0)
  t.strictSame(gateway.lines.slice(before), [], 'no line')

  gateway.write({ ...CONFIG, routes: [{ prefix: '/other', redirect: { to: '/new' } }] })
  await gateway.reload(1)
  t.match(JSON.parse(String((await explain(admin, { url: '/other' })).body)), { why: 'routes[0] has redirect in place of a service', response: { status: 302 } })
  t.equal(await gateway.stop(), 0)
})

t.test('a worker that drains is asked no more', async t => {
  const { config, release } = await serviceWithDownload(t)
  const gateway = new Started(t, { ...config, admin: ADMIN })
  const port = await gateway.listening()
  await gateway.until(/"msg":"started"/)
  const admin = adminPort(gateway.lines)
  const client = await download(t, port)
  gateway.write({ admin: ADMIN, routes: [{ prefix: '/other', redirect: { to: '/new' } }] })
  await gateway.reload(1)
  t.equal((await stateOf(admin)).workers.length, 2)
  for (let nth = 0; nth < 3; nth++) t.match(JSON.parse(String((await explain(admin, { url: '/other' })).body)), { response: { status: 302 } })
  release()
  await client.until('last')
  t.equal(await gateway.stop(), 0)
})

t.test('a worker that is stuck is waited for no longer than a while, and the next one is asked', async t => {
  const gateway = new Started(t, CONFIG, ['--workers', '2'], { HUSH: 'x' })
  const pids = await gateway.workers(2)
  await gateway.until(/"msg":"started"/)
  const admin = adminPort(gateway.lines)
  process.kill(Number(pids[0]), 'SIGSTOP')
  const statuses = [await explain(admin, { url: '/api' }), await explain(admin, { url: '/api' })].map(({ status }) => status)
  t.strictSame(statuses.toSorted(), [200, 503])
  process.kill(Number(pids[1]), 'SIGSTOP')
  t.equal((await explain(admin, { url: '/api' })).status, 503)
  process.kill(Number(pids[0]), 'SIGCONT')
  process.kill(Number(pids[1]), 'SIGCONT')
  t.equal(await gateway.stop(), 0)
})

t.test('while no worker serves there is nobody to ask', async t => {
  const gateway = new Started(t, CONFIG, [], { HUSH: 'x' })
  const [pid = 0] = await gateway.workers(1)
  await gateway.until(/"msg":"started"/)
  const admin = adminPort(gateway.lines)
  process.kill(pid, 'SIGKILL')
  await gateway.until(/a worker died/)
  t.match((await explain(admin, { url: '/api' })).json().error, { code: 'SERVICE_UNAVAILABLE' })
  await gateway.workers(2)
  t.equal((await explain(admin, { url: '/api' })).status, 200)
  t.equal(await gateway.stop(), 0)
})
