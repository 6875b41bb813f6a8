import { join } from 'node:path'
import bcrypt from 'bcrypt'
import t from 'tap'
import type { Test } from 'tap'
import { checkConfig } from '../../src/config/index.js'
import type { GatewayConfig } from '../../src/config/index.js'
import { basic, bearer, secretToken, SECRET } from '../fixtures/auth.js'
import { expressGateway, NO_EXPRESS_GATEWAY } from '../fixtures/express-gateway.js'
import type { ExpressGateway } from '../fixtures/express-gateway.js'
import { call } from '../fixtures/gateway.js'
import type { Call } from '../fixtures/gateway.js'
import { echo, Page, sameUrl, seen } from '../fixtures/moving.js'
import type { Both } from '../fixtures/moving.js'
import { closedPort, service } from '../fixtures/peers.js'
import { named, startRoutes } from '../fixtures/routes.js'

// docs/from-express-gateway.md: what stands there of an option is tried with both, each on a path of its own.

const page = new Page('from-express-gateway.md')

/** Of the whole server or the process, with tests of their own elsewhere. */
const TRIED_ELSEWHERE = ['http.port', 'http.hostname', 'https.tls', 'admin', 'proxy.timeout']

type RouteConfig = GatewayConfig['routes'][number]

interface Sides {
  /** Asks both for a path below that of the row. */
  ask (path: string, request?: Call, ofTheirs?: Call): Promise<Both>
  readonly theirs: ExpressGateway
  readonly nextLine: Awaited<ReturnType<typeof startRoutes>>['nextLine']
}

interface Row {
  readonly names: string
  readonly theirs: { readonly policies?: object, readonly proxy?: object, readonly endpoint?: object, readonly service?: string }
  readonly ours: Partial<RouteConfig>
  readonly check: (t: Test, sides: Sides) => Promise<void>
}

const rows: Row[] = []

function row (names: string, theirs: Row['theirs'], ours: Row['ours'], check: Row['check']): void {
  rows.push({ names, theirs, ours, check })
}

function statuses ({ theirs, ours }: Both): [number, number] {
  return [theirs.status, ours.status]
}

row('apiEndpoints.paths, serviceEndpoints.url', {}, {}, async (t, { ask }) => {
  sameUrl(t, await ask('/x%20y?z=1&z=2'), '/0/x%20y?z=1&z=2')
  const { theirs, ours } = await ask('/x', { method: 'POST', body: '{"a":1}', headers: { 'content-type': 'application/json' } })
  t.equal(seen(theirs).body, '{"a":1}')
  t.equal(seen(ours).body, '{"a":1}')
})

row('apiEndpoints.host', { endpoint: { host: 'shop.example.com' } }, { hosts: ['shop.example.com'] }, async (t, { ask }) => {
  t.strictSame(statuses(await ask('/x', { headers: { host: 'shop.example.com' } })), [200, 200])
  t.strictSame(statuses(await ask('/x')), [404, 404])
})

row('apiEndpoints.methods', { endpoint: { methods: ['POST'] } }, { methods: ['POST'] }, async (t, { ask }) => {
  t.strictSame(statuses(await ask('/x', { method: 'POST', body: 'x' })), [200, 200])
  t.strictSame(statuses(await ask('/x')), [404, 405])
})

row('proxy.changeOrigin', { proxy: { changeOrigin: false } }, { host: 'preserve' }, async (t, { ask }) => {
  const { theirs, ours } = await ask('/x', { headers: { host: 'shop.example.com' } })
  t.equal(seen(theirs).headers.host, 'shop.example.com')
  t.equal(seen(ours).headers.host, 'shop.example.com')
})

row('proxy.stripPath', { proxy: { stripPath: true } }, { stripPrefix: true }, async (t, { ask }) => sameUrl(t, await ask('/x?y=1'), '/x?y=1'))

row('proxy.strategy, serviceEndpoints.urls', { service: 'pair' }, { upstream: 'pair' }, async (t, { ask }) => {
  const bodies = [await ask('/x'), await ask('/x')]
  t.strictSame(bodies.map(({ theirs }) => String(theirs.body)[0]).sort(), ['a', 'b'])
  t.strictSame(bodies.map(({ ours }) => String(ours.body)[0]).sort(), ['a', 'b'])
})

row('proxy.proxyTimeout', { proxy: { proxyTimeout: 100 }, service: 'hanging' }, { upstream: 'hanging', timeout: 100 }, async (t, { ask }) => {
  t.strictSame(statuses(await ask('/x')), [502, 504])
})

