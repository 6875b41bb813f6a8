import { createHmac } from 'node:crypto'
import { SignJWT } from 'jose'
import t from 'tap'
import { bearer, guarded, inSeconds, issuer, part, SECRET, secretToken, token } from '../fixtures/auth.js'
import { call } from '../fixtures/gateway.js'
import type { Call } from '../fixtures/gateway.js'
import { until } from '../fixtures/until.js'

const ANN = issuer()
const RSA = issuer('rsa', 'RS256')

t.test('a good token passes, and is told by the headers of forward; whatever a client says by these is not', async t => {
  const claims = { email: 'ann@example.com', roles: ['a', 'b,c'], realm_access: { roles: ['x'] }, 'https://example.com/tenant': 7, admin: true, name: 'Ánn', deep: { a: 1 } }
  const forward = {
    'X-User': 'sub',
    'x-email': 'email',
    'x-roles': 'roles',
    'x-realm': 'realm_access.roles',
    'x-tenant': 'https://example.com/tenant',
    'x-admin': 'admin',
    'x-name': 'name',
    'x-deep': 'deep',
    'x-none': 'missing',
    'x-inherited': 'constructor',
    'x-below': 'sub.length'
  }
  const { port, asked } = await guarded(t, { jwt: { publicKey: ANN.pem, forward } })
  const spoofed = ['Host', 'x', 'X-User', 'root', 'x_user', 'root', 'X_EMAIL', 'root', 'x-none', 'root', 'Authorization', `bearer ${await token(ANN, claims)}`]
  const { status, body } = await call(port, '/api/x', { headers: spoofed })
  t.equal(status, 200)
  t.equal(String(body), 'served')
  const { rawHeaders = [], headers = {} } = asked[0] ?? {}
  t.match(headers, { 'x-user': 'ann', 'x-email': 'ann@example.com', 'x-roles': 'a,b%2Cc', 'x-realm': 'x', 'x-tenant': '7', 'x-admin': 'true', 'x-deep': '{"a":1}', authorization: /^bearer / })
  t.equal(Buffer.from(String(headers['x-name']), 'latin1').toString(), 'Ánn')
  t.notMatch(rawHeaders.join(' '), /root|x_user|X_EMAIL/)
  for (const name of ['x-none', 'x-inherited', 'x-below']) t.notOk(name in headers, name)
  t.equal(rawHeaders.filter(name => name.toLowerCase() === 'x-user').length, 1)
})

t.test('no token, or a wrong one: 401 with a challenge and the usual body, and not a byte to the service', async t => {
  const { port, asked } = await guarded(t, { jwt: { publicKey: ANN.pem, issuer: 'https://id.example.com', audience: ['payments', 'orders'], clockTolerance: '2s', require: { claims: ['jti'] } } })
  const good = { iss: 'https://id.example.com', aud: 'orders', jti: '1' }
  const [head = '', payload = '', signature = ''] = (await token(ANN, good)).split('.')
  t.equal((await call(port, '/api/x', { headers: bearer(`${head}.${payload}.${signature}`) })).status, 200)
  const wrong: Record<string, string> = {
    'alg: none': `${part({ alg: 'none' })}.${payload}.`,
    'alg: None': `${part({ alg: 'None' })}.${payload}.`,
    'no signature': `${head}.${payload}.`,
    'another signature': `${head}.${payload}.${signature.slice(0, -4)}AAAA`,
    'a changed payload': `${head}.${part({ ...good, sub: 'root', exp: inSeconds(60) })}.${signature}`,
    'HS256 with the public key in PEM': hmac({ alg: 'HS256' }, payload, ANN.pem),
    'HS256 with the public key in DER': hmac({ alg: 'HS256' }, payload, ANN.publicKey.export({ type: 'spki', format: 'der' })),
    expired: await token(ANN, { ...good, exp: inSeconds(-10) }),
    'not yet valid': await token(ANN, { ...good, nbf: inSeconds(60) }),
    'exp as a text': await token(ANN, { ...good, exp: Object('9999999999') }),
    'another issuer': await token(ANN, { ...good, iss: 'https://id.example.com.evil.example' }),
    'no issuer': await token(ANN, { aud: 'orders', jti: '1' }),
    'another audience': await token(ANN, { ...good, aud: ['other', 'payments2'] }),
    'no audience': await token(ANN, { iss: good.iss, jti: '1' }),
    'a claim that is required is missing': await token(ANN, { iss: good.iss, aud: 'orders' }),
    'another key': await token(issuer(), good),
    'its own key': await token(RSA, good, { jwk: RSA.jwk, jku: 'http://127.0.0.1:1/keys', x5u: 'http://127.0.0.1:1/x' }),
    'crit that nobody knows': hs(part({ alg: 'ES256', crit: ['exp2'], exp2: 1 }), payload),
    'a payload that is no object': await signed('[]'),
    'two parts': `${head}.${payload}`,
    'five parts': `${head}.${payload}.${signature}.a.b`,
    empty: '',
    garbage: 'a b c',
    'longer than 8 KiB': await token(ANN, { ...good, filler: 'x'.repeat(8_192) })
  }
  for (const [what, text] of Object.entries(wrong)) {
    const response = await call(port, '/api/x', { headers: bearer(text) })
    t.match(response, { status: 401, headers: { 'www-authenticate': /^Bearer/, 'content-type': 'application/json; charset=utf-8' } }, what)
    t.match(response.json(), { success: false, error: { code: 'UNAUTHORIZED', message: 'Valid credentials are required' }, requestId: String }, what)
  }
  for (const headers of [{}, { authorization: 'Basic YTpi' }, { authorization: 'Bearer' }, { authorization: `Bearer${head}` }, { 'x-authorization': `Bearer ${head}` }]) {
    t.match(await call(port, '/api/x', { headers }), { status: 401, headers: { 'www-authenticate': 'Bearer' } })
  }
  const twice = ['Host', 'x', 'Authorization', `Bearer ${head}.${payload}.${signature}`, 'authorization', `Bearer ${part({ alg: 'none' })}.${part({ sub: 'root' })}.`]
  t.equal((await call(port, '/api/x', { headers: twice })).status, 401, 'a service might read the second one')
  t.equal(asked.length, 1)
})

