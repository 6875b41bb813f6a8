import { createHash, generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { hideSecrets } from '../../src/config/hide-secrets.js'
import { checkConfig } from '../../src/config/index.js'
import { fixture } from '../fixtures/tls.js'
import { mistakesIn, withRoute } from './mistakes.js'

const JWKS = 'https://id.example.com/jwks.json'
const SECRET = 'x'.repeat(32)
const METHODS = 'jwt, apiKey, basic, forward'

function authMistakes (auth: unknown): string[] {
  return mistakesIn(withRoute({}, { auth }))
}

t.test('auth and access: what is normalized, and what holds for a route', async t => {
  const { auth, routes } = checkConfig({
    auth: { any: [{ jwt: { jwksUrl: JWKS, forward: { 'X-User': 'sub' } } }, { apiKey: { query: 'key', keys: { shop: 'k' }, forward: 'x-consumer' } }] },
    access: { allow: ['10.0.0.0/8'] },
    routes: [
      { prefix: '/a', target: 'http://a' },
      { prefix: '/b', target: 'http://b', auth: false, access: false },
      { prefix: '/c', target: 'http://c', auth: { jwt: { secret: SECRET, strip: true } }, access: { deny: ['::1'] } },
      { prefix: '/d', target: 'http://d', auth: { forward: { url: 'http://localhost:1', copyResponseHeaders: ['Remote-User'] } } },
      { prefix: '/e', target: 'http://e', auth: { apiKey: { header: 'X-Key', keys: { a: 'b' }, strip: true } } }
    ]
  })
  t.match(auth, { any: [{ jwt: { clockTolerance: 5_000, from: 'header', allowHttp: false, require: {}, strip: false } }, { apiKey: { hashed: false } }] })
  t.equal(routes[0]?.auth, auth, 'the same one, so that what stands behind it is shared')
  t.match(routes, [
    { access: { allow: ['10.0.0.0/8'] }, keptBack: { headers: ['x-user', 'x-consumer'], parameters: ['key'] } },
    { auth: false, access: false, keptBack: { headers: [], parameters: [] } },
    { access: { deny: ['::1'] }, keptBack: { headers: ['authorization'], parameters: [] } },
    { auth: { forward: { timeout: 5_000, maxRequests: 256 } }, keptBack: { headers: ['remote-user'] } },
    { keptBack: { headers: ['x-key'] } }
  ])
})

t.test('auth: exactly one method', async t => {
  t.strictSame(authMistakes({}), [`auth: found an object without a method, must have one of ${METHODS}, any, all`])
  t.strictSame(authMistakes({ jwt: { jwksUrl: JWKS }, apiKey: { header: 'x', keys: {} } }), ['auth.apiKey: found an object, must be left out: there is jwt'])
  t.strictSame(authMistakes({ any: [{ jwt: { jwksUrl: JWKS } }, {}] }), [`auth.any[1]: found an object without a method, must have one of ${METHODS}`])
  t.strictSame(authMistakes({ any: [{ jwt: { jwksUrl: JWKS } }] }), ['auth.any: found a list, must be a list of methods such as [{ "jwt": {} }, { "apiKey": {} }]'])
  t.strictSame(authMistakes({ all: [{ any: [] }, { jwt: { jwksUrl: JWKS } }] }), ['auth.all[0].any: unknown key, must be one of jwt, apiKey, basic, forward'])
  t.strictSame(authMistakes({ all: [true, { jwt: { jwksUrl: JWKS } }] }), ['auth.all[0]: found true, must be an object such as { "jwt": { "jwksUrl": "https://id.example.com/jwks.json" } }'])
  t.strictSame(authMistakes(true), ['auth: found true, must be an object such as { "jwt": { "jwksUrl": "https://id.example.com/jwks.json" } }'])
  t.strictSame(authMistakes({ jwtt: { jwksUrl: JWKS } }), ['auth.jwtt: unknown key, did you mean `jwt`?'])
})

t.test('auth.jwt: one key, algorithms that are its own, https', async t => {
  const missing = 'is missing, must be a URL such as "https://id.example.com/jwks.json", or publicKey or secret in its place'
  t.strictSame(authMistakes({ jwt: {} }), [`auth.jwt.jwksUrl: ${missing}`])
  t.strictSame(authMistakes({ jwt: { jwksURL: JWKS } }), ['auth.jwt.jwksURL: unknown key, did you mean `jwksUrl`?'])
  t.strictSame(authMistakes({ jwt: { jwksUrl: JWKS, secret: SECRET } }), ['auth.jwt.secret: found a text, must be left out: there is jwksUrl'])
  t.strictSame(authMistakes({ jwt: { jwksUrl: JWKS, publicKey: fixture('localhost.pem') } }).map(line => line.split(':')[0]), ['auth.jwt.publicKey'])
  t.strictSame(authMistakes({ jwt: { secret: 'short' } }), ['auth.jwt.secret: found a text, must be text of at least 32 characters'])
  t.strictSame(authMistakes({ jwt: { jwksUrl: JWKS, algorithms: ['HS256'] } }), ['auth.jwt.algorithms: found "HS256", which this jwksUrl is not for: must be of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519'])
  t.strictSame(authMistakes({ jwt: { secret: SECRET, algorithms: ['RS256'] } }), ['auth.jwt.algorithms: found "RS256", which this secret is not for: must be of HS256'])
  t.strictSame(authMistakes({ jwt: { secret: SECRET, algorithms: ['HS512'] } }), ['auth.jwt.algorithms: found "HS512", which this secret is not for: must be of HS256'])
  t.strictSame(authMistakes({ jwt: { secret: 'x'.repeat(64), algorithms: ['HS256', 'HS384', 'HS512'] } }), [])
  t.match(authMistakes({ jwt: { jwksUrl: JWKS, algorithms: ['none'] } }), [/^auth\.jwt\.algorithms\[0\]: found "none", must be "HS256"/])
  t.match(authMistakes({ jwt: { jwksUrl: 'http://id.internal/jwks.json' } }), [/^auth\.jwt\.jwksUrl: found "http:\/\/id\.internal\/jwks\.json", must be https: .* allowHttp: true takes it as it is$/])
  for (const jwksUrl of ['http://localhost:3000/x', 'http://127.0.0.1/x', 'http://[::1]:80/x']) t.strictSame(authMistakes({ jwt: { jwksUrl } }), [], jwksUrl)
  t.strictSame(authMistakes({ jwt: { jwksUrl: 'http://id.internal/x', allowHttp: true } }), [])
  for (const jwksUrl of ['ftp://x/y', 'x', 'https://', 'https://user:pw@id.example.com/x', 'https://x/#a']) t.match(authMistakes({ jwt: { jwksUrl } }), [/^auth\.jwt\.jwksUrl: found ".*", must be a URL/], jwksUrl)
  t.strictSame(authMistakes({ jwt: { secret: SECRET, from: 'cookie:session', strip: true } }), ['auth.jwt.strip: found true, must be left out: the token is in a cookie'])
  for (const from of ['query', 'cookie:', 'cookie:a b']) t.match(authMistakes({ jwt: { secret: SECRET, from } }), [/must be "header", or "cookie:" and a name/])
  t.match(authMistakes({ jwt: { secret: SECRET, forward: { host: 'sub' }, require: { scope: [] } } }), [/^auth\.jwt\.forward\.host: found "host", must be another header/, /^auth\.jwt\.require\.scope/])
})

t.test('auth.jwt.publicKey: a key that may be trusted', async t => {
  const pem = (pair: { publicKey: { export (options: { type: 'spki', format: 'pem' }): string | Buffer } }): string => String(pair.publicKey.export({ type: 'spki', format: 'pem' }))
  for (const publicKey of [pem(generateKeyPairSync('rsa', { modulusLength: 2048 })), pem(generateKeyPairSync('ec', { namedCurve: 'P-384' })), pem(generateKeyPairSync('ed25519')), fixture('localhost.pem')]) {
    t.strictSame(authMistakes({ jwt: { publicKey } }), [])
  }
  t.match(authMistakes({ jwt: { publicKey: pem(generateKeyPairSync('ec', { namedCurve: 'P-521' })), algorithms: ['ES256'] } }), [/found "ES256", which this publicKey is not for: must be of ES512/])
  for (const publicKey of [pem(generateKeyPairSync('rsa', { modulusLength: 1024 })), pem(generateKeyPairSync('ec', { namedCurve: 'secp256k1' })), pem(generateKeyPairSync('x25519'))]) {
    t.match(authMistakes({ jwt: { publicKey } }), [/^auth\.jwt\.publicKey: found PEM, must be a key of RSA with at least 2048 bits/])
  }
  t.match(authMistakes({ jwt: { publicKey: fixture('localhost.key') } }), [/a private key is for the issuer alone/])
  t.match(authMistakes({ jwt: { publicKey: 'none.pem' } }), [/must be PEM with a public key or a certificate, or a file that has it \(ENOENT: no such file or directory\)/])
  t.match(authMistakes({ jwt: { publicKey: new URL(import.meta.url).pathname } }), [/must be PEM with a public key or a certificate: the file has none/])
  t.match(authMistakes({ jwt: { publicKey: '-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----' } }), [/found PEM, must be PEM with a public key or a certificate$/])
})

t.test('auth.apiKey: where the key is, and what the keys are', async t => {
  const keys = { shop: 'k' }
  t.match(authMistakes({ apiKey: { keys } }), [/^auth\.apiKey\.header: is missing, must be the name of a header/])
  t.match(authMistakes({ apiKey: { header: 'x', query: 'y', keys } }), [/^auth\.apiKey\.query: found "y", must be left out: there is header/])
  t.match(authMistakes({ apiKey: { header: 'x' } }), [/^auth\.apiKey\.keys: is missing, must be an object/])
  t.match(authMistakes({ apiKey: { header: 'x', keys: { 'a b': 'k' } } }), [/^auth\.apiKey\.keys: found an object, must be a name/, /^auth\.apiKey\.keys\["a b"\]: found "a b", must be a name/])
  t.match(authMistakes({ apiKey: { header: 'x', keys: { a: 'same', b: 'same' } } }), [/must have a key of its own for each name: those of "a" and "b" are the same/])
  t.match(authMistakes({ apiKey: { header: 'x', keys: { a: 'confidential' }, hashed: true } }), [/must have a SHA-256 in hexadecimal as the key "a", as it is hashed/])
  t.notMatch(authMistakes({ apiKey: { header: 'x', keys: { a: 'con fidential' }, hashed: true } }).join(), /fidential/)
  t.strictSame(authMistakes({ apiKey: { header: 'x', keys: { a: createHash('sha256').update('k').digest('hex') }, hashed: true } }), [])
  const folder = t.testdir({ good: '\uFEFF{"a": "b"}', bad: '{"a": confidential', list: '["a"]', number: '{"a": 1}' })
  t.strictSame(authMistakes({ apiKey: { header: 'x', keys: `${folder}/good` } }), [])
  t.match(authMistakes({ apiKey: { header: 'x', keys: `${folder}/bad` } }), [/must be a file with JSON$/])
  t.match(authMistakes({ apiKey: { header: 'x', keys: `${folder}/list` } }), [/must be an object such as/])
  t.match(authMistakes({ apiKey: { header: 'x', keys: `${folder}/number` } }), [/must have a text in ASCII without white space as the key "a"/])
  t.match(authMistakes({ apiKey: { header: 'x', keys: `${folder}/none` } }), [/must be a file that can be read \(ENOENT: no such file or directory\)/])
})

t.test('auth.basic: a file with bcrypt', async t => {
  const bcrypt = `$2y$10$${'a'.repeat(53)}`
  const folder = t.testdir({ good: `\uFEFF# users\n\nann:${bcrypt}\r\nbob:${bcrypt.replace('2y', '2b')}\n`, sha: 'ann:{SHA}x', apr1: 'ann:$apr1$x$y', plain: 'ann:confidential', cost: `ann:${bcrypt.replace('$10$', '$17$')}`, twice: `ann:${bcrypt}\nann:${bcrypt}`, line: 'ann' })
  const told = (file: string): string[] => authMistakes({ basic: { file: `${folder}/${file}` } })
  t.strictSame(told('good'), [])
  t.match(told('sha'), [/must have a bcrypt hash on line 1, as "htpasswd -B" makes it, and not SHA-1/])
  t.match(told('apr1'), [/and not MD5/])
  t.match(told('plain'), [/must have a bcrypt hash on line 1, as "htpasswd -B" makes it$/])
  t.notMatch(told('plain').join(), 'confidential')
  t.match(told('cost'), [/must have a bcrypt hash of 4 to 16 rounds on line 1/])
  t.match(told('twice'), [/must name each user once: line 2 has one again/])
  t.match(told('line'), [/must have a name, a colon and a hash on line 1/])
  t.match(told('none'), [/must be a file that can be read \(ENOENT/])
  t.match(authMistakes({ basic: { file: `${folder}/good`, realm: 'a"b' } }), [/^auth\.basic\.realm: .* without quotes and backslashes/])
})

t.test('auth.forward: a URL', async t => {
  for (const url of ['x', 'ftp://x', 'http://a:b@c/', 'http://a b']) t.match(authMistakes({ forward: { url } }), [/^auth\.forward\.url: found ".*", must be a URL/], url)
  t.match(authMistakes({ forward: { url: 'http://x', copyRequestHeaders: ['Host', 'x-forwarded-uri'], copyResponseHeaders: ['connection'], timeout: 0, maxRequests: 0 } }).map(line => line.split(':')[0]),
    ['auth.forward.copyRequestHeaders[0]', 'auth.forward.copyRequestHeaders[1]', 'auth.forward.copyResponseHeaders[0]', 'auth.forward.maxRequests', 'auth.forward.timeout'])
})

t.test('auth: one header is set by one', async t => {
  const jwt = { secret: SECRET, forward: { 'X-User': 'sub' } }
  t.strictSame(authMistakes({ all: [{ jwt }, { apiKey: { header: 'x', keys: {}, forward: 'x_user' } }] }), ['auth.all[1]: sets "x-user", which a method before it sets already'])
  t.strictSame(authMistakes({ any: [{ jwt }, { apiKey: { header: 'x', keys: {}, forward: 'x_user' } }] }), [])
  const set = { x_user: 'a' }
  t.strictSame(mistakesIn(withRoute({ headers: { request: { set } } }, { auth: { jwt } })), ['routes[0].headers.request.set.x_user: found "x_user", which auth sets: must be another header'])
  t.strictSame(mistakesIn(withRoute({ auth: { any: [{ jwt }, { forward: { url: 'http://x' } }] } }, { headers: { request: { append: set } } })), ['headers.request.append.x_user: found "x_user", which auth of routes[0] sets: must be another header'])
  t.strictSame(mistakesIn(withRoute({ auth: false, headers: { request: { set } } }, { auth: { jwt } })), [])
})

t.test('claims are those of somebody who was authenticated', async t => {
  const value = '${claim.sub}' // eslint-disable-line no-template-curly-in-string -- of the configuration
  const headers = { request: { set: { 'x-a': value }, append: { 'x-b': `$${value}`, 'x-c': `a${value}` } } }
  t.strictSame(mistakesIn(withRoute({ headers })), ['x-a', 'x-c'].map(name => `routes[0].headers.request.${name === 'x-a' ? 'set' : 'append'}["${name}"]: found ${JSON.stringify(name === 'x-a' ? value : `a${value}`)}, must come with auth: without it nobody has claims`).sort((a, b) => a.localeCompare(b)))
  t.strictSame(mistakesIn(withRoute({ headers }, { auth: { jwt: { secret: SECRET } } })), [])
  t.strictSame(mistakesIn(withRoute({ rateLimit: { max: 1, key: 'claim:sub' } })), ['routes[0].rateLimit.key: found "claim:sub", must come with auth: without it nobody has claims'])
  t.strictSame(mistakesIn(withRoute({ auth: { jwt: { secret: SECRET } }, rateLimit: { max: 1, key: 'claim:realm_access.roles' } })), [])
  t.strictSame(mistakesIn(withRoute({ auth: false }, { rateLimit: { max: 1, key: 'claim:sub' } })), [], 'for all it falls back to the address')
})

t.test('access: lists of addresses', async t => {
  t.strictSame(mistakesIn(withRoute({ access: {} }, { access: {} })), ['access: found an object without a list, must have allow or deny', 'routes[0].access: found an object without a list, must have allow or deny'])
  t.match(mistakesIn(withRoute({ access: { allow: ['10.0.0.0/33', 'x'], deny: [] } })).map(line => line.split(':')[0]), ['routes[0].access.allow[0]', 'routes[0].access.allow[1]', 'routes[0].access.deny'])
})

t.test('check --print hides secrets and keys, and shows the rest', async t => {
  const print = JSON.stringify(hideSecrets(checkConfig(withRoute({}, {
    auth: { any: [{ jwt: { secret: 'confidential'.repeat(4), audience: 'shown' } }, { apiKey: { header: 'x-shown', keys: { shop: 'confidential' }, forward: 'x-consumer' } }] }
  }))))
  t.notMatch(print, 'confidential')
  t.match(print, /"audience":"shown"/)
  t.match(print, /"header":"x-shown"/)
  t.match(print, /"shop":"\*\*\*"/)
})
