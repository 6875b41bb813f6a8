import t from 'tap'
import { checkConfig } from '../../src/config/index.js'
import { mistakesIn, ROUTE_KEYS, SERVER_KEYS, withRoute } from './mistakes.js'

const TARGET = 'must be a URL such as "http://localhost:3001" or an object such as { "host": "localhost", "port": 3001 }'

t.test('every mistake is told at once, each with its path, what was found and what is allowed', async t => {
  t.strictSame(mistakesIn({
    server: { trustProxy: 1, shutdownTimeout: '30', accessLog: 'true', listen: 3000 },
    cors: { origin: 'https://app.example/', methods: ['get'], allowedHeaders: 'X-A', exposedHeaders: ['a b'], maxAge: -1 },
    ratelimit: { max: 1 },
    rateLimit: { max: '10', timeWindow: 0, allowList: ['localhost', 1] },
    routes: [
      { prefix: '/a', target: { host: 'a', port: 0 }, timeout: 0 },
      { prefx: '/b', target: { url: 'http://b' }, cors: true, 'x-y': 1 },
      { prefix: '/a', target: 3001, pathRewrite: { patern: '^/a', replacement: '/a b' }, rateLimit: 100 }
    ]
  }), [
    'cors.allowedHeaders: found "X-A", must be a list of header names',
    'cors.exposedHeaders[0]: found "a b", must be a header name such as "X-Total-Count"',
    'cors.maxAge: found -1, must be a whole number of seconds, 0 or more',
    'cors.methods[0]: found "get", must be a method in capitals such as "GET"',
    'cors.origin: found "https://app.example/", must be written as browsers send it: "https://app.example"',
    'ratelimit: unknown key, did you mean `rateLimit`?',
    'rateLimit.allowList[0]: found "localhost", must be an IP address, or a CIDR range such as "10.0.0.0/8"',
    'rateLimit.allowList[1]: found 1, must be an IP address, or a CIDR range such as "10.0.0.0/8"',
    'rateLimit.max: found "10", must be a whole number, 1 or more (without quotes)',
    'rateLimit.timeWindow: found 0, must be a duration of 1 to 2147483647 ms: whole milliseconds (30000) or text such as "500ms", "30s", "1m", "1h", "1d"',
    'routes[0].target.port: found 0, must be a whole number from 1 to 65535',
    'routes[0].timeout: found 0, must be a duration of 1 to 2147483647 ms: whole milliseconds (30000) or text such as "500ms", "30s", "1m", "1h", "1d"',
    'routes[1].cors: found true, must be false or an object such as { "origin": ["https://app.example.com"] }',
    'routes[1].prefx: unknown key, did you mean `prefix`?',
    'routes[1].target.host: is missing, must be a host name or an IP address',
    'routes[1].target.port: is missing, must be a whole number from 1 to 65535',
    'routes[1].target.url: unknown key, must be one of host, port, protocol',
    `routes[1]["x-y"]: unknown key, must be one of ${ROUTE_KEYS}`,
    'routes[2].pathRewrite.patern: unknown key, did you mean `pattern`?',
    'routes[2].pathRewrite.replacement: found "/a b", must be a path such as "/auth", or "" for none: ' +
      'no white space, "?", "#" or backslash, all beyond ASCII percent-encoded',
    'routes[2].prefix: found "/a", which routes[0] has already: routes[0] and routes[2] must differ',
    'routes[2].rateLimit: found 100, must be false or an object such as { "max": 1000, "timeWindow": "1m" }',
    `routes[2].target: found 3001, ${TARGET}`,
    'server.accessLog: found "true", must be true, false or an object such as { "slow": "1s", "sample": 0.1 }',
    `server.listen: unknown key, must be one of ${SERVER_KEYS}`,
    'server.shutdownTimeout: found "30", must name its unit (ms, s, m, h or d), or be a number of milliseconds without quotes',
    'server.trustProxy: found 1, must be true, false, or the addresses or CIDR ranges of the proxies in front, such as "10.0.0.0/8" or "loopback" ' +
      '(a number of hops is rejected: it says nothing about who may be trusted)'
  ])
})

