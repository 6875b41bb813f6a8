import t from 'tap'
import type { Test } from 'tap'
import { basic, bearer, guarded, issuer, token } from '../fixtures/auth.js'
import type { Auth, Route } from '../fixtures/auth.js'
import { call } from '../fixtures/gateway.js'
import { service } from '../fixtures/peers.js'
import { startRoutes } from '../fixtures/routes.js'
import { until } from '../fixtures/until.js'
import bcrypt from 'bcrypt'
import { join } from 'node:path'
import { compileClaim, fieldOfClaim } from '../../src/proxy/identity.js'

const ANN = issuer()
const KEYS = { apiKey: { header: 'x-api-key', keys: { shop: 'key-1', desk: 'key-2' } } }

async function statuses (t: Test, auth: Auth, key: string, asked: Array<Record<string, string>>, more: Route = {}): Promise<number[]> {
  const { port } = await guarded(t, auth, { rateLimit: { max: 1, key }, ...more })
  const found: number[] = []
  for (const headers of asked) found.push((await call(port, '/api/x', { headers })).status)
  return found
}

t.test('rateLimit.key: who is authenticated is counted, over whatever tokens', async t => {
  const [ann, again, bob, without] = await Promise.all([token(ANN), token(ANN, { jti: '2' }), token(ANN, { sub: 'bob' }), token(ANN, JSON.parse('{"sub":null}'))])
  t.strictSame(await statuses(t, { jwt: { publicKey: ANN.pem } }, 'claim:sub', [ann, again, bob, bob, without, without].map(bearer)), [200, 429, 200, 429, 200, 429])
})

t.test('rateLimit.key: an API key\'s name, a user\'s, and a header of the service that was asked', async t => {
  t.strictSame(await statuses(t, KEYS, 'claim:key', ['key-1', 'key-2', 'key-1'].map(key => ({ 'x-api-key': key }))), [200, 200, 429])
  const file = join(t.testdir({ htpasswd: `ann:${bcrypt.hashSync('a', 4)}\nbob:${bcrypt.hashSync('b', 4)}\n` }), 'htpasswd')
  t.strictSame(await statuses(t, { basic: { file } }, 'claim:user', [basic('ann', 'a'), basic('bob', 'b'), basic('ann', 'a')]), [200, 200, 429])
  const { port } = await service(t, (request, response) => response.setHeader('remote-user', String(request.headers.cookie)).end())
  t.strictSame(await statuses(t, { forward: { url: `http://127.0.0.1:${port}`, copyResponseHeaders: ['Remote-User'] } }, 'claim:remote-user', ['a=1', 'b=1', 'a=1'].map(cookie => ({ cookie }))), [200, 200, 429])
})

t.test('rateLimit.key: what one method says is nobody\'s name by another one', async t => {
  const auth = { any: [{ jwt: { publicKey: ANN.pem } }, KEYS] }
  t.strictSame(await statuses(t, auth, 'claim:key', [bearer(await token(ANN, { key: 'shop' })), { 'x-api-key': 'key-1' }, bearer(await token(ANN, { key: 'shop', iss: 'other' }))]), [200, 200, 200])
})

t.test('rateLimit.key: guessing counts under the address, whoever is known under himself', async t => {
  t.strictSame(await statuses(t, KEYS, 'claim:key', [{}, { 'x-api-key': 'x' }, { 'x-api-key': 'key-1' }, {}]), [401, 429, 200, 429])
})

t.test('a limit by address comes before authentication: what is over it costs no comparison', async t => {
  t.strictSame(await statuses(t, KEYS, 'ip', [{}, { 'x-api-key': 'key-1' }]), [401, 429])
  t.strictSame(await statuses(t, KEYS, 'header:x-api-key', [{ 'x-api-key': 'x' }, { 'x-api-key': 'x' }, { 'x-api-key': 'key-1' }]), [401, 429, 200])
})

