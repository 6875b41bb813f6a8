import t from 'tap'
import type { TargetChange } from '../../src/index.js'
import { call, gatewayOver } from '../fixtures/gateway.js'
import { rawService } from '../fixtures/peers.js'
import { startRoutes } from '../fixtures/routes.js'
import { targets } from '../fixtures/targets.js'
import type { TestTarget } from '../fixtures/targets.js'

const QUICK = { path: '/health', interval: 20, timeout: 100, healthyAfter: 1, unhealthyAfter: 2 }

/** Targets whose health is told apart from their requests. */
async function checked (t: Parameters<typeof targets>[0], count: number): Promise<{ all: TestTarget[], well: boolean[], urls: [string, ...string[]] }> {
  const all = await targets(t, count)
  const well = all.map(() => true)
  for (const [nth, target] of all.entries()) {
    target.handler = (request, response) => {
      if (request.url === '/health') response.writeHead(well[nth] === true ? 200 : 503).end()
      else response.end('abc'.charAt(nth))
    }
  }
  const [first = '', ...others] = all.map(({ url }) => url)
  return { all, well, urls: [first, ...others] }
}

async function ask (port: number, times: number): Promise<string> {
  let names = ''
  for (let i = 0; i < times; i++) names += String((await call(port, '/api/x')).body)
  return [...names].sort().join('')
}

t.test('the first check is over when the gateway listens, and decides', async t => {
  const { urls, well } = await checked(t, 2)
  well[0] = false
  const { port, app, lines } = await gatewayOver(t, urls, { balance: 'round-robin', health: QUICK })
  t.equal(await ask(port, 4), 'bbbb')
  t.match(app.gateway.upstream('app')?.targets, [{ state: 'unhealthy' }, { state: 'available' }])
  t.match(lines.filter(({ state }) => state !== undefined), [{ level: 40, upstream: 'app', target: urls[0], state: 'unhealthy', reason: 'status 503' }])
  t.strictSame(app.gateway.unavailable, [])
})

t.test('one that is no longer well gets nothing, and one that is again gets its share back', async t => {
  const { urls, well } = await checked(t, 2)
  const { port, app } = await gatewayOver(t, urls, { balance: 'round-robin', slowStart: 0, health: QUICK })
  const changes: TargetChange[] = []
  const changed = async (): Promise<void> => await new Promise(resolve => app.gateway.events.once('target', change => {
    changes.push(change)
    resolve()
  }))
  t.equal(await ask(port, 4), 'aabb')
  let next = changed()
  well[0] = false
  await next
  t.equal(await ask(port, 4), 'bbbb')
  next = changed()
  well[0] = true
  await next
  t.equal(await ask(port, 4), 'aabb')
  t.match(changes, [{ target: urls[0], state: 'unhealthy' }, { target: urls[0], state: 'available', reason: 'status 200' }])
})

t.test('where all are out of order, all are asked', async t => {
  const { urls, well } = await checked(t, 2)
  well.fill(false)
  const { port, app } = await gatewayOver(t, urls, { balance: 'round-robin', health: QUICK })
  t.equal(await ask(port, 4), 'aabb')
  t.strictSame(app.gateway.unavailable, ['app'])
})

t.test('a new target gets nothing before it is checked, and one that left is checked no more', async t => {
  const { urls, all } = await checked(t, 2)
  const silent = await rawService(t, () => {})
  const { port, app } = await gatewayOver(t, urls, { balance: 'round-robin', slowStart: 0, health: { ...QUICK, timeout: 10_000 } })
  app.gateway.upstream('app')?.setTargets([String(urls[1]), `http://127.0.0.1:${silent.port}`])
  t.equal(await ask(port, 4), 'bbbb')
  const asked = all[0]?.requests.length
  const before = Number(all[1]?.requests.length)
  while (Number(all[1]?.requests.length) < before + 4) await new Promise(resolve => setTimeout(resolve, 5))
  t.equal(all[0]?.requests.length, asked)
})

t.test('the service is ready where every upstream has a target', async t => {
  const { urls, well } = await checked(t, 1)
  well[0] = false
  const { port } = await startRoutes(t, { server: { health: true }, upstreams: { app: { targets: urls, health: QUICK } }, routes: [{ prefix: '/', upstream: 'app' }] })
  const out = await call(port, '/readyz')
  t.equal(out.status, 503)
  t.strictSame(JSON.parse(String(out.body)), { status: 'unavailable', upstreams: ['app'] })
  t.equal((await call(port, '/healthz')).status, 200)
  well[0] = true
  while ((await call(port, '/readyz')).status !== 200) await new Promise(resolve => setTimeout(resolve, 5))
})
