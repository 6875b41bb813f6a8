import t from 'tap'
import type { Test } from 'tap'
import { AdminListener } from '../../src/admin/listener.js'
import { ProcessSource } from '../../src/admin/process-source.js'
import { loadPrometheus } from '../../src/admin/prometheus.js'
import type { Source } from '../../src/admin/source.js'
import { checkConfig } from '../../src/config/index.js'
import { Explainer } from '../../src/explain/explainer.js'
import type { Explained } from '../../src/explain/given.js'
import streamGateway from '../../src/index.js'
import type { GatewayOptions } from '../../src/index.js'
import { ADMIN, adminCall, adminPort, metricsOf, stateOf, TOKEN } from '../fixtures/admin.js'
import { trialOf } from '../fixtures/explain.js'
import { call, gatewayTo, start } from '../fixtures/gateway.js'
import type { Response } from '../fixtures/gateway.js'
import { RawClient, rawService } from '../fixtures/peers.js'
import { until } from '../fixtures/until.js'

const JSON_TYPE = { 'content-type': 'application/json' }
const CURL = { curl: 'curl http://localhost/api/x' }

async function explain (port: number, given: unknown, headers: Record<string, string> = {}, method = 'POST'): Promise<Response> {
  const body = typeof given === 'string' ? given : JSON.stringify(given)
  return await call(port, '/api/explain', { method, body, headers: { authorization: `Bearer ${TOKEN}`, ...JSON_TYPE, 'content-length': String(Buffer.byteLength(body)), ...headers } })
}

/** The listener alone, in front of whoever explains. */
async function listener (t: Test, explain: Source['explain']): Promise<{ port: number, lines: object[] }> {
  const { admin } = checkConfig({ admin: ADMIN, routes: [{ prefix: '/', respond: {} }] })
  if (admin === undefined) throw new Error('no admin')
  const lines: object[] = []
  const log = { info: (line: object) => { lines.push(line) }, error: (line: object) => { lines.push(line) } }
  const source: Source = { isDraining: false, configuration: {}, explain, states: async () => ({ processes: [], silent: 0 }), metrics: async () => ({ processes: [], silent: 0 }) }
  const listening = new AdminListener(admin, source, await loadPrometheus(), log)
  await listening.listen()
  t.teardown(async () => { await listening.close() })
  return { port: adminPort(lines), lines }
}

t.test('it says where a request would go, for a line and for its parts', async t => {
  const { lines } = await gatewayTo(t, 1, { headers: { request: { set: { 'x-api-key': 'hush' } } } }, { admin: ADMIN })
  const port = adminPort(lines)
  for (const given of [CURL, { url: 'http://localhost/api/x' }, { method: 'GET', url: '/api/x', headers: [['host', 'localhost']] }]) {
    const { status, headers, body } = await explain(port, given)
    t.equal(status, 200)
    t.equal(headers['content-type'], 'application/json; charset=utf-8')
    t.match(JSON.parse(String(body)), { request: { method: 'GET', target: '/api/x', host: 'localhost' }, route: { index: 0, prefix: '/api' }, forwarded: { to: 'http://127.0.0.1:1', path: '/x' } })
    t.notMatch(String(body), 'hush')
  }
  t.equal((await explain(port, CURL, { 'content-type': 'application/json; charset=utf-8' })).status, 200)
})

t.test('it is counted nowhere, and nobody hears of it', async t => {
  const { port: asked, sockets } = await rawService(t, () => {})
  const url = `http://127.0.0.1:${asked}`
  const options: GatewayOptions = {
    admin: ADMIN,
    rateLimit: { max: 1 },
    upstreams: { app: { targets: [url] } },
    auth: { forward: { url } },
    routes: [{ prefix: '/api', upstream: 'app', mirror: { upstream: 'app' }, rewritePath: () => { throw new Error('a hook was asked') }, onEnd: () => { throw new Error('a hook was told') } }]
  }
  const { lines, port } = await start(t, app => app.register(streamGateway, options))
  const admin = adminPort(lines)
  const before = lines.length
  for (let nth = 0; nth < 3; nth++) t.match(JSON.parse(String((await explain(admin, CURL)).body)), { forwarded: { path: '/api/x' }, route: { policies: ['rateLimit (1 in 60 s)', /^auth/] } })
  t.equal(lines.length, before, 'no line')
  t.strictSame([...await metricsOf(admin)].filter(([key, value]) => key.startsWith('gateway_requests_total') && value > 0), [])
  t.match(await stateOf(admin), { requests: 0, connections: 0 })
  t.equal(sockets.length, 0)
  t.equal((await call(port, '/none')).status, 404)
})

t.test('it changes nothing, and is asked by POST alone', async t => {
  const { lines } = await gatewayTo(t, 1, {}, { admin: ADMIN })
  const port = adminPort(lines)
  for (const method of ['GET', 'HEAD', 'PUT', 'OPTIONS']) {
    const { status, headers: { allow } } = await adminCall(port, '/api/explain', {}, method)
    t.equal(status, 405, method)
    t.equal(allow, 'POST')
  }
})

