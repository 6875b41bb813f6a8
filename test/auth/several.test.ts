import t from 'tap'
import { bearer, guarded, inSeconds, issuer, token } from '../fixtures/auth.js'
import { call } from '../fixtures/gateway.js'
import { closedPort, service } from '../fixtures/peers.js'
import { startRoutes } from '../fixtures/routes.js'

const ANN = issuer()
const JWT = { jwt: { publicKey: ANN.pem, forward: { 'x-user': 'sub' }, require: { scope: ['a'] } } }
const KEY = { apiKey: { header: 'x-api-key', keys: { shop: 'key-1' }, forward: 'x-consumer' } }

t.test('any: whichever passes first; what the others would have set is kept from the service as well', async t => {
  const { port, asked } = await guarded(t, { any: [JWT, KEY] })
  const headers = { 'x-user': 'root', x_consumer: 'root' }
  const good = bearer(await token(ANN, { scope: 'a' }))
  t.equal((await call(port, '/api/x', { headers: { ...headers, ...good } })).status, 200)
  t.equal((await call(port, '/api/x', { headers: { ...headers, 'x-api-key': 'key-1' } })).status, 200)
  t.equal((await call(port, '/api/x', { headers: { ...headers, ...bearer(await token(ANN, { exp: inSeconds(-60) })), 'x-api-key': 'key-1' } })).status, 200)
  t.equal((await call(port, '/api/x', { headers: { ...headers, ...good, 'x-api-key': 'wrong' } })).status, 200)
  t.strictSame(asked.map(({ headers }) => [headers['x-user'], headers['x-consumer'], headers.x_consumer]), [
    ['ann', undefined, undefined], [undefined, 'shop', undefined], [undefined, 'shop', undefined], ['ann', undefined, undefined]
  ])
})

t.test('any: what tells a client most', async t => {
  const { port, asked } = await guarded(t, { any: [JWT, KEY] })
  t.match(await call(port, '/api/x'), { status: 401, headers: { 'www-authenticate': 'Bearer, ApiKey header="x-api-key"' } })
  t.match(await call(port, '/api/x', { headers: bearer('x') }), { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token", ApiKey header="x-api-key"' } })
  t.match(await call(port, '/api/x', { headers: bearer(await token(ANN)) }), { status: 403 })
  t.equal(asked.length, 0)
  const { port: auth } = await service(t, (_request, response) => response.writeHead(302, { location: '/login' }).end())
  const { port: leading } = await guarded(t, { any: [{ forward: { url: `http://127.0.0.1:${auth}` } }, KEY] })
  t.match(await call(leading, '/api/x'), { status: 302, headers: { location: '/login' } })
  const { port: away } = await guarded(t, { any: [KEY, { forward: { url: `http://127.0.0.1:${await closedPort()}` } }] })
  t.match(await call(away, '/api/x'), { status: 503 })
  t.match(await call(away, '/api/x', { headers: { 'x-api-key': 'key-1' } }), { status: 200 })
})

t.test('all: each must be passed, and each tells what it knows', async t => {
  const { port: auth } = await service(t, (request, response) => response.writeHead(request.headers.cookie === 'a=b' ? 200 : 403, { 'remote-user': 'ann', 'set-cookie': 'c=d' }).end())
  const forward = { forward: { url: `http://127.0.0.1:${auth}`, copyResponseHeaders: ['remote-user'], copyClientHeaders: ['set-cookie'] } }
  const { port, asked } = await guarded(t, { all: [KEY, forward, JWT] })
  const good = { 'x-api-key': 'key-1', cookie: 'a=b', ...bearer(await token(ANN, { scope: 'a' })) }
  t.match(await call(port, '/api/x', { headers: { ...good, 'x-user': 'root', 'Remote-User': 'root' } }), { status: 200, headers: { 'set-cookie': ['c=d'] } })
  t.match(asked[0]?.headers, { 'x-user': 'ann', 'x-consumer': 'shop', 'remote-user': 'ann' })
  t.equal((await call(port, '/api/x', { headers: good })).status, 200, 'a token that is remembered')
  const { authorization, ...without } = good
  t.match(await call(port, '/api/x', { headers: without }), { status: 401, headers: { 'www-authenticate': 'Bearer' } })
  t.match(await call(port, '/api/x', { headers: { ...good, 'x-api-key': 'x' } }), { status: 401, headers: { 'www-authenticate': 'ApiKey header="x-api-key"' } })
  t.match(await call(port, '/api/x', { headers: { ...good, cookie: 'x=y' } }), { status: 403 })
  t.equal(asked.length, 2)
})

t.test('auth for all routes, another one for a route, none for a third; what is responded here as well', async t => {
  const { port: upstream } = await service(t, (request, response) => response.end(String(request.headers['x-consumer'])))
  const target = `http://127.0.0.1:${upstream}`
  const { port } = await startRoutes(t, {
    auth: KEY,
    routes: [
      { prefix: '/a', target }, { prefix: '/b', target, auth: JWT }, { prefix: '/open', target, auth: false },
      { prefix: '/respond', respond: { body: 'secret' } }, { prefix: '/redirect', redirect: { to: '/a' } }, { prefix: '/some', target, methods: ['GET'] }
    ]
  })
  const headers = { 'x-api-key': 'key-1' }
  const status = async (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<number> => (await call(port, path, { headers, method })).status
  t.strictSame([await status('/a'), await status('/a', headers), await status('/b', headers), await status('/open')], [401, 200, 401, 200])
  t.strictSame([await status('/respond'), await status('/respond', headers), await status('/redirect'), await status('/redirect', headers)], [401, 200, 401, 302])
  t.strictSame([await status('/some', {}, 'POST'), await status('/some', headers, 'POST'), await status('/none')], [401, 405, 404])
  t.equal(String((await call(port, '/open', { headers: { 'x-consumer': 'anybody' } })).body), 'anybody', 'there nobody is told by it')
})
