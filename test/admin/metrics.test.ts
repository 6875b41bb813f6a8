import { once } from 'node:events'
import t from 'tap'
import { loadPrometheus } from '../../src/admin/prometheus.js'
import { ADMIN, adminCall, adminPort, metricsOf, stateOf } from '../fixtures/admin.js'
import { call, gatewayOver, gatewayTo } from '../fixtures/gateway.js'
import { closedPort, RawClient, service } from '../fixtures/peers.js'
import { http2Service } from '../fixtures/http2.js'
import { startRoutes } from '../fixtures/routes.js'
import { targets } from '../fixtures/targets.js'
import { until } from '../fixtures/until.js'
import { echo, openWebSocket, webSocketService } from '../fixtures/websockets.js'

/** Those of one name that are not 0. */
function samples (metrics: Map<string, number>, name: string): Record<string, number> {
  return Object.fromEntries([...metrics].filter(([key, value]) => key.startsWith(`${name}{`) && value !== 0).map(([key, value]) => [key.slice(name.length), value]))
}

t.test('requests by route, upstream, method, status and outcome; bytes, durations, connections', async t => {
  const { port: upstream } = await service(t, (request, response) => {
    request.resume().on('end', () => {
      response.statusCode = request.url === '/broken' ? 500 : 200
      response.end('hello')
    })
  })
  const target = `http://127.0.0.1:${upstream}`
  const { port, lines } = await gatewayTo(t, upstream, {}, { admin: ADMIN })
  await call(port, '/api/a')
  await call(port, '/api/b', { method: 'POST', body: '0123456789' })
  await call(port, '/api/broken')
  await call(port, '/api/c', { method: 'PROPFIND' })
  await call(port, '/api/../x')
  const metrics = await metricsOf(adminPort(lines))
  const labels = `route="/api",upstream="${target}"`
  t.strictSame(samples(metrics, 'gateway_requests_total'), {
    [`{${labels},method="GET",status="2xx",outcome="completed"}`]: 1,
    [`{${labels},method="POST",status="2xx",outcome="completed"}`]: 1,
    [`{${labels},method="GET",status="5xx",outcome="completed"}`]: 1,
    [`{${labels},method="OTHER",status="2xx",outcome="completed"}`]: 1,
    [`{${labels},method="GET",status="4xx",outcome="rejected"}`]: 1
  })
  t.strictSame(samples(metrics, 'gateway_request_bytes_total'), { [`{${labels}}`]: 10 })
  t.strictSame(samples(metrics, 'gateway_response_bytes_total'), { [`{${labels}}`]: 20 })
  t.equal(metrics.get(`gateway_request_duration_seconds_count{${labels},method="POST",status="2xx"}`), 1)
  t.equal(metrics.get(`gateway_request_duration_seconds_bucket{le="+Inf",${labels},method="POST",status="2xx"}`) ?? metrics.get(`gateway_request_duration_seconds_bucket{${labels},method="POST",status="2xx",le="+Inf"}`), 1)
  t.equal(metrics.get(`gateway_upstream_duration_seconds_count{${labels}}`), 4)
  t.ok(Number(metrics.get(`gateway_upstream_duration_seconds_sum{${labels}}`)) > 0)
  t.strictSame(samples(metrics, 'gateway_attempts_total'), {
    [`{upstream="${target}",target="${target}",outcome="succeeded"}`]: 3,
    [`{upstream="${target}",target="${target}",outcome="failed"}`]: 1
  })
  const pool = `{upstream="${target}",target="${target}"}`
  t.equal(Number(metrics.get(`gateway_pool_opened_total${pool}`)) + Number(metrics.get(`gateway_pool_reused_total${pool}`)), 4)
  t.equal(metrics.get(`gateway_target_available${pool}`), 1, 'a 5xx was followed by a success')
  t.equal(metrics.get('gateway_workers'), 1)
  for (const name of ['gateway_nodejs_eventloop_lag_seconds', 'gateway_process_open_fds']) t.ok(metrics.has(name), name)
  t.ok([...metrics.keys()].some(key => key.startsWith('gateway_nodejs_gc_duration_seconds')) || (await adminCall(adminPort(lines), '/metrics')).body.includes('gateway_nodejs_gc_duration_seconds'))
  t.ok([...metrics.keys()].every(key => key.startsWith('gateway_')))
})