t.test('one limit for all by a claim, where one of the routes has no authentication', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end())
  const target = `http://127.0.0.1:${upstream}`
  const { port } = await startRoutes(t, { rateLimit: { max: 1, key: 'claim:key' }, routes: [{ prefix: '/a', target, auth: KEYS }, { prefix: '/b', target, auth: KEYS }, { prefix: '/open', target }] })
  const status = async (path: string, headers: Record<string, string> = {}): Promise<number> => (await call(port, path, { headers })).status
  t.strictSame([await status('/a', { 'x-api-key': 'key-1' }), await status('/b', { 'x-api-key': 'key-1' }), await status('/b', { 'x-api-key': 'key-2' }), await status('/open'), await status('/open')], [200, 429, 200, 200, 429])
})

t.test('concurrency.perClient goes by the same claim', async t => {
  const held: Array<() => void> = []
  const { port: upstream } = await service(t, (_request, response) => { held.push(() => response.end()) })
  const { port } = await startRoutes(t, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}`, auth: KEYS, rateLimit: { max: 100, key: 'claim:key' }, concurrency: { perClient: 1 } }] })
  const first = call(port, '/api/x', { headers: { 'x-api-key': 'key-1' } })
  await until(() => held.length === 1)
  t.equal((await call(port, '/api/x', { headers: { 'x-api-key': 'key-1' } })).status, 429)
  const second = call(port, '/api/x', { headers: { 'x-api-key': 'key-2' } })
  await until(() => held.length === 2)
  for (const end of held) end()
  t.strictSame([(await first).status, (await second).status], [200, 200])
})

t.test('claims of API keys, users and headers of the service that was asked, in headers', async t => {
  const { port: auth } = await service(t, (_request, response) => response.setHeader('remote-user', 'ann').end())
  const set = { 'x-key': '${claim.key}', 'x-remote': '${claim.remote-user}', 'x-all': '${claim.key}/${claim.remote-user}' } // eslint-disable-line no-template-curly-in-string -- of the configuration
  const { port, asked } = await guarded(t, { all: [KEYS, { forward: { url: `http://127.0.0.1:${auth}`, copyResponseHeaders: ['remote-user'] } }] }, { headers: { request: { set }, response: { set: { 'x-for': '${claim.key}' } } } }) // eslint-disable-line no-template-curly-in-string -- of the configuration
  t.match(await call(port, '/api/x', { headers: { 'x-api-key': 'key-2' } }), { status: 200, headers: { 'x-for': 'desk' } })
  t.match(asked[0]?.headers, { 'x-key': 'desk', 'x-remote': 'ann', 'x-all': 'desk/ann' })
})

t.test('in headers for all, a claim of nobody is empty', async t => {
  const config = { headers: { request: { set: { 'x-sub': '${claim.sub}', 'x-text': 'of ${claim.sub}.' } } } } // eslint-disable-line no-template-curly-in-string -- of the configuration
  const { port, asked } = await guarded(t, undefined, {}, { config })
  t.equal((await call(port, '/api/x', { headers: { 'x-sub': 'root' } })).status, 200)
  t.match(asked[0]?.headers, { 'x-sub': undefined, 'x-text': 'of .' })
})

t.test('claims are read by their own names, or inside one another', t => {
  const claims = { 'a.b': 1, a: { b: 2, c: { d: 3 } }, list: ['x'], none: null }
  const read = (name: string): unknown => compileClaim(name)(claims)
  t.strictSame(['a.b', 'a.c.d', 'a.x', 'list.0', 'none', 'none.x', 'toString', 'a.b.c'].map(read), [1, 3, undefined, 'x', null, undefined, undefined, undefined])
  t.strictSame([undefined, null, '', 5, false, ['a', ['b', 'c']], []].map(fieldOfClaim), ['', '', '', '5', 'false', 'a,b%2Cc', ''])
  t.end()
})
