import t from 'tap'
import type { Test } from 'tap'
import { ADMIN, adminCall, adminPort, EventStream, metricsOf, stateOf } from '../fixtures/admin.js'
import { call } from '../fixtures/gateway.js'
import { closedPort, RawClient, service } from '../fixtures/peers.js'
import { download, preloaded, serviceWithDownload, Started } from '../fixtures/started.js'
import { until } from '../fixtures/until.js'

// Each of these starts several processes.
t.setTimeout(300_000)

const QUIET = { accessLog: false }

interface Running {
  gateway: Started
  port: number
  admin: number
  config: Awaited<ReturnType<typeof serviceWithDownload>>['config']
  release: () => void
}

async function startWithAdmin (t: Test, workers: number, around: object = {}, env: NodeJS.ProcessEnv = {}): Promise<Running> {
  const { config, release } = await serviceWithDownload(t)
  const gateway = new Started(t, { ...config, server: QUIET, admin: ADMIN, ...around }, ['--workers', String(workers)], env)
  const port = await gateway.listening()
  await gateway.until(/"msg":"started"/)
  return { gateway, port, admin: adminPort(gateway.lines), config, release }
}

async function requestsCounted (admin: number): Promise<number> {
  return [...await metricsOf(admin)].reduce((sum, [key, value]) => key.startsWith('gateway_requests_total{') ? sum + value : sum, 0)
}

async function ask (port: number, times: number): Promise<void> {
  for (let nth = 0; nth < times; nth++) await call(port, '/x')
}

t.test('the listener speaks for all workers, and lives through a reload without losing a count', async t => {
  const { gateway, port, admin, config } = await startWithAdmin(t, 2)
  t.equal(gateway.lines.filter(line => 'admin' in line).length, 1, 'one listener')
  await ask(port, 20)
  t.equal(await requestsCounted(admin), 20)
  t.equal((await metricsOf(admin)).get('gateway_workers'), 2)
  const state = await stateOf(admin)
  t.match(state, { requests: 20, silent: 0, workers: [{ isDraining: false }, { isDraining: false }], routes: [{ route: '/', requests: 20 }, {}], upstreams: [{ targets: [{ workers: 2, availableIn: 2, succeeded: 20 }] }] })
  t.strictSame(new Set(state.workers.map(({ pid }) => pid)), new Set(gateway.pids(/^Server listening/)))
  const stream = await EventStream.open(t, admin)
  t.match(await stream.next(), { name: 'configuration', data: { routes: [{ prefix: '/' }] } })

  await gateway.reload(1)
  await gateway.until(/"drained"/)
  t.equal(await requestsCounted(admin), 20, 'those who are gone have told')
  await ask(port, 5)
  t.equal(await requestsCounted(admin), 25)
  // The name in Via is another one.
  let next = await stream.next()
  while (next.name !== 'configuration') next = await stream.next()

  gateway.write({ ...config, server: QUIET, admin: ADMIN, routes: [{ prefix: '/other', respond: {} }] })
  await gateway.reload(2)
  await gateway.times(/"drained"/, 2)
  t.notMatch(String((await adminCall(admin, '/metrics')).body), /route="\/"/, 'what nobody knows any more is gone')
  await until(async () => (await stateOf(admin)).routes[0]?.route === '/other')
  t.match(await stateOf(admin), { routes: [{ route: '/other' }, { route: 'none' }] })
  t.equal(await gateway.stop(), 0)
})

t.test('workers that drain are among them', async t => {
  const { gateway, port, admin, release } = await startWithAdmin(t, 1)
  const client = await download(t, port)
  await gateway.reload(1)
  await until(async () => (await stateOf(admin)).workers.some(({ isDraining }) => isDraining))
  const state = await stateOf(admin)
  t.match(state, { inFlight: 1, isDraining: false, workers: [{}, {}], routes: [{ route: '/', inFlight: 1 }, {}], upstreams: [{ targets: [{ workers: 1, inFlight: 1, open: 1 }] }] })
  t.strictSame(state.workers.map(({ isDraining, inFlight }) => ({ isDraining, inFlight })).toSorted((a, b) => a.inFlight - b.inFlight), [{ isDraining: false, inFlight: 0 }, { isDraining: true, inFlight: 1 }])
  const metrics = await metricsOf(admin)
  t.equal([...metrics].find(([key]) => key.startsWith('gateway_requests_in_flight{route="/"'))?.[1], 1)
  t.equal(metrics.get('gateway_workers'), 2)
  t.equal((await call(admin, '/readyz')).status, 200)
  release()
  await client.until('last')
  await gateway.until(/"drained"/)
  t.equal((await stateOf(admin)).workers.length, 1)
  t.equal(await gateway.stop(), 0)
})

t.test('a worker that dies takes no count with it that was read', async t => {
  const { gateway, port, admin } = await startWithAdmin(t, 2)
  await ask(port, 20)
  t.equal(await requestsCounted(admin), 20)
  const [pid = 0] = gateway.pids(/^Server listening/)
  process.kill(pid, 'SIGKILL')
  await gateway.workers(3)
  t.equal(await requestsCounted(admin), 20)
  await until(async () => (await stateOf(admin)).workers.length === 2)
  t.notOk((await stateOf(admin)).workers.some(worker => worker.pid === pid))
  t.ok((await stateOf(admin)).rate >= 0)
  t.equal(await gateway.stop(), 0)
})