t.test('in flight, a client that leaves, and tunnels', async t => {
  const { port: upstream } = await webSocketService(t, echo)
  const { port, lines } = await gatewayTo(t, upstream, {}, { admin: ADMIN })
  const admin = adminPort(lines)
  const labels = `{route="/api",upstream="http://127.0.0.1:${upstream}"}`
  const socket = await openWebSocket(t, port, '/api/ws')
  socket.send('hello')
  await once(socket, 'message')
  let metrics = await metricsOf(admin)
  t.equal(metrics.get(`gateway_tunnels${labels}`), 1)
  t.equal(metrics.get(`gateway_requests_in_flight${labels}`), 1)
  t.match(await stateOf(admin), { inFlight: 1, routes: [{ tunnels: 1 }, {}] })
  socket.close()
  await until(async () => (await metricsOf(admin)).get(`gateway_tunnels${labels}`) === 0)
  metrics = await metricsOf(admin)
  t.equal(metrics.get(`gateway_requests_in_flight${labels}`), 0)
  t.ok(Number(metrics.get(`gateway_request_bytes_total${labels}`)) > 5)
  t.ok(Number(metrics.get(`gateway_response_bytes_total${labels}`)) > 5)
  t.match(Object.keys(samples(metrics, 'gateway_requests_total')), [/method="GET",status="1xx"/])
})

t.test('a client that leaves', async t => {
  const { port: upstream } = await service(t, () => {})
  const { port, lines, nextLine } = await gatewayTo(t, upstream, {}, { admin: ADMIN })
  const client = new RawClient(t, port).send('GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n')
  await until(async () => samples(await metricsOf(adminPort(lines)), 'gateway_attempts_in_flight') !== undefined && Object.keys(samples(await metricsOf(adminPort(lines)), 'gateway_attempts_in_flight')).length === 1)
  const line = nextLine()
  client.socket.destroy()
  await line
  const metrics = await metricsOf(adminPort(lines))
  t.match(Object.keys(samples(metrics, 'gateway_requests_total')), [/status="4xx",outcome="client_aborted"/])
  t.match(Object.keys(samples(metrics, 'gateway_attempts_total')), [/outcome="abandoned"/])
})

t.test('retries, ejections, and how a target is', async t => {
  const [dead, alive] = await targets(t, 2)
  if (dead === undefined || alive === undefined) throw new Error('no targets')
  await dead.stop()
  const { port, lines } = await gatewayOver(t, [dead.url, alive.url], { balance: 'round-robin', ejection: { after: 1, for: '1m' } }, { retry: { attempts: 1 } }, { admin: ADMIN })
  for (let nth = 0; nth < 4; nth++) t.equal((await call(port, '/api/x')).status, 200)
  const admin = adminPort(lines)
  const metrics = await metricsOf(admin)
  t.strictSame(samples(metrics, 'gateway_retries_total'), { '{route="/api",upstream="app"}': 1 })
  t.strictSame(samples(metrics, 'gateway_ejections_total'), { [`{upstream="app",target="${dead.url}"}`]: 1 })
  t.strictSame(samples(metrics, 'gateway_target_available'), { [`{upstream="app",target="${alive.url}"}`]: 1 })
  const { upstreams } = await stateOf(admin)
  t.match(upstreams, [{ upstream: 'app', targets: [{ target: dead.url, state: 'ejected', reason: /ECONNREFUSED/, since: Number, ejections: 1, workers: 1, availableIn: 0 }, { target: alive.url, state: 'available', reason: undefined, since: undefined }] }])
})

t.test('targets that are gone are dropped', async t => {
  const [first, second] = await targets(t, 2)
  if (first === undefined || second === undefined) throw new Error('no targets')
  const { port, lines, app } = await gatewayOver(t, [first.url], {}, {}, { admin: ADMIN })
  await call(port, '/api/x')
  app.gateway.upstream('app')?.setTargets([second.url])
  const text = String((await adminCall(adminPort(lines), '/metrics')).body)
  t.notMatch(text, first.url)
  t.match(text, second.url)
})

