import { once } from 'node:events'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import t from 'tap'
import type { Test } from 'tap'
import { AdminListener } from '../../src/admin/listener.js'
import { loadPrometheus } from '../../src/admin/prometheus.js'
import type { Source } from '../../src/admin/source.js'
import { checkConfig } from '../../src/config/index.js'
import { adminCall, ADMIN, adminPort, EventStream, stateOf, TOKEN } from '../fixtures/admin.js'
import { call, gatewayOver, gatewayTo } from '../fixtures/gateway.js'
import { closedPort, RawClient, service } from '../fixtures/peers.js'
import { ServiceProcess } from '../fixtures/process.js'
import { targets } from '../fixtures/targets.js'
import { until } from '../fixtures/until.js'

const DATA = ['/metrics', '/api/state', '/api/events']
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

t.test('without its token nothing is told but health, and the page, which has nothing in it', async t => {
  const { lines } = await gatewayTo(t, 1, {}, { admin: ADMIN })
  const port = adminPort(lines)
  for (const path of ['/healthz', '/readyz', '/', '/page.js', '/page.css', '/icon.svg']) t.equal((await call(port, path)).status, 200, path)
  for (const path of [...DATA, '/other']) {
    for (const headers of [{}, { authorization: TOKEN }, { authorization: `Basic ${TOKEN}` }, { authorization: 'Bearer' }, { authorization: 'Bearer wrong' }, { authorization: `Bearer ${TOKEN}x` }, { authorization: `Bearer ${TOKEN} x` }]) {
      const { status, headers: { 'www-authenticate': scheme }, json } = await call(port, path, { headers: { ...headers } })
      t.equal(status, 401, path)
      t.equal(scheme, 'Bearer')
      t.match(json(), { success: false, error: { code: 'UNAUTHORIZED', message: 'Valid credentials are required' }, requestId: /^[0-9a-f-]{36}$/ })
    }
  }
  for (const scheme of ['Bearer', 'bearer', 'BEARER ']) t.equal((await call(port, '/api/state', { headers: { authorization: `${scheme} ${TOKEN}` } })).status, 200)
  t.equal((await adminCall(port, '/other')).status, 404)
  t.equal((await adminCall(port, '/api/state?x=1')).status, 200)
})

t.test('without a token in the configuration none is asked for', async t => {
  const { lines } = await gatewayTo(t, 1, {}, { admin: { port: 0 } })
  for (const path of ['/metrics', '/api/state']) t.equal((await call(adminPort(lines), path)).status, 200, path)
})

t.test('a name that is bound to this machine by somebody else is nothing that it serves', async t => {
  const { lines } = await gatewayTo(t, 1, {}, { admin: { ...ADMIN, hosts: ['Gateway.Internal.'] } })
  const port = adminPort(lines)
  const known = [`127.0.0.1:${port}`, 'localhost', 'LOCALHOST:9', 'localhost.', '[::1]:1', 'gateway.internal', 'gateway.internal:80']
  for (const host of known) for (const path of ['/', '/api/state']) t.equal((await adminCall(port, path, { host })).status, 200, `${host}${path}`)
  for (const host of ['evil.example', 'localhost.evil.example', 'xlocalhost', '10.0.0.1', '127.0.0.1.evil.example']) {
    for (const path of ['/', '/page.js', ...DATA]) {
      const { status, json } = await adminCall(port, path, { host })
      t.equal(status, 421, `${host}${path}`)
      t.equal(json().error.code, 'MISDIRECTED_REQUEST')
    }
    for (const path of ['/healthz', '/readyz']) t.equal((await call(port, path, { headers: { host } })).status, 200)
  }
  const old = new RawClient(t, port).send(`GET / HTTP/1.0\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`)
  await old.closed
  t.match(old.received, /^HTTP\/1\.1 421 /)
})

t.test('by the address that it listens at it may be asked', async t => {
  const { lines } = await gatewayTo(t, 1, {}, { admin: { ...ADMIN, host: '0.0.0.0' } })
  const { port } = new URL(String(lines.flatMap(line => 'admin' in line ? [line.admin] : [])[0]))
  const client = connect(Number(port), '127.0.0.2')
  client.write(`GET /api/state HTTP/1.0\r\nHost: 127.0.0.2:${port}\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`)
  const [chunk]: Buffer[] = await once(client, 'data')
  client.destroy()
  t.match(String(chunk), /^HTTP\/1\.1 200 /)
})

