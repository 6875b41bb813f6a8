import t from 'tap'
import { ConfigError } from '../../src/config/index.js'
import { describe } from '../../src/explain/describe.js'
import { Explainer } from '../../src/explain/explainer.js'
import type { Explanation, GivenRequest } from '../../src/explain/given.js'
import { tryOut } from '../../src/explain/try-out.js'
import { trialOf } from '../fixtures/explain.js'
import { rawService } from '../fixtures/peers.js'
import { Spans } from '../fixtures/spans.js'

const CONFIG = {
  server: { health: true },
  cors: { origin: 'https://app.example.com' },
  upstreams: { orders: { targets: ['http://10.0.0.1:3002', 'http://10.0.0.2:3002'] }, copies: { targets: ['http://10.0.0.3:1'] } },
  routes: [
    { prefix: '/api/orders', upstream: 'orders', methods: ['GET', 'POST'], mirror: { upstream: 'copies' }, concurrency: { max: 1 } },
    { prefix: '/api/orders', respond: { status: 204 }, methods: ['PURGE'] },
    { prefix: '/chat', target: 'http://localhost:1', hosts: ['chat.example.com'], maxBodySize: 4 },
    { prefix: '/old', redirect: { to: '/new' } },
    { prefix: '/own', respond: { body: 'plain https://user:pass@host/', headers: { 'x-token': 'hush' } } },
    { prefix: '/json', respond: { body: { password: 'hush', shown: true } } }
  ]
}

const explainer = new Explainer(trialOf(CONFIG))

async function explained (given: GivenRequest): Promise<Explanation> {
  const said = await explainer.explain(given)
  if (!('explanation' in said)) throw new Error(JSON.stringify(said))
  return said.explanation
}

t.test('what is forwarded, and why there', async t => {
  t.match(await explained({ url: '/api/orders/7' }), {
    request: { method: 'GET', target: '/api/orders/7', host: 'localhost' },
    route: { index: 0, prefix: '/api/orders', takes: '/api/orders for GET, POST', policies: ['cors'] },
    forwarded: { to: 'the upstream orders (http://10.0.0.1:3002, http://10.0.0.2:3002)', path: '/api/orders/7' },
    why: undefined,
    response: { status: undefined, body: undefined }
  })
  const posted = await explained({ curl: "curl 'https://chat.example.com/chat' -d abc -H 'Origin: https://app.example.com'" })
  t.match(posted, { route: { index: 2, takes: '/chat of chat.example.com' }, forwarded: { to: 'http://localhost:1' }, response: { headers: [['access-control-allow-origin', 'https://app.example.com']] } })
  t.match(new Map(posted.forwarded?.headers), new Map([['Content-Length', '3'], ['Content-Type', 'application/x-www-form-urlencoded']]))
  const sent = await explained({ method: 'post', url: '/api/orders', headers: [['Transfer-Encoding', 'chunked'], ['X-Name', 'Zoë']] })
  t.match(new Map(sent.forwarded?.headers), new Map([['Transfer-Encoding', 'chunked'], ['X-Name', 'Zoë']]))
  t.match(new Map((await explained({ method: 'POST', url: '/api/orders' })).forwarded?.headers), new Map([['Content-Length', '0']]))
  t.match((await explained({ curl: "curl localhost/api/orders -H 'Host: other.example.com'" })).request, { host: 'other.example.com' })
})

t.test('what is not forwarded, and why not', async t => {
  for (const [given, why, status, index] of [
    [{ method: 'DELETE', url: '/api/orders/7' }, 'the routes for /api/orders take GET, HEAD, POST, PURGE alone', 405, undefined],
    [{ method: 'PURGE', url: '/api/orders/7' }, 'routes[1] has respond in place of a service', 204, 1],
    [{ url: '/chat' }, 'no route for /chat takes this host', 404, undefined],
    [{ curl: 'curl chat.example.com/chat -d 12345' }, 'routes[2] rejects it: The request is too large', 413, 2],
    [{ url: '/old' }, 'routes[3] has redirect in place of a service', 302, 3],
    [{ url: '/api/orders/%5c' }, 'routes[0] rejects it: The path cannot be forwarded', 400, 0],
    [{ url: 'http://chat.example.com/chat/%' }, 'The path cannot be forwarded', 400, undefined],
    [{ url: '/none' }, 'no route has a prefix of this path', 404, undefined],
    [{ url: '/healthz' }, 'here the gateway says itself how it is (server.health)', 200, undefined],
    [{ url: '/own', headers: [['Expect', 'much']] }, 'The only expectation that is met is 100-continue', 417, undefined],
    [{ method: 'OPTIONS', url: '/api/orders', headers: [['Origin', 'https://app.example.com'], ['Access-Control-Request-Method', 'POST']] }, 'cors of routes[0] responds to a preflight', 204, 0],
    [{ method: 'OPTIONS', url: '/old', headers: [['Origin', 'https://app.example.com']] }, 'routes[3] has redirect in place of a service', 302, 3]
  ] as const) {
    const { route, forwarded, why: said, response } = await explained(given)
    t.strictSame([said, response?.status, route?.index, forwarded], [why, status, index, undefined], JSON.stringify(given))
  }
})