t.test('a worker that is stuck is left out, counted, and waited for no longer than a moment', async t => {
  const { gateway, port, admin } = await startWithAdmin(t, 2)
  await ask(port, 20)
  t.equal(await requestsCounted(admin), 20)
  const [pid = 0] = gateway.pids(/^Server listening/)
  process.kill(pid, 'SIGSTOP')
  for (let nth = 0; nth < 6; nth++) {
    const since = performance.now()
    const metrics = await metricsOf(admin)
    t.ok(performance.now() - since < 5_000)
    t.equal(metrics.get('gateway_silent_workers'), 1)
  }
  t.equal(await requestsCounted(admin), 20, 'what it had told stays')
  await until(async () => (await stateOf(admin)).silent === 1)
  t.equal((await stateOf(admin)).workers.length, 1)
  t.equal((await call(admin, '/readyz')).status, 200)
  process.kill(pid, 'SIGCONT')
  await until(async () => (await metricsOf(admin)).get('gateway_silent_workers') === 0)
  await until(async () => (await stateOf(admin)).workers.length === 2)
  t.equal(await gateway.stop(), 0)
})

t.test('a changed section is taken over at a reload', async t => {
  const { gateway, admin, config } = await startWithAdmin(t, 1)
  gateway.write({ ...config, admin: { port: 0, token: 'another' } })
  await gateway.reload(1)
  t.equal((await adminCall(admin, '/api/state')).status, 401)
  t.equal((await call(admin, '/api/state', { headers: { authorization: 'Bearer another' } })).status, 200, 'on the same port')

  const other = await closedPort()
  gateway.write({ ...config, admin: { ...ADMIN, port: other } })
  await gateway.reload(2)
  t.equal((await adminCall(other, '/api/state')).status, 200)
  t.match(await new RawClient(t, admin).closed, { code: 'ECONNREFUSED' })

  gateway.write(config)
  await gateway.reload(3)
  t.match(await new RawClient(t, other).closed, { code: 'ECONNREFUSED' })

  const { port: taken } = await service(t, () => {})
  gateway.write({ ...config, admin: { ...ADMIN, port: taken } })
  await gateway.reload(4)
  t.match(gateway.lines.find(({ msg }) => msg === 'there is no admin listener'), { level: 50, reason: /admin\.port: found \d+, where it cannot listen/ })

  gateway.write({ ...config, admin: ADMIN })
  await gateway.reload(5)
  t.equal((await adminCall(adminPort(gateway.lines, 2), '/api/state')).status, 200)
  t.equal(await gateway.stop(), 0)
})

t.test('a gateway that ends is not ready, to its end', async t => {
  const { gateway, port, admin, release } = await startWithAdmin(t, 1)
  const client = await download(t, port)
  t.equal((await call(admin, '/readyz')).status, 200)
  gateway.child.kill('SIGTERM')
  await gateway.until(/"stopping"/)
  const { status, body } = await call(admin, '/readyz')
  t.equal(status, 503)
  t.equal(String(body), '{"status":"draining"}')
  t.equal((await stateOf(admin)).isDraining, true)
  t.equal([...await metricsOf(admin)].find(([key]) => key.startsWith('gateway_requests_in_flight{route="/"'))?.[1], 1)
  release()
  await client.until('last')
  t.equal(await gateway.exited, 0)
})

t.test('while no worker serves it is not ready', async t => {
  const { gateway, admin } = await startWithAdmin(t, 1)
  process.kill(gateway.pids(/^Server listening/)[0] ?? 0, 'SIGSTOP')
  await until(async () => (await call(admin, '/readyz')).status === 503)
  process.kill(gateway.pids(/^Server listening/)[0] ?? 0, 'SIGCONT')
  await until(async () => (await call(admin, '/readyz')).status === 200)
})

t.test('a port that is taken ends the start, with one message and status 1', async t => {
  const { port: taken } = await service(t, () => {})
  const { config } = await serviceWithDownload(t)
  const gateway = new Started(t, { ...config, admin: { port: taken } })
  t.equal(await gateway.exited, 1)
  t.match(gateway.output, new RegExp(`^the admin listener: 1 mistake\\n {2}admin\\.port: found ${taken}, where it cannot listen \\(listen EADDRINUSE.*\\)$`, 'm'))
  t.notMatch(gateway.output, /\n {4}at /)
})

const HOOKS = `export async function resolve (name, context, next) {
  if (name === 'prom-client') throw Object.assign(new Error('no prom-client'), { code: 'ERR_MODULE_NOT_FOUND' })
  return await next(name, context)
}`

t.test('start without prom-client says what to install, without a stack and with status 1', async t => {
  const env = preloaded(t, `import { register } from 'node:module'\nif (isWorker) register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(HOOKS)}`)})`)
  const { config } = await serviceWithDownload(t)
  const gateway = new Started(t, { ...config, admin: ADMIN }, [], env)
  t.equal(await gateway.exited, 1)
  t.match(gateway.output, /^the admin listener: 1 mistake\n {2}admin: found an object, which needs a package that is not installed: npm install prom-client$/m)
  t.notMatch(gateway.output, /\n {4}at /)
})
