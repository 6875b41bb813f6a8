import t from 'tap'
import { checkConfig } from '../../src/config/index.js'
import { readWeightedTarget } from '../../src/config/target.js'
import { fixture as tlsFile, pair, pem } from '../fixtures/tls.js'
import { mistakesIn } from './mistakes.js'

const URL = 'http://10.0.0.1:3002'

function withUpstream (upstream: object, route: object = {}): object {
  return { upstreams: { app: { targets: [URL], ...upstream } }, routes: [{ prefix: '/api', upstream: 'app', ...route }] }
}

t.test('every default is filled in, and every target is an address with a weight', async t => {
  const { upstreams, routes } = checkConfig(withUpstream({ targets: [URL, { url: 'https://b.internal/base', weight: 3 }, { url: 'unix:/run/app.sock', backup: true }] }))
  t.strictSame(upstreams, {
    app: {
      targets: [
        { protocol: 'http', host: '10.0.0.1', port: 3002, weight: 1, backup: false },
        { protocol: 'https', host: 'b.internal', port: 443, basePath: '/base', weight: 3, backup: false },
        { protocol: 'http', socketPath: '/run/app.sock', weight: 1, backup: true }
      ],
      balance: 'least-requests',
      slowStart: 10_000,
      ejection: { after: 5, for: 10_000, maxEjected: 0.5 },
      maxQueue: 1024,
      queueTimeout: 5_000,
      keepAlive: 30_000,
      connectTimeout: 5_000
    }
  })
  t.match(routes[0], { upstream: 'app', retry: { attempts: 1, on: ['connect', 'reset'], budget: 0.2 } })
  t.equal(routes[0]?.target, undefined)
  t.equal(checkConfig(withUpstream({}, { retry: false })).routes[0]?.retry, false)
  t.strictSame(checkConfig({ routes: [{ prefix: '/api', target: URL }] }).upstreams, {})
})

t.test('what is said is taken', async t => {
  const { upstreams: { app } } = checkConfig(withUpstream({
    targets: ['https://10.0.0.1:3002'],
    balance: { hash: 'header:x-user', maxLoad: 1.25 },
    sticky: { cookie: 'gw', secret: '0123456789abcdef', maxAge: '1h' },
    slowStart: 0,
    ejection: false,
    maxConnections: 512,
    maxConcurrent: 256,
    http2: true,
    tls: { ca: tlsFile('ca.pem') }
  }))
  t.match(app, {
    balance: { hash: 'header:x-user', maxLoad: 1.25 },
    sticky: { cookie: 'gw', maxAge: 3_600_000, secure: true },
    slowStart: 0,
    ejection: false,
    maxConnections: 512,
    maxConcurrent: 256,
    http2: true,
    tls: { ca: pem('ca.pem') }
  })
})

t.test('numbers come from the environment as well, also those that are not whole', async t => {
  const { upstreams: { app } } = checkConfig(withUpstream({ ejection: { maxEjected: '${PART}' } }), { env: { PART: '0.25' } }) // eslint-disable-line no-template-curly-in-string
  t.match(app?.ejection, { maxEjected: 0.25 })
  t.strictSame(mistakesIn(withUpstream({ ejection: { maxEjected: '0.25' } })), ['upstreams.app.ejection.maxEjected: found "0.25", must be a number from 0 to 1 (without quotes)'])
})