t.test('an error names what was checked', async t => {
  t.throws(() => checkConfig({}), { message: /^gateway options: 1 mistake\n/ })
  t.throws(() => checkConfig({}, { source: 'my options' }), { message: /^my options: 1 mistake\n/ })
})

t.test('what is no configuration at all', async t => {
  for (const [value, found] of [[null, 'null'], [undefined, 'undefined'], ['x', '"x"'], [1, '1'], [[], 'an empty list'], [[1], 'a list'], [() => {}, 'a function']]) {
    t.strictSame(mistakesIn(value), [`found ${found}, must be an object with "routes"`])
  }
  const routes = 'must be a list with at least one route'
  t.strictSame(mistakesIn({}), [`routes: is missing, ${routes}`])
  t.strictSame(mistakesIn({ routes: [] }), [`routes: found an empty list, ${routes}`])
  t.strictSame(mistakesIn({ routes: { '/api': 'http://localhost:3001' } }), [`routes: found an object, ${routes}`])
})

t.test('the nearest known key is named for an unknown one, and the missing one is not told again', async t => {
  for (const [key, meant] of [['PREFIX', 'prefix'], ['xxprefix', 'prefix'], ['prefixes', 'prefix'], ['timeOut', 'timeout'], ['tiemout', 'timeout'], ['rewrite', 'pathRewrite'], ['path', 'pathRewrite'], ['limit', 'rateLimit']]) {
    t.strictSame(mistakesIn(withRoute({ [String(key)]: 1 })), [`routes[0].${key}: unknown key, did you mean \`${meant}\`?`])
  }
  t.strictSame(mistakesIn({ route: [] }), ['route: unknown key, did you mean `routes`?'])
  for (const key of ['name', 'url', 'a', 'xxxprefix', 'qqq', 'constructor', '__proto__']) {
    const route: unknown = JSON.parse(`{ "prefix": "/a", "target": "http://a", "${key}": 1 }`)
    t.strictSame(mistakesIn({ routes: [route] }, {}), [`routes[0].${key}: unknown key, must be one of ${ROUTE_KEYS}`])
  }
})

t.test('of a choice only the branch that was meant is explained', async t => {
  t.strictSame(mistakesIn(withRoute({ target: { host: 'a', port: '3001', protocol: 'ftp' } })), [
    'routes[0].target.port: found "3001", must be a whole number from 1 to 65535 (without quotes)',
    'routes[0].target.protocol: found "ftp", must be "http" or "https"'
  ])
  t.strictSame(mistakesIn(withRoute({ target: null, cors: null, timeout: 1.5 })), [
    'routes[0].cors: found null, must be false or an object such as { "origin": ["https://app.example.com"] }',
    `routes[0].target: found null, ${TARGET}`,
    'routes[0].timeout: found 1.5, must be a duration of 1 to 2147483647 ms: whole milliseconds (30000) or text such as "500ms", "30s", "1m", "1h", "1d"'
  ])
})

t.test('mistakes stand in the order of their paths, and only what needs it is told to lose its quotes', async t => {
  const routes = Array.from({ length: 11 }, (_, index) => ({ prefix: `/${index}`, target: 'http://a', timeout: index === 2 || index === 10 ? '1' : '1s' }))
  t.strictSame(mistakesIn({ routes }).map(line => line.split(':')[0]), ['routes[2].timeout', 'routes[10].timeout'])
  for (const [http2, hint] of [['true', ' (without quotes)'], ['false', ' (without quotes)'], ['yes', ''], ['1', '']]) {
    t.strictSame(mistakesIn(withRoute({}, { server: { http2 } })), [`server.http2: found "${http2}", must be true or false${hint}`])
  }
})

