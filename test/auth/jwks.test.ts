import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { once } from 'node:events'
import t from 'tap'
import type { Test } from 'tap'
import { Jwks } from '../../src/auth/jwks.js'
import { fetchText } from '../../src/auth/fetch-text.js'
import { bearer, guarded, issuer, secretToken, token } from '../fixtures/auth.js'
import type { Issuer } from '../fixtures/auth.js'
import { call, Log } from '../fixtures/gateway.js'
import { closedPort, service } from '../fixtures/peers.js'
import { until } from '../fixtures/until.js'

const OLD = issuer('old')
const NEW = issuer('new')

interface Source {
  readonly url: string
  /** Fetches so far. */
  readonly asked: IncomingMessage[]
  respond (response: ServerResponse): void
}

/** The address of an issuer's keys, which responds as the test says. */
async function source (t: Test, ...issuers: Issuer[]): Promise<Source> {
  const asked: IncomingMessage[] = []
  const { port } = await service(t, (request, response) => {
    asked.push(request)
    found.respond(response)
  })
  const found: Source = { url: `http://127.0.0.1:${port}/jwks.json`, asked, respond: withKeys(...issuers) }
  return found
}

function withKeys (...issuers: Array<Pick<Issuer, 'jwk'>>): (response: ServerResponse) => void {
  return response => response.end(JSON.stringify({ keys: issuers.map(({ jwk }) => jwk) }))
}

const AT_ONCE = { maxAge: 0, cooldown: 0 }

function silent () {
  const { stream, lines } = new Log()
  const write = (level: number) => (line: object, msg: string): void => stream.write(JSON.stringify({ level, ...line, msg }))
  return { log: { info: write(30), warn: write(40), error: write(50) }, lines }
}

/** Whether there is a key for the token of an issuer; the reason where there is none. */
async function keyFor (jwks: Jwks, { alg, kid }: { alg: string, kid?: string }): Promise<string> {
  const key = await jwks.keyFor(kid === undefined ? { alg } : { alg, kid })
  return key === undefined || key === 'away' ? String(key) : 'key'
}

t.test('keys by an address: tokens pass by the key that they name', async t => {
  const { url, asked } = await source(t, OLD, NEW)
  const { port } = await guarded(t, { jwt: { jwksUrl: url } })
  for (const one of [OLD, NEW, OLD]) t.equal((await call(port, '/api/x', { headers: bearer(await token(one)) })).status, 200)
  t.equal((await call(port, '/api/x', { headers: bearer(await token(OLD, {}, { kid: 'new' })) })).status, 401)
  t.equal((await call(port, '/api/x', { headers: bearer(await token(issuer('none'))) })).status, 401)
  t.equal((await call(port, '/api/x', { headers: bearer(await secretToken({}, { secret: OLD.pem })) })).status, 401)
  t.equal(asked.length, 1)
  t.match(asked[0]?.headers, { accept: 'application/json' })
})

