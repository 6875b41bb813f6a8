import t from 'tap'
import { checkConfig } from '../../src/config/index.js'
import { withRoute } from './mistakes.js'

const METHODS = ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE']

t.test('what a configuration leaves out', async t => {
  const bare = checkConfig(withRoute())
  t.match(bare, {
    server: { trustProxy: false, shutdownTimeout: 30_000, accessLog: true },
    via: /^gateway-[0-9a-f]{12}$/,
    forwarded: 'x-forwarded',
    routes: [{
      prefix: '/api',
      target: { protocol: 'http', host: 'localhost', port: 3001 },
      timeout: 30_000,
      maxBodySize: 1024 ** 3,
      bodyBuffer: 0,
      minBodyRate: 128,
      minResponseRate: 128,
      maxConcurrentPerConnection: 512,
      requestTimeout: 30_000,
      ownRateLimit: false
    }]
  })
  const unsaid = ['cors', 'rateLimit', 'pathRewrite']
  t.strictSame([bare, ...bare.routes].flatMap(Object.keys).filter(key => unsaid.includes(key)), [])
  t.match(checkConfig(withRoute({}, { cors: { origin: true }, rateLimit: { max: 10 } })), {
    server: { trustProxy: false, shutdownTimeout: 30_000, accessLog: true },
    cors: { origin: true, credentials: false, methods: METHODS },
    rateLimit: { max: 10, timeWindow: 60_000 },
    routes: [{
      prefix: '/api',
      target: { protocol: 'http', host: 'localhost', port: 3001 },
      timeout: 30_000,
      cors: { origin: true, credentials: false, methods: METHODS },
      rateLimit: { max: 10, timeWindow: 60_000 },
      ownRateLimit: false
    }]
  })
})

t.test('what it says, in the one form that the gateway works with', async t => {
  t.match(checkConfig(withRoute({
    target: { host: '[::1]', port: 443, protocol: 'https' }, pathRewrite: { pattern: '^/api', replacement: '' }, timeout: '1.5s'
  }, {
    $schema: './routes.schema.json',
    server: { trustProxy: ['10.0.0.0/8'], shutdownTimeout: 0, accessLog: false },
    cors: { origin: ['https://a.example'], credentials: true, methods: ['GET'], allowedHeaders: ['X-A'], exposedHeaders: ['X-B'], maxAge: 0 },
    rateLimit: { max: 1, timeWindow: '1h', allowList: ['127.0.0.1', '::1'] }
  })), {
    server: { trustProxy: ['10.0.0.0/8'], shutdownTimeout: 0, accessLog: false },
    cors: { origin: ['https://a.example'], credentials: true, methods: ['GET'], allowedHeaders: ['X-A'], exposedHeaders: ['X-B'], maxAge: 0 },
    rateLimit: { max: 1, timeWindow: 3_600_000, allowList: ['127.0.0.1', '::1'] },
    routes: [{
      prefix: '/api',
      target: { protocol: 'https', host: '::1', port: 443 },
      pathRewrite: { pattern: '^/api', replacement: '' },
      timeout: 1500,
      cors: { origin: ['https://a.example'], credentials: true, methods: ['GET'], allowedHeaders: ['X-A'], exposedHeaders: ['X-B'], maxAge: 0 },
      rateLimit: { max: 1, timeWindow: 3_600_000, allowList: ['127.0.0.1', '::1'] },
      ownRateLimit: false
    }]
  })
})

t.test('trustProxy: true, false, one name, several with commas, a list', async t => {
  for (const [given, normalized] of [
    [true, true], [false, false], ['loopback', ['loopback']], ['10.0.0.1,fd00::/8 , uniquelocal', ['10.0.0.1', 'fd00::/8', 'uniquelocal']],
    [['linklocal', '::1/128', '0.0.0.0/32'], ['linklocal', '::1/128', '0.0.0.0/32']], [[], []]
  ]) t.strictSame(checkConfig(withRoute({}, { server: { trustProxy: given } })).server.trustProxy, normalized)
})

