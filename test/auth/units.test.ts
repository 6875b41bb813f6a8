import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Fastify from 'fastify'
import t from 'tap'
import auth from '../../plugins/auth.js'
import { Authentication } from '../../src/auth/authentication.js'
import { Basic } from '../../src/auth/basic.js'
import { Jwt } from '../../src/auth/jwt.js'
import { Passwords } from '../../src/auth/passwords.js'
import { SharedSecret } from '../../src/auth/static-key.js'
import { Verified } from '../../src/auth/verified.js'
import { checkConfig, ConfigError } from '../../src/config/index.js'
import type { AuthSettings, RouteSettings } from '../../src/config/index.js'
import { parameterValues, withoutParameters } from '../../src/proxy/parameters.js'
import type { Policy } from '../../src/server/policy.js'
import { basic, bearer, guarded, issuer, SECRET, token } from '../fixtures/auth.js'
import type { Auth } from '../fixtures/auth.js'
import { call } from '../fixtures/gateway.js'
import { RawClient, service } from '../fixtures/peers.js'
import { until } from '../fixtures/until.js'

const LOG = { info () {}, warn () {}, error () {} }
const NOBODY = { fields: [], vouched: [] }

function routeWith (auth: Auth): RouteSettings & { auth: AuthSettings } {
  const [route] = checkConfig({ routes: [{ prefix: '/api', target: 'http://localhost:1', ...(auth !== undefined && { auth }) }] }).routes
  if (!route?.auth) throw new TypeError('no auth')
  return { ...route, auth: route.auth }
}

function missing (code: string): () => Promise<never> {
  return async () => { throw Object.assign(new Error('none'), { code }) }
}

t.test('a package that is not installed is told; one that is broken is another matter', async t => {
  const jwt = routeWith({ jwt: { secret: SECRET } }).auth
  const { basic: _, ...rest } = jwt
  const packages = (code: string) => ({ jose: missing(code), bcrypt: missing(code) })
  const clientOf = () => ({ forwardedFor: '', peer: '', ip: '', protocol: '', host: '', trusted: false })
  await t.rejects(new Authentication(clientOf, LOG, packages('ERR_MODULE_NOT_FOUND')).make(rest), ConfigError)
  await t.rejects(new Authentication(clientOf, LOG, packages('ERR_DLOPEN_FAILED')).make(rest), { message: 'none', code: 'ERR_DLOPEN_FAILED' })
  await t.rejects(new Authentication(clientOf, LOG).make({}), { message: 'a method of authentication has no settings' })
  t.match(clientOf(), { ip: '' })
})

t.test('a route whose authentication is not there does not start, and is not open', async t => {
  const policies: Policy[] = []
  const app = Fastify()
  const route = routeWith({ jwt: { secret: SECRET } })
  await app.register(auth, { routes: [route], policies, counting: [] })
  t.type(policies[0]?.(route), 'function')
  t.throws(() => policies[0]?.({ ...route, auth: { ...route.auth } }), { message: 'there is no authentication for /api' })
  t.equal(policies[0]?.(undefined), undefined)
})

t.test('more credentials than are remembered: the oldest are forgotten', t => {
  const verified = new Verified()
  for (let nth = 0; nth <= 1_000; nth++) verified.add(String(nth), 1, Infinity, NOBODY)
  t.equal(verified.find('0', 1), undefined)
  t.equal(verified.find('1', 1), NOBODY)
  t.equal(verified.find('1000', 1), NOBODY)
  t.equal(verified.find('1000', 2), undefined, 'verified by what has changed')
  t.equal(verified.find('1000', 1), undefined)
  t.end()
})

t.test('a failure of the verification that nobody has thought of lets nobody in', async t => {
  const { jwt } = routeWith({ jwt: { secret: SECRET } }).auth
  if (jwt === undefined) throw new TypeError('no jwt')
  const method = new Jwt(jwt, new SharedSecret(SECRET), async () => { throw new TypeError('a bug') }, 'jwt')
  const headers = bearer('a.b.c')
  const raw = Object.assign(Object.create(null), { headers, rawHeaders: ['authorization', headers.authorization] })
  t.match(await method.authenticate({ raw, method: 'GET', url: '/' }), { code: 'UNAUTHORIZED', reason: 'the token cannot be verified' })
  await method.start()
  method.close()
})