t.test('a gateway starts while the keys are away: 503 with Retry-After, and tokens pass as soon as there are keys', async t => {
  const port = await closedPort()
  const gateway = await guarded(t, { jwt: { jwksUrl: `http://127.0.0.1:${port}/jwks.json` } })
  const headers = bearer(await token(OLD))
  const response = await call(gateway.port, '/api/x', { headers })
  t.match(response, { status: 503, headers: { 'retry-after': '1' } })
  t.match(response.json(), { error: { code: 'SERVICE_UNAVAILABLE', message: 'The credentials cannot be checked at the moment' } })
  t.equal((await call(gateway.port, '/api/x')).status, 401, 'without a token nobody needs to know')
  const server = createServer((_request, response) => withKeys(OLD)(response)).listen(port, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  await until(async () => (await call(gateway.port, '/api/x', { headers })).status === 200)
  t.equal(gateway.asked.length, 1)
  t.match(gateway.lines.filter(({ msg }) => msg.startsWith('the keys')), [
    { level: 40, msg: 'the keys of tokens cannot be fetched', cause: /ECONNREFUSED/ }, { level: 30, msg: 'the keys of tokens can be fetched again' }
  ])
})

t.test('keys are kept through an outage of their source, however long', async t => {
  const from = await source(t, OLD)
  const { log, lines } = silent()
  const jwks = new Jwks(from.url, log, AT_ONCE)
  t.equal(await keyFor(jwks, OLD), 'key')
  from.respond = response => response.destroy()
  for (let nth = 0; nth < 20; nth++) {
    t.equal(await keyFor(jwks, OLD), 'key')
    t.equal(await keyFor(jwks, NEW), 'undefined')
  }
  t.ok(from.asked.length > 10)
  t.equal(lines.length, 1, 'one line for all of it')
  from.respond = withKeys(NEW)
  t.equal(await keyFor(jwks, NEW), 'key')
  t.equal(await keyFor(jwks, OLD), 'undefined')
  t.equal(lines.length, 2)
})

t.test('rotation: a new key works at once; what was verified by one that is gone counts no more', async t => {
  const from = await source(t, OLD)
  const { log } = silent()
  const jwks = new Jwks(from.url, log, { maxAge: Infinity, cooldown: 0 })
  t.equal(await keyFor(jwks, OLD), 'key')
  const { version } = jwks
  from.respond = withKeys(OLD, NEW)
  t.equal(await keyFor(jwks, NEW), 'key')
  t.not(jwks.version, version)
  const { version: second } = jwks
  t.equal(await keyFor(jwks, issuer('none')), 'undefined')
  t.equal(jwks.version, second, 'the same set changes nothing')
})

t.test('a key that its issuer takes back is gone with the next look, also for tokens that are remembered', async t => {
  const from = await source(t, OLD, NEW)
  const { port } = await guarded(t, { jwt: { jwksUrl: from.url } })
  const headers = bearer(await token(OLD))
  t.equal((await call(port, '/api/x', { headers })).status, 200)
  t.equal((await call(port, '/api/x', { headers })).status, 200)
  from.respond = withKeys(NEW)
  const { now } = performance
  t.teardown(() => { performance.now = now })
  performance.now = () => now.call(performance) + 3_600_000
  // The one that comes first is let in by what is known, and has it renewed.
  await call(port, '/api/x', { headers: bearer(await token(NEW)) })
  await until(() => from.asked.length === 2)
  await until(async () => (await call(port, '/api/x', { headers })).status === 401)
})

t.test('one fetch for all who wait', async t => {
  const from = await source(t)
  const held: ServerResponse[] = []
  from.respond = response => { held.push(response) }
  const { port, asked } = await guarded(t, { jwt: { jwksUrl: from.url } })
  const headers = bearer(await token(OLD))
  const waiting = Array.from({ length: 50 }, async () => (await call(port, '/api/x', { headers })).status)
  await until(() => held.length > 0)
  await call(port, '/api/x')
  for (const response of held) withKeys(OLD)(response)
  t.strictSame(new Set(await Promise.all(waiting)), new Set([200]))
  t.equal(from.asked.length, 1)
  t.equal(asked.length, 50)
})

t.test('tokens with made-up keys cost one fetch in a while, and hold up nobody whose key is known', async t => {
  const from = await source(t, OLD)
  const { port } = await guarded(t, { jwt: { jwksUrl: from.url } })
  t.equal((await call(port, '/api/x', { headers: bearer(await token(OLD)) })).status, 200)
  const { now } = performance
  t.teardown(() => { performance.now = now })
  performance.now = () => now.call(performance) + 60_000
  from.respond = () => {}
  const made = Array.from({ length: 20 }, async (_, nth) => (await call(port, '/api/x', { headers: bearer(await token(issuer(`made-up ${nth}`))) })).status)
  await until(() => from.asked.length === 2)
  t.equal((await call(port, '/api/x', { headers: bearer(await token(OLD, { sub: 'bob' })) })).status, 200, 'while the source is slow')
  performance.now = now
  t.strictSame(new Set(await Promise.all(made)), new Set([401]), 'when it did not respond in time')
  t.equal((await call(port, '/api/x', { headers: bearer(await token(issuer('another'))) })).status, 401)
  t.equal(from.asked.length, 2)
})

t.test('one key without kid will do; of several for an algorithm none is guessed', async t => {
  const { log } = silent()
  const { kid, ...nameless } = OLD.jwk
  const one = new Jwks((await source(t, { ...OLD, jwk: nameless })).url, log, AT_ONCE)
  for (const name of [undefined, 'old', 'new']) t.equal(await keyFor(one, { alg: 'ES256', ...(name !== undefined && { kid: name }) }), 'key')
  t.equal(await keyFor(one, { alg: 'RS256' }), 'undefined')
  const { alg, ...either } = nameless
  t.equal(await keyFor(new Jwks((await source(t, { ...OLD, jwk: either })).url, log, AT_ONCE), { alg: 'ES256' }), 'key')
  const two = new Jwks((await source(t, OLD, NEW)).url, log, AT_ONCE)
  t.equal(await keyFor(two, { alg: 'ES256' }), 'undefined', 'a token without kid')
  t.equal(await keyFor(two, { alg: 'ES256', kid: 'new' }), 'key')
  t.equal(await keyFor(two, { alg: 'ES384', kid: 'new' }), 'undefined', 'another algorithm')
  const mixed = new Jwks((await source(t, OLD, issuer('rsa', 'RS256'))).url, log, AT_ONCE)
  t.equal(await keyFor(mixed, { alg: 'RS256' }), 'key', 'the only one for its algorithm')
})

t.test('poisoned: what is no set of keys changes nothing', async t => {
  const from = await source(t, OLD)
  const { log, lines } = silent()
  const jwks = new Jwks(from.url, log, AT_ONCE)
  t.equal(await keyFor(jwks, OLD), 'key')
  const hmac = { kty: 'oct', k: 'c2VjcmV0', kid: 'new', alg: 'HS256' }
  const { use: _, ...unused } = NEW.jwk
  const poison: Record<string, (response: ServerResponse) => void> = {
    garbage: response => response.end('<html>'),
    nothing: response => response.end(),
    null: response => response.end('null'),
    'no set': response => response.end('{"keys":{"old":1}}'),
    'an empty set': response => response.end('{"keys":[]}'),
    'a shared secret': response => response.end(JSON.stringify({ keys: [hmac] })),
    'a key for encryption': response => response.end(JSON.stringify({ keys: [{ ...NEW.jwk, use: 'enc' }, { ...unused, key_ops: ['encrypt'] }, { ...unused, key_ops: 'verify' }] })),
    'a key of another curve': response => response.end(JSON.stringify({ keys: [{ ...NEW.jwk, crv: 'secp256k1' }, { ...NEW.jwk, alg: 'RS256' }, 'x', null, { kty: 'EC' }] })),
    'too many keys': response => response.end(JSON.stringify({ keys: Array(101).fill(NEW.jwk) })),
    huge: response => { response.write('{"keys":['); response.end(`${' '.repeat(600 * 1024)}]}`) },
    'a change of protocol': response => { response.writeHead(101, { connection: 'upgrade', upgrade: 'x' }).end() },
    'a redirect': response => { response.writeHead(302, { location: from.url }).end() },
    'an error with keys': response => { response.writeHead(500); withKeys(NEW)(response) },
    'a break': response => { response.writeHead(200, { 'content-length': '100' }).write('{"keys":'); setImmediate(() => response.destroy()) }
  }
  for (const [what, respond] of Object.entries(poison)) {
    from.respond = respond
    t.equal(await keyFor(jwks, NEW), 'undefined', what)
    t.equal(await keyFor(jwks, OLD), 'key', what)
    await until(() => from.asked.every(({ socket }) => !socket.writableNeedDrain))
  }
  t.equal(jwks.version, 1)
  t.equal(lines.length, 1)
  t.notMatch(JSON.stringify(lines), '<html>')
})

t.test('a key that is not known here is no reason to reject the others', async t => {
  const from = await source(t)
  from.respond = response => response.end(JSON.stringify({ keys: [{ kty: 'AKP', alg: 'ML-DSA-44', pub: 'x' }, OLD.jwk] }))
  t.equal(await keyFor(new Jwks(from.url, silent().log), OLD), 'key')
})

t.test('a text that is fetched must come in time', async t => {
  const { port } = await service(t, (_request, response) => { response.write('{') })
  await t.rejects(fetchText(`http://127.0.0.1:${port}/`, 50), { message: 'no response within 50 ms' })
  await t.rejects(fetchText(`https://127.0.0.1:${port}/`), { code: /EPROTO|ERR_SSL/ })
})

t.test('routes that name one address share its keys', async t => {
  const from = await source(t, OLD)
  const { port: upstream } = await service(t, (_request, response) => response.end())
  const target = `http://127.0.0.1:${upstream}`
  const { port } = await guarded(t, { jwt: { jwksUrl: from.url } }, {}, {
    config: {
      routes: [{ prefix: '/a', target, auth: { jwt: { jwksUrl: from.url } } }, { prefix: '/b', target, auth: { jwt: { jwksUrl: from.url, audience: 'b' } } }]
    }
  })
  t.equal((await call(port, '/a', { headers: bearer(await token(OLD)) })).status, 200)
  t.equal((await call(port, '/b', { headers: bearer(await token(OLD)) })).status, 401)
  t.equal((await call(port, '/b', { headers: bearer(await token(OLD, { aud: 'b' })) })).status, 200)
  t.equal(from.asked.length, 1)
})

t.test('a new key works within 45 s, also right behind a look that did not find it', async t => {
  const from = await source(t, OLD)
  const { port } = await guarded(t, { jwt: { jwksUrl: from.url } })
  const renewed = bearer(await token(NEW))
  const status = async (headers: { authorization: string }): Promise<number> => (await call(port, '/api/x', { headers })).status
  t.equal(await status(bearer(await token(OLD))), 200)
  t.equal(await status(renewed), 401)
  from.respond = withKeys(OLD, NEW)
  t.equal(await status(renewed), 401)
  const { now } = performance
  t.teardown(() => { performance.now = now })
  performance.now = () => now.call(performance) + 10_000
  t.equal(await status(renewed), 200)
  t.equal(from.asked.length, 2)
})