row('cors', { policies: { cors: { origin: 'https://app.example.com', credentials: true } } }, { cors: { origin: ['https://app.example.com'], credentials: true } }, async (t, { ask }) => {
  const { theirs, ours } = await ask('/x', { headers: { origin: 'https://app.example.com' } })
  for (const { headers } of [theirs, ours]) t.match(headers, { 'access-control-allow-origin': 'https://app.example.com', 'access-control-allow-credentials': 'true' })
  const preflight = await ask('/x', { method: 'OPTIONS', headers: { origin: 'https://app.example.com', 'access-control-request-method': 'PUT' } })
  t.strictSame(statuses(preflight), [204, 204])
  for (const { headers } of [preflight.theirs, preflight.ours]) t.match(headers['access-control-allow-methods'], /PUT/)
})

row('rate-limit', { policies: { 'rate-limit': { max: 1, windowMs: 60_000 } } }, { rateLimit: { max: 1, timeWindow: '1m' } }, async (t, { ask }) => {
  t.strictSame(statuses(await ask('/x')), [200, 200])
  const { theirs, ours } = await ask('/x')
  t.strictSame([theirs.status, ours.status], [429, 429])
  for (const { headers } of [theirs, ours]) t.match(headers, { 'x-ratelimit-limit': '1', 'x-ratelimit-remaining': '0', 'retry-after': /^\d+$/ })
})

row('headers', { policies: { headers: { headersPrefix: 'x-', forwardHeaders: { a: "'b'" } } } }, { headers: { request: { set: { 'x-a': 'b' } } } }, async (t, { ask }) => {
  const { theirs, ours } = await ask('/x', { headers: { 'x-a': 'of the client' } })
  t.equal(seen(theirs).headers['x-a'], 'b')
  t.equal(seen(ours).headers['x-a'], 'b')
})

const ADDED_AND_REMOVED = { headers: { add: { 'x-a': "'b'" }, remove: ['x-secret'] } }

row('request-transformer', { policies: { 'request-transformer': ADDED_AND_REMOVED } }, { headers: { request: { set: { 'x-a': 'b' }, remove: ['x-secret'] } } }, async (t, { ask }) => {
  const { theirs, ours } = await ask('/x', { headers: { 'x-secret': '1' } })
  for (const { headers } of [seen(theirs), seen(ours)]) t.match(headers, { 'x-a': 'b', 'x-secret': undefined })
})

row('response-transformer', { policies: { 'response-transformer': ADDED_AND_REMOVED }, service: 'secretive' }, { upstream: 'secretive', headers: { response: { set: { 'x-a': 'b' }, remove: ['x-secret'] } } }, async (t, { ask }) => {
  const { theirs, ours } = await ask('/x')
  for (const { headers } of [theirs, ours]) t.match(headers, { 'x-a': 'b', 'x-secret': undefined })
})

row('terminate', { policies: { terminate: { statusCode: 410, message: 'gone' } } }, { respond: { status: 410, body: 'gone' } }, async (t, { ask }) => {
  const { theirs, ours } = await ask('/x')
  for (const { status, body } of [theirs, ours]) t.strictSame([status, String(body)], [410, 'gone'])
})

// eslint-disable-next-line no-template-curly-in-string -- theirs.
row('log', { policies: { log: { message: 'asked by ${req.method}' } } }, {}, async (t, { ask, theirs, nextLine }) => {
  const line = nextLine()
  await ask('/x', { method: 'PUT', body: 'x' })
  await theirs.process.until(/asked by PUT/)
  t.match(await line, { method: 'PUT', status: 200 })
})

row('jwt', { policies: { jwt: { secretOrPublicKey: SECRET, checkCredentialExistence: false } } }, { auth: { jwt: { secret: SECRET, algorithms: ['HS256'] } } }, async (t, { ask }) => {
  t.strictSame(statuses(await ask('/x')), [401, 401])
  t.strictSame(statuses(await ask('/x', { headers: bearer(await secretToken()) })), [200, 200])
  t.strictSame(statuses(await ask('/x', { headers: bearer(await secretToken({}, { secret: SECRET.toUpperCase() })) })), [401, 401])
})

row('key-auth', { policies: { 'key-auth': {} } }, { auth: { apiKey: { header: 'x-api-key', keys: 'keys.json', forward: 'x-consumer' } } }, async (t, { ask, theirs }) => {
  t.strictSame(statuses(await ask('/x')), [401, 401])
  const { keyId, keySecret } = await theirs.post('/credentials', { credential: {}, consumerId: 'ann', type: 'key-auth' })
  const both = await ask('/x', { headers: { 'x-api-key': 'a-key' } }, { headers: { authorization: `apikey ${keyId}:${keySecret}` } })
  t.strictSame(statuses(both), [200, 200])
  t.match(seen(both.theirs).headers['eg-consumer-id'], /./)
  t.equal(seen(both.ours).headers['x-consumer'], 'ann')
})