function hmac (header: object, payload: string, key: string | Buffer): string {
  const text = `${part(header)}.${payload}`
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
}

function hs (header: string, payload: string): string {
  return `${header}.${payload}.${part('x'.repeat(64))}`
}

async function signed (payload: string): Promise<string> {
  const { CompactSign } = await import('jose')
  return await new CompactSign(Buffer.from(payload)).setProtectedHeader({ alg: 'ES256' }).sign(ANN.privateKey)
}

t.test('the clock may be off by clockTolerance', async t => {
  const { port } = await guarded(t, { jwt: { publicKey: ANN.pem, clockTolerance: '60s' } })
  t.equal((await call(port, '/api/x', { headers: bearer(await token(ANN, { exp: inSeconds(-30), nbf: inSeconds(30) })) })).status, 200)
  t.equal((await call(port, '/api/x', { headers: bearer(await token(ANN, { exp: inSeconds(-90) })) })).status, 401)
})

t.test('a token that was verified is remembered no longer than until it expires', async t => {
  const { port } = await guarded(t, { jwt: { publicKey: ANN.pem, clockTolerance: 0 } })
  const exp = inSeconds(2)
  const headers = bearer(await token(ANN, { exp }))
  t.equal((await call(port, '/api/x', { headers })).status, 200)
  await until(async () => (await call(port, '/api/x', { headers })).status === 401)
  t.ok(Date.now() >= exp * 1000)
  t.ok(Date.now() < exp * 1000 + 5_000)
})

t.test('a secret takes HS256 alone, others where they are named', async t => {
  const long = 'x'.repeat(64)
  const { port } = await guarded(t, { jwt: { secret: SECRET } })
  t.equal((await call(port, '/api/x', { headers: bearer(await secretToken()) })).status, 200)
  for (const headers of [bearer(await secretToken({}, { secret: long })), bearer(await secretToken({}, { alg: 'HS512', secret: Buffer.from(SECRET.padEnd(64, ' ')) })), bearer(await token(ANN))]) {
    t.equal((await call(port, '/api/x', { headers })).status, 401)
  }
  const { port: other } = await guarded(t, { jwt: { secret: long, algorithms: ['HS512'] } })
  t.equal((await call(other, '/api/x', { headers: bearer(await secretToken({}, { secret: long, alg: 'HS512' })) })).status, 200)
  t.equal((await call(other, '/api/x', { headers: bearer(await secretToken({}, { secret: long })) })).status, 401)
})

t.test('a public key takes the algorithms that it is made for, less those that are not named', async t => {
  const keys = [ANN, RSA, issuer('ed', 'EdDSA')]
  for (const key of keys) {
    const { port } = await guarded(t, { jwt: { publicKey: key.pem } })
    for (const other of keys) t.equal((await call(port, '/api/x', { headers: bearer(await token(other)) })).status, other === key ? 200 : 401, `${key.alg} ${other.alg}`)
  }
  const { port } = await guarded(t, { jwt: { publicKey: RSA.pem, algorithms: ['PS256'] } })
  t.equal((await call(port, '/api/x', { headers: bearer(await token(RSA)) })).status, 401)
  t.equal((await call(port, '/api/x', { headers: bearer(await token(RSA, {}, { alg: 'PS256' })) })).status, 200)
})

