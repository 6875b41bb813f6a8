import t from 'tap'
import { hideSecrets } from '../../src/config/hide-secrets.js'
import { checkConfig } from '../../src/config/index.js'
import { fixture } from '../fixtures/tls.js'
import { mistakesIn, withRoute } from './mistakes.js'

const SECRET = 'confidential'

function storeMistakes (store: unknown, env?: NodeJS.ProcessEnv): string[] {
  return mistakesIn(withRoute({}, { rateLimit: { max: 1, store } }), env)
}

t.test('rateLimit: what is normalized, and laid over for a route', async t => {
  const { rateLimit, routes } = checkConfig(withRoute({ rateLimit: { max: 5, key: 'cookie:sid', methods: ['POST'] } }, {
    rateLimit: { max: 1, store: 'rediss://limits.internal:6380/2', tls: { ca: fixture('ca.pem') }, allowList: ['10.0.0.0/8', '0.0.0.0/0', '::/0'] }
  }))
  t.match(rateLimit, { headers: 'x-ratelimit', onStoreError: 'allow', store: 'rediss://limits.internal:6380/2', tls: { rejectUnauthorized: true } })
  t.match(routes[0]?.rateLimit, { max: 5, key: 'cookie:sid', methods: ['POST'], store: 'rediss://limits.internal:6380/2', tls: { ca: fixture('ca.pem') } })
  t.match(checkConfig(withRoute({ rateLimit: { max: 1 }, concurrency: { max: 2, perClient: 1 } })).routes, [{ rateLimit: { store: 'memory' }, concurrency: { max: 2, perClient: 1 } }])
})

t.test('rateLimit: each mistake is told', async t => {
  const rateLimit = { max: 1, key: 'claim:', methods: ['post'], allowList: ['10.0.0.0/33', '10.0.0.0/8/8', '::/129', 'x'], headers: 'none', onStoreError: 'retry' }
  const range = 'must be an IP address, or a CIDR range such as "10.0.0.0/8"'
  t.strictSame(mistakesIn(withRoute({}, { rateLimit })), [
    'rateLimit.key: found "claim:", must be "ip", or "header:", "cookie:" or "claim:" and a name',
    'rateLimit.methods[0]: found "post", must be a method in capitals such as "GET"',
    ...rateLimit.allowList.map((found, nth) => `rateLimit.allowList[${nth}]: found "${found}", ${range}`),
    'rateLimit.headers: found "none", must be "x-ratelimit" or "draft"',
    'rateLimit.onStoreError: found "retry", must be "allow" or "deny"'
  ].sort((a, b) => a.localeCompare(b)))
})

t.test('rateLimit.key: names of headers and cookies', async t => {
  for (const key of ['ip', 'header:X-Api-Key', 'cookie:sid', 'claim:sub', 'claim:https://example.com/tenant']) t.strictSame(mistakesIn(withRoute({}, { rateLimit: { max: 1, key } })), [], key)
  for (const key of ['', 'IP', 'header:', 'cookie:a b', 'path', 'header:ä']) t.match(mistakesIn(withRoute({}, { rateLimit: { max: 1, key } })), [/^rateLimit\.key: found ".*", must be "ip"/], key)
})

t.test('rateLimit.store: URLs', async t => {
  for (const store of ['memory', 'redis://localhost', 'redis://u:p%40@10.0.0.1:6380/15', 'rediss://[::1]:6380/']) t.strictSame(storeMistakes(store), [], store)
  for (const store of ['', 'Memory', 'http://localhost', 'redis:', 'redis://', 'redis:///0', 'redis://localhost/name', 'redis://localhost/0/1', 'redis://u:%zz@localhost', 'redis://localhost:x']) {
    t.match(storeMistakes(store), [/^rateLimit\.store: found a text, must be "memory", or a URL such as/], store)
  }
  t.match(storeMistakes('redis://localhost?db=1'), [/without "\?" and "#"/])
  t.match(storeMistakes('redis://:a@b@localhost'), [/"@" in a password is "%40"/])
  t.match(storeMistakes(5), [/^rateLimit\.store: found 5, must be "memory"/])
})

t.test('rateLimit.store: no error and no print shows a password', async t => {
  for (const store of [`redis://:${SECRET}`, `redis://:${SECRET}@a@localhost`, `redis://:a@${SECRET}@localhost`, `redis://localhost?password=${SECRET}`, SECRET, `redis:${SECRET}@localhost`]) {
    for (const told of [storeMistakes(store), storeMistakes('${REDIS_URL}', { REDIS_URL: store })]) { // eslint-disable-line no-template-curly-in-string -- of the configuration
      t.equal(told.length, 1, store)
      t.notMatch(told.join(), SECRET)
    }
  }
  t.match(storeMistakes('${REDIS_URL}', { REDIS_URL: SECRET }), [/found a text \(from "\$\{REDIS_URL\}"\)/]) // eslint-disable-line no-template-curly-in-string -- of the configuration
  const print = JSON.stringify(hideSecrets(checkConfig(withRoute({}, { rateLimit: { max: 1, key: 'header:x-api-key', store: `redis://user:${SECRET}@localhost/1` } }))))
  t.notMatch(print, SECRET)
  t.equal(print.split('redis://***@localhost/1').length, 3, 'for all, and for the route')
  t.match(print, '"key":"header:x-api-key"')
  t.equal(hideSecrets(`redis://:a@${SECRET}@localhost`), 'redis://***@localhost')
})

t.test('rateLimit.tls belongs to rediss:// alone, and needs both of a pair', async t => {
  const tls = { ca: fixture('ca.pem') }
  const left = 'found an object, must be left out: the store is not "rediss://…"'
  t.strictSame(mistakesIn(withRoute({}, { rateLimit: { max: 1, tls } })), [`rateLimit.tls: ${left}`])
  t.strictSame(mistakesIn(withRoute({}, { rateLimit: { max: 1, store: 'redis://localhost', tls } })), [`rateLimit.tls: ${left}`])
  t.strictSame(mistakesIn(withRoute({ rateLimit: { tls } }, { rateLimit: { max: 1, store: 'rediss://localhost' } })), [])
  t.strictSame(mistakesIn(withRoute({ rateLimit: { max: 1, tls } }, { rateLimit: false })), [`routes[0].rateLimit.tls: ${left}`])
  t.strictSame(mistakesIn(withRoute({}, { rateLimit: { max: 1, store: 'rediss://localhost', tls: { cert: fixture('client.pem') } } })), ['rateLimit.tls.key: is missing, must be given together with cert'])
})

t.test('concurrency: each mistake is told', async t => {
  t.strictSame(mistakesIn(withRoute({ concurrency: { max: 0, perClient: 'x' } })), [
    'routes[0].concurrency.max: found 0, must be a whole number, 1 or more',
    'routes[0].concurrency.perClient: found "x", must be a whole number, 1 or more'
  ])
  t.strictSame(mistakesIn(withRoute({ concurrency: 5 })), ['routes[0].concurrency: found 5, must be an object such as { "max": 500, "perClient": 20 }'])
  t.strictSame(mistakesIn(withRoute({ target: undefined, respond: { status: 200 }, concurrency: { max: 1 } })), ['routes[0].concurrency: found an object, must be left out: the route has no target'])
})