t.test('who may not read may not ask', async t => {
  const { lines } = await gatewayTo(t, 1, {}, { admin: ADMIN })
  const port = adminPort(lines)
  t.equal((await explain(port, CURL, { authorization: 'Bearer wrong' })).status, 401)
  t.equal((await explain(port, CURL, { host: 'evil.example' })).status, 421)
  t.equal((await explain(port, CURL, { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' })).status, 403)
})

t.test('what is no question is a 400 that says what one is', async t => {
  const { lines } = await gatewayTo(t, 1, {}, { admin: ADMIN })
  const port = adminPort(lines)
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp']) {
    t.match((await explain(port, CURL, { 'content-type': type })).json(), { success: false, error: { code: 'BAD_REQUEST', message: 'The content-type must be application/json' } })
  }
  const without = await call(port, '/api/explain', { method: 'POST', headers: { authorization: `Bearer ${TOKEN}` } })
  t.equal(without.status, 400)
  for (const given of ['', '{', 'null', '[]', '{}', '"curl x"', { curl: 1 }, { curl: 'x'.repeat(16_385) }, { url: 1 }, { method: 1, url: '/' }, { url: '/', headers: {} }, { url: '/', headers: ['a'] }, { url: '/', headers: [['a']] }, { url: '/', headers: [['a', 1]] }]) {
    const { status, json } = await explain(port, given)
    t.equal(status, 400, JSON.stringify(given).slice(0, 40))
    t.match(json().error.message, /^The body must be JSON such as \{ "curl": /)
  }
  t.match((await explain(port, { curl: 'curl x --nonsense' })).json().error, { code: 'BAD_REQUEST', message: 'found the option "--nonsense" of curl, which is not known here' })
})

t.test('a body without end is not read to its end', async t => {
  const { lines } = await gatewayTo(t, 1, {}, { admin: ADMIN })
  const port = adminPort(lines)
  const { status, headers, json } = await explain(port, 'x'.repeat(65_537))
  t.equal(status, 413)
  t.equal(headers.connection, 'close')
  t.equal(json().error.code, 'PAYLOAD_TOO_LARGE')
  const client = new RawClient(t, port)
  client.send(`POST /api/explain HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n${'x'.repeat(100_000)}`)
  await client.until('PAYLOAD_TOO_LARGE')
  await client.closed
  t.equal((await explain(port, CURL)).status, 200)
})

t.test('who leaves in the middle leaves nothing behind', async t => {
  const { lines } = await gatewayTo(t, 1, {}, { admin: ADMIN })
  const port = adminPort(lines)
  const client = new RawClient(t, port)
  client.send(`POST /api/explain HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`)
  await new Promise(resolve => setImmediate(resolve))
  client.socket.destroy()
  t.equal((await explain(port, CURL)).status, 200)
  t.strictSame(lines.filter(({ level }) => level >= 50), [])
})

t.test('one at a time; what takes too long is a 503, and what fails a 500', async t => {
  const asked: Array<(explained: Explained) => void> = []
  const { port, lines } = await listener(t, async () => await new Promise(resolve => { asked.push(resolve) }))
  const first = explain(port, CURL)
  await until(() => asked.length === 1)
  const second = await explain(port, CURL)
  t.equal(second.status, 503)
  t.equal(second.headers['retry-after'], '1')
  t.equal(second.json().error.message, 'Another request is being explained')
  asked[0]?.({ failed: 'late' })
  t.match((await first).json().error, { code: 'SERVICE_UNAVAILABLE', message: 'It took too long to find out' })
  const third = explain(port, CURL)
  await until(() => asked.length === 2)
  asked[1]?.({ failed: 'unexpectedly' })
  t.match((await third).json().error, { code: 'INTERNAL_ERROR', message: 'Internal error' })
  t.equal(lines.length, 1, 'who has failed has told')
})

t.test('what no head has room for is an explanation as well', async t => {
  const { lines } = await gatewayTo(t, 1, {}, { admin: ADMIN })
  const { status, body } = await explain(adminPort(lines), { url: '/api/x', headers: [['a', 'b'.repeat(16_000)], ['c', 'd'.repeat(16_000)]] })
  t.equal(status, 200)
  t.match(JSON.parse(String(body)), { why: 'The head of the request is too large' })
})

t.test('a gateway that cannot be tried out is an error for the log', async t => {
  const { app, lines } = await gatewayTo(t, 1)
  const trial = { ...trialOf({ routes: [{ prefix: '/', respond: {} }] }), register: async () => { throw new Error('made up') } }
  const source = new ProcessSource(app, await loadPrometheus(), {}, new Explainer(trial))
  t.strictSame(await source.explain({ url: '/' }), { failed: 'unexpectedly' })
  t.match(lines.at(-1), { level: 50, err: { message: 'made up' }, msg: 'a request could not be tried out' })
})

t.test('as part of an app: where it is mounted, and what is left to the app', async t => {
  const { lines } = await start(t, async app => {
    app.get('/v1/own', async () => 'own')
    await app.register(streamGateway, { prefix: '/v1', admin: ADMIN, routes: [{ prefix: '/api', target: 'http://localhost:1', hosts: ['a.example.com'] }, { prefix: '/api/x', target: 'http://localhost:2' }] })
  })
  const admin = adminPort(lines)
  const said = async (url: string): Promise<object> => JSON.parse(String((await explain(admin, { url })).body))
  t.match(await said('http://a.example.com/v1/api'), { notes: [/^The hooks of the app/], route: { index: 0, prefix: '/v1/api' }, forwarded: { path: '/v1/api' } })
  t.match(await said('/v1/api/x/y'), { route: { index: 1, takes: '/v1/api/x' } })
  t.match(await said('/v1/api'), { why: 'no route for /v1/api takes this host', response: { status: 404 } })
  for (const path of ['/v1/own', '/api', '/healthz']) t.strictSame(Object.entries(await said(path)).find(([key]) => key === 'why' || key === 'response'), ['why', 'no route of the gateway has a prefix of this path: it is for the app around it'])
})
