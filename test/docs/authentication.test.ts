import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import t from 'tap'
import { checkConfig } from '../../src/config/index.js'
import { bearer, issuer, token } from '../fixtures/auth.js'
import { call } from '../fixtures/gateway.js'
import { portOf, service } from '../fixtures/peers.js'
import { startRoutes } from '../fixtures/routes.js'
import { README, ROOT, table } from './readme.js'

const DOCS = readFileSync(new URL('docs/authentication.md', ROOT), 'utf8')
const EXAMPLES = [...DOCS.matchAll(/```json\n([^]*?)```/g)].map(([, example = '']) => example)
const ENV = { ACME_KEY: 'acme-key' }

t.test('docs/authentication.md: every example passes the check, and every key is named', async t => {
  const folder = t.testdir({ 'keys.json': '{}', 'users.htpasswd': '' })
  t.equal(EXAMPLES.length, 6)
  for (const example of EXAMPLES) {
    const inFolder = example.replace('keys.json', `${folder}/keys.json`).replace('users.htpasswd', `${folder}/users.htpasswd`)
    t.doesNotThrow(() => checkConfig(JSON.parse(inFolder), { env: ENV }), example)
  }
  const keys = table('key').flatMap(([key = '']) => /^(?:auth|access)\.(?:.*\.)?(\w+)$/.exec(key)?.[1] ?? [])
  t.ok(keys.includes('jwksUrl') && keys.includes('deny'))
  for (const key of keys) t.ok(DOCS.includes(key), key)
  t.match(README, '](docs/authentication.md)')
})

t.test('docs/authentication.md: the first example does what it says', async t => {
  const id = issuer()
  const jwks = createServer((_request, response) => response.end(JSON.stringify({ keys: [id.jwk] }))).listen(0, '127.0.0.1')
  await once(jwks, 'listening')
  t.teardown(() => jwks.close())
  const { port: upstream } = await service(t, (request, response) => response.end(`${request.headers['x-user']} ${request.headers['x-email']} ${request.headers['x-consumer']}`))
  const example = String(EXAMPLES[0]).replace('https://id.example.com/jwks.json', `http://127.0.0.1:${portOf(jwks)}`).replace(/localhost:300\d/g, `127.0.0.1:${upstream}`).replace('${ACME_KEY}', ENV.ACME_KEY) // eslint-disable-line no-template-curly-in-string -- of the configuration
  const { port } = await startRoutes(t, JSON.parse(example))
  const status = async (path: string, headers: Record<string, string> = {}): Promise<number> => (await call(port, path, { headers })).status
  const body = async (path: string, headers: Record<string, string> = {}): Promise<string> => String((await call(port, path, { headers })).body)
  const ann = bearer(await token(id, { iss: 'https://id.example.com', aud: 'shop', email: 'ann@example.com' }))
  t.equal(await status('/api/catalog'), 200)
  t.equal(await status('/api/orders'), 401)
  t.equal(await body('/api/orders', ann), 'ann ann@example.com undefined')
  t.equal(await status('/api/orders', bearer(await token(id, { iss: 'https://id.example.com', aud: 'other' }))), 401)
  t.equal(await status('/api/partners', ann), 401)
  t.equal(await body('/api/partners', { 'x-api-key': 'acme-key' }), 'undefined undefined acme')
  t.equal(await status('/internal'), 403)
  t.match(await call(port, '/api/orders', { method: 'OPTIONS', headers: { origin: 'https://app.example.com', 'access-control-request-method': 'GET' } }), { status: 204 })
})