t.test('a page of another site may not ask, although it could not read', async t => {
  const { lines } = await gatewayTo(t, 1, {}, { admin: { port: 0 } })
  const port = adminPort(lines)
  for (const path of DATA) for (const site of ['cross-site', 'same-site']) t.equal((await call(port, path, { headers: { 'sec-fetch-site': site } })).status, 403)
  t.equal((await call(port, '/', { headers: { 'sec-fetch-site': 'cross-site' } })).status, 200, 'a link to the page is well')
  for (const site of ['same-origin', 'none']) t.equal((await call(port, '/api/state', { headers: { 'sec-fetch-site': site } })).status, 200)
})

t.test('every response is strict about what browsers may do with it', async t => {
  const { lines } = await gatewayTo(t, 1, {}, { admin: ADMIN })
  const port = adminPort(lines)
  for (const [path, type] of [['/', 'text/html; charset=utf-8'], ['/page.js', 'text/javascript; charset=utf-8'], ['/page.css', 'text/css; charset=utf-8'], ['/icon.svg', 'image/svg+xml'], ['/api/state', 'application/json; charset=utf-8'], ['/metrics', 'text/plain; version=0.0.4; charset=utf-8'], ['/nothing', 'application/json; charset=utf-8'], ['/healthz', 'application/json; charset=utf-8']] as const) {
    const { headers } = await adminCall(port, path, { origin: 'https://evil.example' })
    t.match(headers, { 'content-type': type, 'content-security-policy': POLICY, 'x-content-type-options': 'nosniff', 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', 'cross-origin-resource-policy': 'same-origin' }, path)
    t.strictSame(Object.keys(headers).filter(name => /^(set-cookie|access-control-)/.test(name)), [])
  }
})

t.test('there is nothing to change: GET and HEAD alone', async t => {
  const { lines } = await gatewayTo(t, 1, {}, { admin: ADMIN })
  const port = adminPort(lines)
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    for (const path of ['/', '/healthz', '/api/state']) {
      const { status, headers: { allow } } = await adminCall(port, path, {}, method)
      t.equal(status, 405)
      t.equal(allow, 'GET, HEAD')
    }
  }
  for (const path of ['/', ...DATA]) {
    const { status, body } = await adminCall(port, path, {}, 'HEAD')
    t.equal(status, 200, path)
    t.equal(body.length, 0)
  }
})

t.test('/readyz: not before every upstream has a target that is available', async t => {
  const [one] = await targets(t, 1)
  if (one === undefined) throw new Error('no target')
  await one.stop()
  const { lines, app } = await gatewayOver(t, [one.url], { health: { path: '/', interval: '50ms', healthyAfter: 1, unhealthyAfter: 1 } }, {}, { admin: ADMIN })
  const port = adminPort(lines)
  const { status, body } = await call(port, '/readyz')
  t.equal(status, 503)
  t.equal(String(body), '{"status":"unavailable","upstreams":["app"]}')
  const changed = once(app.gateway.events, 'target')
  await one.start()
  await changed
  await until(async () => (await call(port, '/readyz')).status === 200)
})

t.test('/readyz: a service that drains is not ready, and says so to its end', async t => {
  const [admin, upstream] = [await closedPort(), await service(t, (_request, response) => response.end())]
  const gateway = new ServiceProcess(t, { server: { drainDelay: '10s' }, admin: { port: admin }, routes: [{ prefix: '/', target: `http://127.0.0.1:${upstream.port}` }] })
  await gateway.listening()
  t.equal(String((await call(admin, '/readyz')).body), '{"status":"ok"}')
  gateway.child.kill('SIGTERM')
  await gateway.until(/draining/)
  const { status, body } = await call(admin, '/readyz')
  t.equal(status, 503)
  t.equal(String(body), '{"status":"draining"}')
  t.equal((await call(admin, '/healthz')).status, 200)
  t.equal(JSON.parse(String((await call(admin, '/api/state')).body)).isDraining, true)
})

t.test('a port that is taken is told as a mistake is', async t => {
  const { port: taken } = await service(t, () => {})
  await t.rejects(gatewayTo(t, 1, {}, { admin: { port: taken } }), { message: new RegExp(`^the admin listener: 1 mistake\\n {2}admin\\.port: found ${taken}, where it cannot listen \\(listen EADDRINUSE`) })
})

t.test('events: the configuration, then the state, once a second', async t => {
  const { lines, port } = await gatewayTo(t, 1, {}, { admin: { ...ADMIN, maxStreams: 2 } })
  const admin = adminPort(lines)
  const stream = await EventStream.open(t, admin)
  t.equal(stream.response.headers['content-type'], 'text/event-stream')
  t.match(await stream.next(), { name: 'configuration', data: { admin: { token: '***' }, routes: [{ prefix: '/api' }] } })
  t.match(await stream.next(), { name: 'message', data: { requests: 0, configuration: undefined } })
  await call(port, '/api/x')
  t.match(await stream.next(), { name: 'message', data: { requests: 1, failed: 1, errorRate: 1 } })

  const other = await EventStream.open(t, admin)
  const third = await EventStream.open(t, admin)
  t.equal(third.response.statusCode, 503)
  t.equal(third.response.headers['retry-after'], '1')
  other.response.destroy()
  await until(async () => {
    const again = await EventStream.open(t, admin)
    return again.response.statusCode === 200
  })
})

t.test('events: who does not read is not written to without end, and closing ends all', async t => {
  const { lines, app } = await gatewayTo(t, 1, {}, { admin: ADMIN })
  const admin = adminPort(lines)
  const stream = await EventStream.open(t, admin)
  await stream.next()
  const ended = once(stream.response, 'close')
  await app.close()
  await ended
  t.match(await new RawClient(t, admin).closed, { code: 'ECONNREFUSED' })
})

t.test('an error of its own is told to the log alone', async t => {
  const { lines, app } = await gatewayTo(t, 1, {}, { admin: ADMIN })
  app.server.getConnections = () => { throw new Error('made up') }
  const { status, json } = await adminCall(adminPort(lines), '/api/state')
  t.equal(status, 500)
  t.match(json().error, { code: 'INTERNAL_ERROR', message: 'Internal error' })
  t.match(lines.at(-1), { level: 50, err: { message: 'made up' }, msg: 'the admin listener failed' })
  const stream = await EventStream.open(t, adminPort(lines))
  t.equal((await stream.next()).name, 'configuration')
  await t.rejects(stream.next(), 'who follows is cut off')
  t.equal(lines.filter(({ msg }) => msg === 'the admin listener failed').length, 2)
})

t.test('at an address of IPv6', { skip: Object.values(networkInterfaces()).flat().some(address => address?.address === '::1') ? false : 'there is no IPv6' }, async t => {
  const { lines } = await gatewayTo(t, 1, {}, { admin: { port: 0, host: '[::1]' } })
  const url = String(lines.flatMap(line => 'admin' in line ? [line.admin] : [])[0])
  t.match(url, /^http:\/\/\[::1\]:\d+$/)
  t.equal((await fetch(`${url}/api/state`)).status, 200)
})

t.test('the state: version, uptime, and what is read within a second is read once', async t => {
  const { lines } = await gatewayTo(t, 1, {}, { admin: ADMIN })
  const admin = adminPort(lines)
  const state = await stateOf(admin)
  t.match(state, { version: /^\d+\.\d+\.\d+/, node: process.version, isDraining: false, silent: 0, workers: [{ pid: process.pid, isDraining: false }], configuration: { admin: { token: '***' } } })
  t.ok(state.startedAt <= state.time)
  t.equal((await stateOf(admin)).time, state.time)
})

/** A listener that has only what it is given. */
async function listenerOf (t: Test, more: Partial<Source>): Promise<{ listener: AdminListener, errors: object[] }> {
  const { admin } = checkConfig({ admin: { port: 0 }, routes: [{ prefix: '/', target: 'http://127.0.0.1:1' }] })
  if (admin === undefined) throw new Error('no settings')
  const errors: object[] = []
  const none = async (): Promise<{ processes: [], silent: number }> => ({ processes: [], silent: 0 })
  const source: Source = { isDraining: false, configuration: {}, states: none, metrics: none, explain: async () => ({ failed: 'late' }) }
  const listener = new AdminListener(admin, Object.defineProperties(source, Object.getOwnPropertyDescriptors(more)), await loadPrometheus(), { info () {}, error: line => errors.push(line) })
  t.teardown(async () => await listener.close())
  return { listener, errors }
}

t.test('before it listens it is nowhere, and may be closed', async t => {
  const { listener } = await listenerOf(t, {})
  t.equal(listener.url, '')
  await listener.close()
  await listener.listen()
  t.equal((await fetch(`${listener.url}/healthz`)).status, 200)
})

t.test('an error behind the head of a response breaks it off', async t => {
  const { listener, errors } = await listenerOf(t, { get configuration () { throw new Error('made up') } })
  await listener.listen()
  await t.rejects(call(Number(new URL(listener.url).port), '/api/events'), { code: 'ECONNRESET' })
  t.match(errors, [{ err: { message: 'made up' } }])
})

t.test('/readyz: where all drain nobody is asked, where no worker serves yet none is ready', async t => {
  const readiness = async (more: Partial<Source>): Promise<[number, unknown]> => {
    const { listener } = await listenerOf(t, more)
    await listener.listen()
    const response = await fetch(`${listener.url}/readyz`)
    return [response.status, await response.json()]
  }
  const asked = async (): Promise<never> => { throw new Error('asked') }
  t.strictSame(await readiness({ isDraining: true, states: asked }), [503, { status: 'draining' }])
  t.strictSame(await readiness({}), [503, { status: 'draining' }])
})