t.test('a file without users lets nobody in, and takes as long for it', async t => {
  const compared: string[] = []
  const passwords = new Passwords(async (_password, hash) => {
    compared.push(hash)
    return true
  })
  const file = join(t.testdir({ htpasswd: '# none\n' }), 'htpasswd')
  const method = new Basic({ file, realm: 'x', strip: false }, passwords, 'basic', LOG)
  const headers = basic('ann', 'x')
  const raw = Object.assign(Object.create(null), { headers, rawHeaders: ['authorization', headers.authorization] })
  t.match(await method.authenticate({ raw, method: 'GET', url: '/' }), { code: 'UNAUTHORIZED' })
  t.match(compared, [/^\$2b\$10\$/])
})

t.test('a changed key that is not to be trusted changes nothing', async t => {
  const ann = issuer()
  const file = join(t.testdir({ 'key.pem': ann.pem }), 'key.pem')
  const { port, lines } = await guarded(t, { jwt: { publicKey: file } })
  writeFileSync(file, generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ type: 'spki', format: 'pem' }))
  await until(() => lines.some(({ msg }) => /cannot be used/.test(msg)))
  t.equal((await call(port, '/api/x', { headers: bearer(await token(ann)) })).status, 200)
})

t.test('parameters are read and taken out as they stand', t => {
  t.strictSame(parameterValues('/x', 'a'), [])
  t.strictSame(parameterValues('/x?a&a=&a=b+c%20d&%61=%zz&b=1', 'a'), ['', '', 'b c d', '%zz'])
  t.equal(withoutParameters('/x', ['a']), '/x')
  t.equal(withoutParameters('/x?b=%2f&&c', ['a']), '/x?b=%2f&&c')
  t.equal(withoutParameters('/x?a&b=%2f&%61=1&c=1', ['a', 'c']), '/x?b=%2f')
  t.equal(withoutParameters('/x?%zz=1&a=?', ['a']), '/x?%zz=1')
  t.end()
})

t.test('the service for authentication gets the path of a target in absolute-form', async t => {
  const uris: unknown[] = []
  const { port: auth } = await service(t, (request, response) => {
    uris.push(request.headers['x-forwarded-uri'], request.headers['x-forwarded-host'])
    response.end()
  })
  const { port } = await guarded(t, { forward: { url: `http://127.0.0.1:${auth}` } })
  const client = new RawClient(t, port).send('GET http://shop.example/api/x?y HTTP/1.1\r\nHost: other\r\n\r\n')
  await client.until('served')
  t.strictSame(uris, ['/api/x?y', 'shop.example'])
})

t.test('the service for authentication is not shown the key that another method takes from the query', async t => {
  const uris: unknown[] = []
  const { port: auth } = await service(t, (request, response) => {
    uris.push(request.headers['x-forwarded-uri'])
    response.end()
  })
  const { port } = await guarded(t, { all: [{ apiKey: { query: 'key', keys: join(t.testdir({ 'keys.json': '{"a":"secret"}' }), 'keys.json') } }, { forward: { url: `http://127.0.0.1:${auth}` } }] })
  t.equal((await call(port, '/api/x?a=b&key=secret&c=%20')).status, 200)
  t.strictSame(uris, ['/api/x?a=b&c=%20'])
})

t.test('methods of several that are started and closed with their app', async t => {
  const file = join(t.testdir({ htpasswd: '', 'keys.json': '{"a":"b"}' }), 'keys.json')
  const { port } = await guarded(t, { any: [{ apiKey: { header: 'x-api-key', keys: file } }, { forward: { url: 'http://127.0.0.1:1' } }] })
  t.equal((await call(port, '/api/x', { headers: { 'x-api-key': 'b' } })).status, 200)
})
