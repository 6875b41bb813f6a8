import { createHash } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { guarded } from '../fixtures/auth.js'
import { call } from '../fixtures/gateway.js'
import { until } from '../fixtures/until.js'

function sha256 (text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

t.test('a key in a header: its name is told, and nothing that a client says of itself', async t => {
  const { port, asked } = await guarded(t, { apiKey: { header: 'X-Api-Key', keys: { shop: 'key-1', desk: 'key-2' }, forward: 'X-Consumer' } })
  t.equal((await call(port, '/api/x', { headers: { 'x-api-key': 'key-1', x_consumer: 'root', 'X-CONSUMER': 'root' } })).status, 200)
  t.equal((await call(port, '/api/x', { headers: { 'x-api-key': 'key-2' } })).status, 200)
  t.strictSame(asked.map(({ headers }) => headers['x-consumer']), ['shop', 'desk'])
  t.strictSame(asked.map(({ headers }) => headers.x_consumer), [undefined, undefined])
  t.equal(asked[0]?.headers['x-api-key'], 'key-1', 'the service gets it, unless strip is set')
  for (const headers of [{}, { 'x-api-key': '' }, { 'x-api-key': 'key-' }, { 'x-api-key': 'key-11' }, { 'x-api-key': 'KEY-1' }, { x_api_key: 'key-1' }, { authorization: 'key-1' }, { 'x-api-key': sha256('key-1') }]) {
    const response = await call(port, '/api/x', { headers })
    t.match(response, { status: 401, headers: { 'www-authenticate': 'ApiKey header="x-api-key"' } })
    t.match(response.json(), { error: { code: 'UNAUTHORIZED' } })
  }
  t.equal((await call(port, '/api/x', { headers: ['Host', 'x', 'x-api-key', 'key-1', 'X-Api-Key', 'key-2'] })).status, 401, 'two of them')
  t.equal((await call(port, '/api/x?x-api-key=key-1')).status, 401)
  t.equal(asked.length, 2)
})

t.test('strip keeps the header from the service', async t => {
  const { port, asked } = await guarded(t, { apiKey: { header: 'X-Api-Key', keys: { shop: 'key-1' }, strip: true } })
  t.equal((await call(port, '/api/x', { headers: { 'x-api-key': 'key-1', x_api_key: 'key-1' } })).status, 200)
  t.notMatch(JSON.stringify(asked[0]?.rawHeaders), /key-1/)
})

t.test('a key in the query: no service gets it, and the rest stays as it was', async t => {
  const { port, asked } = await guarded(t, { apiKey: { query: 'api_key', keys: { shop: 'a+b/c=' } } }, { stripPrefix: true })
  const key = encodeURIComponent('a+b/c=')
  const queries = [`api_key=${key}`, `a=%20b&api_key=${key}&c`, `api%5Fkey=${key}&x=1&&y`, `x=1&api_key=${key}`]
  for (const query of queries) t.equal((await call(port, `/api/x?${query}`)).status, 200, query)
  t.strictSame(asked.map(({ url }) => url), ['/x', '/x?a=%20b&c', '/x?x=1&&y', '/x?x=1'])
  for (const query of ['', 'api_key', 'api_key=', 'api_key=a+b/c=', 'API_KEY=x', `api_key=${key}&api_key=${key}`, 'api_key=%zz', `xapi_key=${key}`, `a=b;api_key=${key}`]) {
    t.match(await call(port, `/api/x?${query}`), { status: 401, headers: { 'www-authenticate': 'ApiKey query="api_key"' } }, query)
  }
  t.equal((await call(port, '/api/x')).status, 401)
  t.equal(asked.length, queries.length)
})

t.test('hashed: what stands in the configuration is no key', async t => {
  const { port } = await guarded(t, { apiKey: { header: 'x-api-key', keys: { shop: sha256('key-1').toUpperCase() }, hashed: true } })
  t.equal((await call(port, '/api/x', { headers: { 'x-api-key': 'key-1' } })).status, 200)
  t.equal((await call(port, '/api/x', { headers: { 'x-api-key': sha256('key-1') } })).status, 401)
})

t.test('keys of a file are read again when it changes; a broken file changes nothing', async t => {
  const file = join(t.testdir({ 'keys.json': '{"shop":"key-1"}' }), 'keys.json')
  const { port, lines } = await guarded(t, { apiKey: { header: 'x-api-key', keys: file } })
  const statuses = async (): Promise<number[]> => await Promise.all(['key-1', 'key-2'].map(async key => (await call(port, '/api/x', { headers: { 'x-api-key': key } })).status))
  const told = (pattern: RegExp): number => lines.filter(({ msg }) => pattern.test(msg)).length
  t.strictSame(await statuses(), [200, 401])
  writeFileSync(file, '{"shop":"confidential')
  await until(() => told(/cannot be used/) === 1)
  t.strictSame(await statuses(), [200, 401])
  writeFileSync(file, '{"shop":"key-2"}')
  await until(() => told(/is in use/) === 1)
  t.strictSame(await statuses(), [401, 200])
  rmSync(file)
  await until(() => told(/cannot be used/) === 2)
  t.strictSame(await statuses(), [401, 200])
  writeFileSync(file, '{}')
  await until(() => told(/is in use/) === 2)
  t.strictSame(await statuses(), [401, 401], 'nobody is left')
  t.notMatch(JSON.stringify(lines), /key-|confidential/)
})

t.test('a key is compared in constant time: digests of one length, also for one that nobody has', async t => {
  const source = readFileSync(new URL('../../src/auth/api-key.ts', import.meta.url), 'utf8')
  const [, body = ''] = /authenticate \(request: AuthRequest\): Decision \{([^]*?)\n {2}\}/.exec(source) ?? []
  t.match(body, 'const digest = salted(hash(\'sha256\', key))')
  t.match(body, '?? NOBODY')
  t.match(body, 'timingSafeEqual(digest, expected) ? identity : this.#wrong')
  // One comparison, and nothing of the keys beside it.
  t.equal(body.match(/[=!]==|\.has\(|\.get\(/g)?.filter(one => one === '.get(').length, 1)
  t.match(source, 'const SALT = randomBytes(32)', 'a look-up by what nobody can make up')
})

t.test('a key as long as a head, and beyond ASCII', async t => {
  const { port } = await guarded(t, { apiKey: { header: 'x-api-key', keys: { shop: 'k' } } })
  for (const key of ['k'.repeat(10_000), 'k\u00e9', 'k k']) t.equal((await call(port, '/api/x', { headers: { 'x-api-key': key } })).status, 401)
})