t.test('what policies reject', async t => {
  const held: Array<() => void> = []
  const { port: upstream } = await service(t, (_request, response) => { held.push(() => response.end()) })
  const target = `http://127.0.0.1:${upstream}`
  const { port, lines } = await startRoutes(t, {
    admin: ADMIN,
    upstreams: { one: { targets: [target], maxConcurrent: 1, maxQueue: 0 } },
    routes: [
      { prefix: '/limited', target, rateLimit: { max: 1 } },
      { prefix: '/few', target, concurrency: { max: 1 } },
      { prefix: '/queue', upstream: 'one' },
      { prefix: '/ws', target, cors: { origin: ['https://a.example'] } },
      { prefix: '/local', respond: { body: 'hi' } },
      { prefix: '/posts', target, methods: ['POST'] }
    ]
  })
  const admin = adminPort(lines)
  const requests = ['/limited', '/few', '/queue'].map(async path => await call(port, path))
  await until(() => held.length === 3)
  for (const [path, status] of [['/limited', 429], ['/few', 503], ['/queue', 503], ['/local', 200], ['/posts', 405], ['/nowhere', 404]] as const) t.equal((await call(port, path)).status, status, path)
  const upgrade = new RawClient(t, port).send('GET /ws HTTP/1.1\r\nHost: x\r\nOrigin: https://b.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  await upgrade.until('FORBIDDEN')
  for (const release of held) release()
  await Promise.all(requests)
  const metrics = await metricsOf(admin)
  t.strictSame(samples(metrics, 'gateway_rejected_total'), {
    [`{route="/limited",upstream="${target}",policy="rate-limit"}`]: 1,
    [`{route="/few",upstream="${target}",policy="concurrency"}`]: 1,
    '{route="/queue",upstream="one",policy="queue"}': 1,
    [`{route="/ws",upstream="${target}",policy="cors"}`]: 1
  })
  const all = samples(metrics, 'gateway_requests_total')
  t.match(all, {
    '{route="/local",upstream="none",method="GET",status="2xx",outcome="completed"}': 1,
    '{route="none",upstream="none",method="GET",status="4xx",outcome="rejected"}': 1,
    [`{route="/posts",upstream="${target}",method="GET",status="4xx",outcome="rejected"}`]: 1,
    [`{route="/limited",upstream="${target}",method="GET",status="4xx",outcome="rejected"}`]: 1
  })
  t.match(await stateOf(admin), { rejected: { 'rate-limit': 1, concurrency: 1, queue: 1, cors: 1 } })
})

t.test('a body buffer that is full, requests that wait', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end())
  const { port, lines } = await gatewayTo(t, upstream, { bodyBuffer: '1kb' }, { admin: ADMIN })
  const { status } = await call(port, '/api/x', { method: 'POST', body: 'x' })
  t.equal(status, 200)
  t.strictSame(samples(await metricsOf(adminPort(lines)), 'gateway_rejected_total'), {})
})

t.test('requests that wait for a target', async t => {
  const held: Array<() => void> = []
  const { port: upstream } = await service(t, (_request, response) => { held.push(() => response.end()) })
  const { port, lines } = await gatewayOver(t, [`http://127.0.0.1:${upstream}`], { maxConcurrent: 1 }, {}, { admin: ADMIN })
  const requests = [call(port, '/api/a'), call(port, '/api/b')]
  await until(async () => (await metricsOf(adminPort(lines))).get('gateway_queue_length{upstream="app"}') === 1)
  t.match(await stateOf(adminPort(lines)), { upstreams: [{ waiting: Number }] })
  await until(() => held.splice(0).map(release => release()).length > 0)
  await until(() => held.splice(0).map(release => release()).length > 0)
  await Promise.all(requests)
  t.equal((await metricsOf(adminPort(lines))).get('gateway_queue_length{upstream="app"}'), 0)
})

t.test('connections of HTTP/2 that carry several requests', async t => {
  const { port: upstream } = await http2Service(t, stream => { stream.respond({ ':status': 200 }, { endStream: true }) })
  const { port, lines } = await gatewayTo(t, upstream, { http2: true }, { admin: ADMIN })
  for (let nth = 0; nth < 3; nth++) t.equal((await call(port, '/api/x')).status, 200)
  const metrics = await metricsOf(adminPort(lines))
  t.match(Object.values(samples(metrics, 'gateway_pool_opened_total')), [1])
  t.match(Object.values(samples(metrics, 'gateway_pool_reused_total')), [2])
})

t.test('without an admin listener nothing is counted', async t => {
  const { port, app } = await gatewayTo(t, await closedPort())
  await call(port, '/api/x')
  t.equal(app.hasDecorator('gateway'), true)
})

t.test('without prom-client: what to install', async t => {
  const missing = async (): Promise<never> => { throw Object.assign(new Error('gone'), { code: 'ERR_MODULE_NOT_FOUND' }) }
  await t.rejects(loadPrometheus(missing), { message: 'the admin listener: 1 mistake\n  admin: found an object, which needs a package that is not installed: npm install prom-client' })
  await t.rejects(loadPrometheus(async () => { throw new TypeError('other') }), { name: 'TypeError' })
})