t.test('from a cookie: one of that name, byte for byte', async t => {
  const { port, asked } = await guarded(t, { jwt: { publicKey: ANN.pem, from: 'cookie:session' } })
  const good = await token(ANN)
  const cookies: Array<[string, number]> = [
    [`a=b; session=${good}`, 200], [`session=${good};x=y`, 200], [`xsession=${good}`, 401], [`Session=${good}`, 401], ['a=b', 401],
    [`session=${good}; session=${good}`, 401], [`xsession=1; session=${good}`, 200]
  ]
  for (const [cookie, status] of cookies) t.equal((await call(port, '/api/x', { headers: { cookie } })).status, status, cookie.slice(0, 20))
  t.equal((await call(port, '/api/x', { headers: bearer(good) })).status, 401)
  t.equal((await call(port, '/api/x')).status, 401)
  t.equal(asked.length, 3)
})

t.test('require.scope: 403 with what is lacking; scope and scp, as text and as a list', async t => {
  const { port, asked } = await guarded(t, { jwt: { publicKey: ANN.pem, require: { scope: ['payments:read', 'payments:write'] } } })
  for (const claims of [{ scope: 'openid payments:write payments:read' }, { scp: ['payments:read', 'payments:write'] }, { scope: ['payments:read'], scp: 'payments:write' }]) {
    t.equal((await call(port, '/api/x', { headers: bearer(await token(ANN, claims)) })).status, 200)
  }
  for (const claims of [{}, { scope: 'payments:read' }, { scope: 'payments:read payments:writer' }, { scp: { 'payments:read': 1, 'payments:write': 1 } }]) {
    const response = await call(port, '/api/x', { headers: bearer(await token(ANN, claims)) })
    t.match(response, { status: 403, headers: { 'www-authenticate': 'Bearer error="insufficient_scope", scope="payments:read payments:write"' } })
    t.match(response.json(), { error: { code: 'FORBIDDEN', message: 'The token does not allow this' } })
  }
  t.equal(asked.length, 3)
})

t.test('a claim that no header can tell as it is, is a 403: two users never become one', async t => {
  const { port, asked } = await guarded(t, { jwt: { publicKey: ANN.pem, forward: { 'x-user': 'sub' } } })
  for (const sub of ['root\r\nx-admin: 1', ' root', 'root ', 'root\t', 'ro\0ot', '\u00a0root', 'root\ud800']) {
    t.match(await call(port, '/api/x', { headers: bearer(await token(ANN, { sub })) }), { status: 403 }, JSON.stringify(sub))
  }
  t.equal(asked.length, 0)
})

t.test('strip keeps the token from the service', async t => {
  const { port, asked } = await guarded(t, { jwt: { publicKey: ANN.pem, strip: true } })
  t.equal((await call(port, '/api/x', { headers: bearer(await token(ANN)) })).status, 200)
  t.notMatch(asked[0]?.headers, { authorization: String })
})

t.test('claims in the values of headers', async t => {
  const set = { 'x-tenant': 'tenant-${claim.tenant}', 'x-sub': '${claim.sub}', 'x-role': '${claim.realm_access.roles}', 'x-odd': '${claim.odd}', 'x-name': '${claim.name}', 'x-mixed': '${client.ip} ${claim.sub}' } // eslint-disable-line no-template-curly-in-string -- of the configuration
  const { port, asked } = await guarded(t, { jwt: { publicKey: ANN.pem } }, { headers: { request: { set } } })
  await call(port, '/api/x', { headers: { ...bearer(await token(ANN, { tenant: 'a', realm_access: { roles: ['b'] }, odd: 'a\nb', name: 'Ánn' })), 'x-sub': 'root' } })
  t.match(asked[0]?.headers, { 'x-tenant': 'tenant-a', 'x-sub': 'ann', 'x-role': 'b', 'x-odd': undefined, 'x-mixed': '127.0.0.1 ann' })
  t.equal(Buffer.from(String(asked[0]?.headers['x-name']), 'latin1').toString(), 'Ánn')
})

t.test('no object of a token is trusted beyond its own claims', async t => {
  const { port, asked } = await guarded(t, { jwt: { secret: SECRET, forward: { 'x-a': '__proto__', 'x-b': 'a.__proto__' } } })
  const raw = await new SignJWT(JSON.parse('{"sub":"x","a":1}')).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(SECRET))
  const asking: Call = { headers: bearer(raw) }
  t.equal((await call(port, '/api/x', asking)).status, 200)
  t.notOk('x-a' in (asked[0]?.headers ?? {}))
  t.notOk('x-b' in (asked[0]?.headers ?? {}))
})