t.test('what is wrong is told, with what is allowed', async t => {
  for (const [upstream, message] of [
    [{ targets: [] }, 'upstreams.app.targets: found an empty list, must be a list of at least one URL, such as ["http://10.0.0.1:3002", { "url": "http://10.0.0.2:3002", "weight": 3 }]'],
    [{ targets: ['localhost'] }, 'upstreams.app.targets[0]: found "localhost", must start with "http://", "https://" or "unix:"'],
    [{ targets: [{ url: 'localhost' }] }, 'upstreams.app.targets[0].url: found "localhost", must start with "http://", "https://" or "unix:"'],
    [{ targets: [{ url: URL, weight: 0 }] }, 'upstreams.app.targets[0].weight: found 0, must be a whole number from 1 to 1000'],
    [{ targets: [URL, `${URL}/`] }, `upstreams.app.targets[1]: found "${URL}/", which upstreams.app.targets[0] has already: give one of them a weight of 2 instead`],
    [{ targets: [URL, { url: URL }] }, `upstreams.app.targets[1].url: found "${URL}", which upstreams.app.targets[0] has already: give one of them a weight of 2 instead`],
    [{ targets: [{ url: URL, backup: true }] }, 'upstreams.app.targets: found backups alone, must have a target without backup'],
    [{ balance: 'fastest' }, 'upstreams.app.balance: found "fastest", must be "least-requests", "round-robin", "random" or an object such as { "hash": "ip" }'],
    [{ balance: { hash: 'header' } }, 'upstreams.app.balance.hash: found "header", must be "ip", "path", "header:" and a name, or "cookie:" and a name'],
    [{ balance: { hash: 'ip', maxLoad: 0.5 } }, 'upstreams.app.balance.maxLoad: found 0.5, must be a number from 1 to 100'],
    [{ sticky: { cookie: 'a b', secret: '0123456789abcdef' } }, 'upstreams.app.sticky.cookie: found "a b", must be the name of a cookie such as "gateway"'],
    [{ sticky: { cookie: 'gw', secret: 'short' } }, 'upstreams.app.sticky.secret: found "short", must be text of at least 16 characters'],
    [{ ejection: true }, 'upstreams.app.ejection: found true, must be false or an object such as { "after": 5, "for": "10s" }'],
    [{ tls: {} }, 'upstreams.app.tls: found an object, must be left out: no target is https'],
    [{ targets: ['https://a'], tls: { cert: tlsFile('ca.pem') } }, 'upstreams.app.tls.key: is missing, must be given together with cert']
  ] as const) t.strictSame(mistakesIn(withUpstream(upstream)), [message])
  t.strictSame(mistakesIn({ ...withUpstream({}), upstreams: { 'a b': { targets: [URL] }, app: { targets: [URL] } } }),
    ['upstreams["a b"]: found "a b", must be a name of up to 64 letters, digits and "-", "_", ".", that starts with a letter or digit'])
  t.strictSame(mistakesIn(withUpstream({ targets: ['https://a'], tls: { cert: pair('localhost').cert, key: pair('localhost').key } })), [])
})

t.test('what is no upstream, and has no list of targets, is told as well', async t => {
  t.strictSame(mistakesIn({ upstreams: { app: 7, more: { targets: URL } }, routes: [{ prefix: '/api', upstream: 'app' }] }), [
    'upstreams.app: found 7, must be an object such as { "targets": ["http://10.0.0.1:3002", "http://10.0.0.2:3002"] }',
    `upstreams.more.targets: found "${URL}", must be a list of at least one URL, such as ["http://10.0.0.1:3002", { "url": "http://10.0.0.2:3002", "weight": 3 }]`
  ])
})

t.test('a route names one of them, and says of it what is its own', async t => {
  for (const [route, message] of [
    [{ upstream: 'appp' }, 'routes[0].upstream: found "appp", did you mean "app"?'],
    [{ upstream: 'somewhere' }, 'routes[0].upstream: found "somewhere", must be one of app'],
    [{ target: URL }, 'routes[0].upstream: found "app", must be left out: the route has target'],
    [{ http2: true }, 'routes[0].http2: found true, must stand in the upstream'],
    [{ connectTimeout: '1s' }, 'routes[0].connectTimeout: found "1s", must stand in the upstream'],
    [{ tls: {} }, 'routes[0].tls: found an object, must stand in the upstream'],
    [{ retry: true }, 'routes[0].retry: found true, must be false or an object such as { "attempts": 2, "on": ["connect", "reset", 502, 503] }'],
    [{ retry: { on: ['connected'] } }, 'routes[0].retry.on[0]: found "connected", must be "connect", "reset", "timeout" or a status from 400 to 599'],
    [{ retry: { on: [200] } }, 'routes[0].retry.on[0]: found 200, must be a whole number from 400 to 599'],
    [{ retry: { budget: 2 } }, 'routes[0].retry.budget: found 2, must be a number from 0 to 1'],
    [{ upstream: 5 }, 'routes[0].upstream: found 5, must be the name of one of upstreams']
  ] as const) t.strictSame(mistakesIn(withUpstream({}, route)), [message])
  t.strictSame(mistakesIn({ routes: [{ prefix: '/api', upstream: 'app' }] }), ['routes[0].upstream: found "app", but there are no upstreams'])
  t.strictSame(mistakesIn({ routes: [{ prefix: '/api', target: URL, retry: {} }] }),
    ['routes[0].retry: found an object, must come with upstream: there is no other target that could be tried'])
  t.strictSame(mistakesIn({ routes: [{ prefix: '/api', target: URL, retry: false }] }), [])
})

t.test('code may give targets as well', async t => {
  t.strictSame(readWeightedTarget({ url: URL, weight: 2, backup: true }), { protocol: 'http', host: '10.0.0.1', port: 3002, weight: 2, backup: true })
  t.strictSame(readWeightedTarget(URL), { protocol: 'http', host: '10.0.0.1', port: 3002, weight: 1, backup: false })
  for (const [given, message] of [[{ url: URL, weight: 1.5 }, /weight/], [{ url: URL, backup: 1 }, /backup/], [{ url: 'x' }, /start with/], [5, /URL/]] as const) {
    t.throws(() => readWeightedTarget(given), message)
  }
})