t.test('what is malformed has the headers of its route all the same', async t => {
  const cors = { origin: 'https://app.example.com' }
  const trial = trialOf({ routes: [{ prefix: '/a', target: 'http://localhost:1' }, { prefix: '/b', target: 'http://localhost:1', cors }] })
  const said = await new Explainer(trial).explain({ url: '/b/%', headers: [['Origin', cors.origin]] })
  t.match(said, { explanation: { why: 'The path cannot be forwarded', response: { status: 400, headers: [['access-control-allow-origin', cors.origin]] } } })
})

t.test('secrets are hidden, whoever has said them', async t => {
  const config = { headers: { request: { set: { 'X-Api-Key': 'hush', 'X-Tenant': 'a' } }, response: { set: { 'X-Secret': 'hush' } } }, routes: [{ prefix: '/', target: 'http://localhost:1' }] }
  const said = await new Explainer(trialOf(config)).explain({ curl: "curl -u me:hush 'localhost/x?token=hush&q=1' -b 'id=hush' -e https://me:hush@host/" })
  t.notMatch(JSON.stringify(said), 'hush')
  t.match(said, { explanation: { request: { target: '/x?token=[redacted]&q=1' }, forwarded: { path: '/x?token=[redacted]&q=1' }, response: { headers: [['x-secret', '***'], ['via', String]] } } })
  if ('explanation' in said) t.match(new Map(said.explanation.forwarded?.headers), new Map([['X-Tenant', 'a'], ['X-Api-Key', '***'], ['Authorization', '***'], ['Cookie', '***'], ['Referer', 'https://***@host/']]))
  const { response } = await explained({ url: '/own' })
  t.equal(response?.body, 'plain https://***@host/')
  t.match(new Map(response?.headers), new Map([['x-token', '***']]))
  t.equal((await explained({ url: '/json' })).response?.body, '{"password":"***","shown":true}')
})

t.test('nobody is asked: no service, no health check, nobody who knows keys and tokens, no store', async t => {
  const { port, sockets } = await rawService(t, () => {})
  const url = `http://127.0.0.1:${port}`
  const said = await new Explainer(trialOf({
    admin: { port: 0 },
    rateLimit: { max: 1, store: `redis://127.0.0.1:${port}` },
    auth: { any: [{ jwt: { jwksUrl: `${url}/jwks`, issuer: url } }, { forward: { url } }] },
    upstreams: { app: { targets: [url], health: { path: '/', interval: '20ms' } } },
    routes: [{ prefix: '/', upstream: 'app', mirror: { upstream: 'app' } }]
  })).explain({ url: '/' })
  t.match(said, { explanation: { forwarded: { path: '/' } } })
  t.equal(sockets.length, 0)
})

t.test('an access list is named by what it has', async t => {
  const target = 'http://localhost:1/base'
  const explainer = new Explainer(trialOf({ routes: [{ prefix: '/a', target, access: { allow: ['10.0.0.0/8'] } }, { prefix: '/b', target, access: { deny: ['10.1.0.0/16'] } }] }))
  t.match(await explainer.explain({ url: '/a/1?2' }), { explanation: { route: { policies: ['access (from 10.0.0.0/8)'] }, forwarded: { path: '/base/a/1?2' } } })
  t.match(await explainer.explain({ url: '/b' }), { explanation: { route: { policies: ['access (not from 10.1.0.0/16)'] }, forwarded: { path: '/base/b' } } })
})

t.test('no span is made of it', async t => {
  const spans = new Spans(t)
  await explained({ url: '/api/orders' })
  await explained({ url: '/old' })
  t.strictSame(spans.all, [])
})

t.test('as lines for a terminal', async t => {
  t.strictSame(describe({ request: { method: 'GET', target: '/x', host: 'h' }, notes: ['a'], why: 'b', response: { status: 404, headers: [], body: 'c' } }),
    ['GET /x of h', '(a)', '', 'is not forwarded. The gateway responds itself: 404', 'because b', '', '    c'])
  t.strictSame(describe({ request: { method: 'GET', target: '/x', host: 'h' }, notes: [], why: 'b' }), ['GET /x of h', '', 'is not for the gateway', 'because b'])
  t.strictSame(describe({ request: { method: 'GET', target: '/x', host: 'h' }, notes: [], route: { index: 0, prefix: '/x', takes: '/x', policies: [] }, forwarded: { to: 'there', path: '/y', headers: [['A', 'b']] }, response: { headers: [] } }),
    ['GET /x of h', '', 'takes routes[0], /x', 'passes  no policy', '', 'and goes to there as', '    GET /y', '    A: b'])
})

t.test('a large response of the gateway is cut', async t => {
  const trial = trialOf({ routes: [{ prefix: '/', respond: { body: 'x'.repeat(500_000) } }] })
  const { body } = await tryOut(trial, { method: 'GET', target: '/', host: 'x', fields: [] })
  t.ok(body.length < 200_000)
})

t.test('what takes too long is given up, and leaves nothing behind', async t => {
  const config = { routes: [{ prefix: '/', target: 'http://localhost:1', bodyBuffer: 1_000 }] }
  const said = await new Explainer(trialOf(config), 200).explain({ method: 'POST', url: '/', headers: [['Content-Length', '5']] })
  t.strictSame(said, { failed: 'late' }, 'it waits for a body that does not come')
})

t.test('what is wrong with the request is said; what is wrong with the gateway is thrown', async t => {
  t.strictSame(await explainer.explain({ curl: 'curl' }), { mistake: 'found no URL' })
  const broken = new Explainer({ ...trialOf(CONFIG), register: async () => { throw new ConfigError('made up', []) } })
  await t.rejects(broken.explain({ url: '/' }), ConfigError)
})