row('basic-auth', { policies: { 'basic-auth': {} } }, { auth: { basic: { file: 'htpasswd' } } }, async (t, { ask, theirs }) => {
  await theirs.post('/credentials', { credential: { password: 'secret' }, consumerId: 'ann', type: 'basic-auth' })
  t.strictSame(statuses(await ask('/x')), [401, 401])
  t.strictSame(statuses(await ask('/x', { headers: basic('ann', 'secret') })), [200, 200])
  t.strictSame(statuses(await ask('/x', { headers: basic('ann', 'wrong') })), [401, 401])
})

row('eg-request-id', {}, {}, async (t, { ask }) => {
  const { theirs, ours } = await ask('/x')
  t.match(seen(theirs).headers['eg-request-id'], /./)
  t.match(seen(ours).headers['x-request-id'], /./)
})

row('what changes without a word', { service: 'away' }, { upstream: 'away' }, async (t, { ask }) => {
  const { theirs, ours } = await ask('/x')
  t.strictSame([theirs.status, String(theirs.body)], [502, 'Bad gateway.'])
  t.equal(ours.status, 502)
  t.match(JSON.parse(String(ours.body)), { success: false, error: { code: 'BAD_GATEWAY' }, requestId: /./ })
})

row('what a client says of itself', {}, {}, async (t, { ask }) => {
  const { theirs, ours } = await ask('/x', { headers: { 'x-forwarded-for': '203.0.113.7' } })
  t.equal(seen(theirs).headers['x-forwarded-for'], '203.0.113.7', 'believed')
  t.equal(seen(ours).headers['x-forwarded-for'], '127.0.0.1')
})

t.test('each option of theirs beside ours', { skip: NO_EXPRESS_GATEWAY }, async t => {
  const { port } = await service(t, echo)
  const hanging = await service(t, () => {})
  const secretive = await service(t, (_request, response) => response.writeHead(200, { 'x-secret': '1' }).end())
  const url = (port: number): string => `http://127.0.0.1:${port}`
  const services = { echo: [url(port)], pair: [await named(t, 'a'), await named(t, 'b')], hanging: [url(hanging.port)], secretive: [url(secretive.port)], away: [url(await closedPort())] }
  const folder = t.testdir({ htpasswd: `ann:${await bcrypt.hash('secret', 4)}\n`, 'keys.json': '{"ann":"a-key"}' })

  const theirs = await expressGateway(t, join(folder, 'theirs'), {
    policies: ['proxy', ...new Set(rows.flatMap(({ theirs: { policies = {} } }) => Object.keys(policies)))],
    serviceEndpoints: Object.fromEntries(Object.entries(services).map(([name, urls]) => [name, urls.length === 1 ? { url: urls[0] } : { urls }])),
    apiEndpoints: Object.fromEntries(rows.map(({ theirs: { endpoint } }, nth) => [`row${nth}`, { host: '*', paths: `/${nth}/*`, ...endpoint }])),
    pipelines: Object.fromEntries(rows.map(({ theirs: { policies = {}, proxy, service = 'echo' } }, nth) => [`row${nth}`, {
      apiEndpoints: [`row${nth}`],
      policies: [
        ...Object.entries(policies).map(([name, action]) => ({ [name]: [{ action }] })),
        { proxy: [{ action: { serviceEndpoint: service, changeOrigin: true, ...proxy } }] }
      ]
    }]))
  })
  await theirs.post('/users', { username: 'ann', firstname: 'Ann', lastname: 'Lee' })

  const text = JSON.stringify({
    requestId: {},
    upstreams: Object.fromEntries(Object.entries(services).map(([name, targets]) => [name, { targets, balance: 'round-robin' }])),
    routes: rows.map(({ ours }, nth) => ({ prefix: `/${nth}`, ...(ours.respond === undefined && { upstream: 'echo' }), ...ours }))
  })
  const ours = await startRoutes(t, JSON.parse(text.replaceAll('"keys.json"', JSON.stringify(join(folder, 'keys.json'))).replaceAll('"htpasswd"', JSON.stringify(join(folder, 'htpasswd')))))

  for (const [nth, { names, check }] of rows.entries()) {
    await t.test(names, async t => await check(t, {
      theirs,
      nextLine: ours.nextLine,
      ask: async (path, request, ofTheirs = request) => ({ theirs: await call(theirs.port, `/${nth}${path}`, ofTheirs), ours: await call(ours.port, `/${nth}${path}`, request) })
    }))
  }
})

t.test('the page: its configuration is right, and what it says of ours is tried', async t => {
  const [config = ''] = /(?<=```json\n)[^]*?(?=```)/.exec(page.text) ?? []
  t.doesNotThrow(() => checkConfig(JSON.parse(config)))
  t.ok(page.rows.length >= 20)
  const tried = rows.flatMap(({ names }) => names.split(', '))
  t.strictSame(page.answered.filter(name => !tried.includes(name) && !TRIED_ELSEWHERE.includes(name)), [])
})