t.test('durations: milliseconds, or a number and its unit', async t => {
  for (const [given, milliseconds] of [
    [1, 1], [30_000, 30_000], ['500ms', 500], ['0.6ms', 1], ['1.5s', 1500], ['2m', 120_000], ['1h', 3_600_000], ['1d', 86_400_000], ['2147483647ms', 2 ** 31 - 1], [2 ** 31 - 1, 2 ** 31 - 1]
  ]) t.match(checkConfig(withRoute({ timeout: given })).routes, [{ timeout: milliseconds }], String(given))
})

t.test('sizes: bytes, or a number and its unit', async t => {
  for (const [given, bytes] of [[0, 0], [1000, 1000], ['512b', 512], ['1.5kb', 1536], ['10MB', 10 * 1024 ** 2], ['1gb', 1024 ** 3]]) {
    t.match(checkConfig(withRoute({ maxBodySize: given })).routes, [{ maxBodySize: bytes }], String(given))
  }
})

t.test('via: a name, one made up, or none', async t => {
  const via = (via: unknown): unknown => checkConfig(withRoute({}, { via })).via
  t.equal(via('edge-1'), 'edge-1')
  t.equal(via(false), false)
  t.not(via(true), via(true), 'replicas of one configuration differ')
})

t.test('a target as a URL', async t => {
  for (const [given, protocol, host, port] of [
    ['http://localhost', 'http', 'localhost', 80],
    ['https://localhost', 'https', 'localhost', 443],
    ['HTTPS://Auth.Internal:8443', 'https', 'auth.internal', 8443],
    ['http://localhost:80', 'http', 'localhost', 80],
    ['http://127.0.0.1:1', 'http', '127.0.0.1', 1],
    ['http://[::1]:65535', 'http', '::1', 65535],
    ['http://auth_service.default.svc.cluster.local.:3001', 'http', 'auth_service.default.svc.cluster.local.', 3001]
  ] as const) t.match(checkConfig(withRoute({ target: given })).routes[0]?.target, { protocol, host, port })
})

t.test('a route lays its own keys over the global section', async t => {
  const cors = { origin: ['https://a.example'], credentials: true, maxAge: 600 }
  const rateLimit = { max: 100, timeWindow: '1h', allowList: ['::1'] }
  const own = { cors: { origin: ['https://b.example'], exposedHeaders: ['X-B'] }, rateLimit: { max: 5 } }
  t.match(checkConfig(withRoute(own, { cors, rateLimit })).routes, [{
    cors: { origin: ['https://b.example'], credentials: true, methods: METHODS, exposedHeaders: ['X-B'], maxAge: 600 },
    rateLimit: { max: 5, timeWindow: 3_600_000, allowList: ['::1'] },
    ownRateLimit: true
  }])
  t.match(checkConfig(withRoute({ cors: {}, rateLimit: {} }, { cors, rateLimit })).routes, [{
    cors: { origin: ['https://a.example'] }, rateLimit: { max: 100 }, ownRateLimit: true
  }])
})

t.test('a key that code gives as undefined is not given', async t => {
  const { routes } = checkConfig(withRoute(
    { timeout: undefined, pathRewrite: undefined, cors: { origin: undefined, maxAge: 1 } }, { cors: { origin: '*' }, rateLimit: undefined }
  ))
  t.match(routes, [{ timeout: 30_000, cors: { origin: '*', maxAge: 1 } }])
  t.strictSame(routes.flatMap(Object.keys).filter(key => ['pathRewrite', 'rateLimit'].includes(key)), [])
})

t.test('a section alone on its route, switched off there, or switched off for all', async t => {
  const on = { cors: { origin: '*' }, rateLimit: { max: 5 } }
  const off = { cors: false, rateLimit: false }
  const onHere = { cors: { origin: '*' }, rateLimit: { max: 5, timeWindow: 60_000 }, ownRateLimit: true }
  const offHere = { cors: false, rateLimit: false, ownRateLimit: false }
  t.match(checkConfig(withRoute(on)).routes, [onHere])
  t.match(checkConfig(withRoute(on, off)).routes, [onHere])
  t.match(checkConfig(withRoute(off, on)).routes, [offHere])
  t.match(checkConfig(withRoute({}, off)), { cors: false, rateLimit: false, routes: [offHere] })
})