t.test('long text is cut, and a password in a URL is not shown', async t => {
  t.strictSame(mistakesIn(withRoute({ prefix: 'x'.repeat(60) })), [`routes[0].prefix: found "${'x'.repeat(60)}", must start with "/"`])
  t.strictSame(mistakesIn(withRoute({ prefix: 'x'.repeat(100), target: 'http://root:se/cr@et@localhost' })), [
    `routes[0].prefix: found "${'x'.repeat(60)}…", must start with "/"`,
    'routes[0].target: found "http://***@localhost", must be a URL such as "http://localhost:3001"'
  ])
})

t.test('a route that leaves out what no global section gives', async t => {
  const route = { cors: { credentials: true }, rateLimit: { timeWindow: '1m' } }
  t.strictSame(mistakesIn(withRoute(route)), [
    'routes[0].cors.origin: is missing, must be given here: there is no global cors',
    'routes[0].rateLimit.max: is missing, must be given here: there is no global rateLimit'
  ])
  t.strictSame(mistakesIn(withRoute(route, { cors: false, rateLimit: false })), [
    'routes[0].cors.origin: is missing, must be given here: the global cors is false',
    'routes[0].rateLimit.max: is missing, must be given here: the global rateLimit is false'
  ])
})

t.test('every origin together with credentials, wherever the two meet, is told once', async t => {
  const rejected = 'found the origin "*" together with credentials, which browsers reject: ' +
    'list the origins, or write true to allow every origin by reflecting it'
  t.strictSame(mistakesIn(withRoute({}, { cors: { origin: '*', credentials: true } })), [`cors.origin: ${rejected}`])
  t.strictSame(mistakesIn(withRoute({ cors: { maxAge: 1 } }, { cors: { origin: ['*'], credentials: true } })), [`cors.origin: ${rejected}`])
  t.strictSame(mistakesIn(withRoute({ cors: { origin: '*', credentials: true } })), [`routes[0].cors.origin: ${rejected}`])
  t.strictSame(mistakesIn(withRoute({ cors: { origin: '*' } }, { cors: { origin: true, credentials: true } })), [`routes[0].cors.origin: ${rejected}`])
  t.strictSame(mistakesIn(withRoute({ cors: { credentials: true } }, { cors: { origin: '*' } })), [`routes[0].cors.origin: ${rejected}`])
  t.strictSame(mistakesIn(withRoute({ cors: { credentials: false } }, { cors: { origin: true, credentials: true } })), [])
})

t.test('a rewrite that would make every path one that is never forwarded', async t => {
  const rejected = 'must not lead to "//" at the start or to a "." or ".." segment, which are never forwarded'
  for (const [prefix, pattern, replacement, from, to] of [
    ['/api', '^/api', '/', '/api/x', '//x'],
    ['/', '^', '/', '/x', '//x'],
    ['/api', '^/api', '/v1/..', '/api/x', '/v1/../x'],
    ['/api', '^/api/', './', '/api/x', './x']
  ]) {
    t.strictSame(mistakesIn(withRoute({ prefix, pathRewrite: { pattern, replacement } })),
      [`routes[0].pathRewrite.replacement: found "${replacement}", which makes "${from}" into "${to}": ${rejected}`])
  }
  for (const pathRewrite of [{ pattern: '^/api/', replacement: '/' }, { pattern: '^/api', replacement: '' }, { pattern: '^/api', replacement: '/.well-known' }]) {
    t.strictSame(mistakesIn(withRoute({ pathRewrite })), [])
  }
  t.strictSame(mistakesIn(withRoute({ prefix: 1, pathRewrite: { pattern: '(', replacement: 1 } })).map(line => line.split(':')[0]),
    ['routes[0].pathRewrite.pattern', 'routes[0].pathRewrite.replacement', 'routes[0].prefix'], 'what is wrong by itself is not tried')
})
