import t from 'tap'
import { checkConfig } from '../../src/config/index.js'
import { mistakesIn, withRoute } from './mistakes.js'

const TARGET = 'http://localhost:3001'

t.test('hosts, one by one', async t => {
  for (const host of ['api.example.com', '*.example.com', 'API.example.com.', 'localhost', '127.0.0.1', '::1', '[::1]', 'bücher.example', '*.bücher.example']) {
    t.strictSame(mistakesIn(withRoute({ hosts: [host] })), [], host)
  }
  const name = 'must be a host name such as "api.example.com" or "*.example.com"'
  for (const [host, wrong] of [
    ['*', 'must be a host name: leave hosts out to take every host'],
    ['a.*.example', 'must have its "*" as the whole first label, such as "*.example.com"'],
    ['*.*.example', 'must have its "*" as the whole first label, such as "*.example.com"'],
    ['*example.com', 'must have its "*" as the whole first label, such as "*.example.com"'],
    ['https://a.example', 'must be the host alone, such as "api.example.com"'],
    ['a.example/x', 'must be the host alone, such as "api.example.com"'],
    ['a.example:8080', 'must not have a port: hosts are compared without it'],
    ['[::1]:80', 'must not have a port: hosts are compared without it'],
    ['', name], ['-a', name], ['a..b', name], ['1.2.3.4.5', name], ['*.', name]
  ] as const) t.strictSame(mistakesIn(withRoute({ hosts: [host] })), [`routes[0].hosts[0]: found ${JSON.stringify(host)}, ${wrong}`])
  t.strictSame(mistakesIn(withRoute({ hosts: [] })), ['routes[0].hosts: found an empty list, must be a list of host names such as ["api.example.com"]'])
  t.strictSame(mistakesIn(withRoute({ hosts: 'a' })), ['routes[0].hosts: found "a", must be a list of host names such as ["api.example.com"]'])
  t.strictSame(mistakesIn(withRoute({ hosts: [1] })), ['routes[0].hosts[0]: found 1, must be a host name such as "api.example.com"'])
  t.match(checkConfig(withRoute({ hosts: ['API.Example.com.', '*.BÜCHER.example', '::1'] })).routes, [{ hosts: ['api.example.com', '*.xn--bcher-kva.example', '[::1]'] }])
})

t.test('methods, one by one', async t => {
  t.strictSame(mistakesIn(withRoute({ methods: ['GET', 'M-SEARCH', 'PURGE'] })), [])
  for (const method of ['get', 'NONE', '', 1]) {
    t.strictSame(mistakesIn(withRoute({ methods: [method] })), [`routes[0].methods[0]: found ${JSON.stringify(method)}, must be a method in capitals such as "GET"`])
  }
  for (const method of ['TRACE', 'CONNECT']) t.strictSame(mistakesIn(withRoute({ methods: [method] })), [`routes[0].methods[0]: found "${method}", must be a method that is forwarded`])
  t.strictSame(mistakesIn(withRoute({ methods: [] })), ['routes[0].methods: found an empty list, must be a list of methods such as ["GET"]'])
})

t.test('two routes of one prefix take different requests', async t => {
  const both = (...routes: object[]): string[] => mistakesIn({ routes: routes.map(route => ({ prefix: '/a', target: TARGET, ...route })) })
  const same = (words: string): string[] => [`routes[1].prefix: found "/a", which routes[0] has already${words}: routes[0] and routes[1] must differ`]
  t.strictSame(both({}, {}), same(''))
  t.strictSame(both({ hosts: ['a.example', 'b.example'] }, { hosts: ['B.example.'] }), same(' at b.example'))
  t.strictSame(both({ hosts: ['*.example.com'] }, { hosts: ['*.EXAMPLE.com'] }), same(' at *.example.com'))
  t.strictSame(both({ methods: ['GET'] }, { methods: ['POST', 'HEAD'] }), same(' for HEAD'))
  t.strictSame(both({ methods: ['PUT'], hosts: ['a.example'] }, { methods: ['PUT'], hosts: ['a.example'] }), same(' for PUT at a.example'))
  t.strictSame(both({}, { hosts: ['a.example'] }, { hosts: ['*.example'] }, { methods: ['GET'] }, { methods: ['PUT'] }, { hosts: ['a.example'], methods: ['GET'] }), [])
  t.strictSame(both({ prefix: '/b' }, {}), [])
  t.strictSame(both({ hosts: ['a b'], methods: 'GET' }, { hosts: [1], methods: {} }).filter(line => line.includes('prefix')), same(''), 'what is wrong elsewhere is told there')
})

t.test('host is a word or a name', async t => {
  for (const host of ['target', 'preserve', 'app.example.com', 'app.example.com:8443', '[::1]:80', '127.0.0.1']) t.strictSame(mistakesIn(withRoute({ host })), [], host)
  const wrong = 'must be "target", "preserve" or a host name such as "app.example.com"'
  for (const [host, reason] of [
    ['', wrong], ['a b', wrong], ['http://a', wrong], ['a\r\nb: c', wrong], ['é', wrong],
    ['::1', 'must have its IPv6 address in brackets'], ['a:0', 'must have a port from 1 to 65535'], ['a:65536', 'must have a port from 1 to 65535']
  ] as const) t.strictSame(mistakesIn(withRoute({ host })), [`routes[0].host: found ${JSON.stringify(host)}, ${reason}`])
  t.strictSame(mistakesIn(withRoute({ host: 1 })), ['routes[0].host: found 1, must be "target", "preserve" or a host name'])
})

t.test('stripPrefix stands alone', async t => {
  t.strictSame(mistakesIn(withRoute({ stripPrefix: true })), [])
  t.strictSame(mistakesIn(withRoute({ stripPrefix: false, pathRewrite: { pattern: '^/a', replacement: '' } })), [])
  t.strictSame(mistakesIn(withRoute({ stripPrefix: true, pathRewrite: { pattern: '^/a', replacement: '' } })), ['routes[0].stripPrefix: found true, must be left out: the route has pathRewrite'])
})

t.test('a route has a target, or responds itself', async t => {
  const route = (keys: object): string[] => mistakesIn({ routes: [{ prefix: '/a', ...keys }] })
  const missing = 'routes[0].target: is missing, must be a URL such as "http://localhost:3001" or an object such as { "host": "localhost", "port": 3001 }, or upstream, respond or redirect in its place'
  t.strictSame(route({}), [missing])
  t.strictSame(route({ targt: TARGET }), ['routes[0].targt: unknown key, did you mean `target`?'])
  t.strictSame(route({ respond: {} }), [])
  t.strictSame(route({ redirect: { to: '/b' } }), [])
  t.strictSame(route({ target: TARGET, respond: {} }), ['routes[0].respond: found an object, must be left out: the route has target'])
  t.strictSame(route({ target: TARGET, redirect: { to: '/b' } }), ['routes[0].redirect: found an object, must be left out: the route has target'])
  t.strictSame(route({ respond: {}, redirect: { to: '/b' } }), ['routes[0].redirect: found an object, must be left out: the route has respond'])
  t.strictSame(route({ respond: {}, host: 'preserve', http2: true, stripPrefix: true, pathRewrite: { pattern: '^/a', replacement: '' } }), ['host', 'http2', 'pathRewrite', 'stripPrefix'].map(key =>
    `routes[0].${key}: found ${key === 'pathRewrite' ? 'an object' : key === 'host' ? '"preserve"' : 'true'}, must be left out: the route has no target`))
})

t.test('a response of the gateway itself is one that can be sent', async t => {
  const respond = (keys: unknown): string[] => mistakesIn({ routes: [{ prefix: '/a', respond: keys }] })
  const cycle: { self?: unknown } = {}
  cycle.self = cycle
  for (const body of ['', 'x', 1, false, [], [{ a: [1] }], { a: { b: null } }]) t.strictSame(respond({ body }), [])
  t.strictSame(respond(1), ['routes[0].respond: found 1, must be an object such as { "status": 503, "body": "Back soon." }'])
  for (const status of [199, 600, 1.5, '503']) t.match(respond({ status }), [/^routes\[0\]\.respond\.status: found .*, must be a whole number from 200 to 599/])
  for (const body of [() => {}, cycle, 1n]) t.match(respond({ body }), [/^routes\[0\]\.respond\.body: found .*, must be text or a JSON value$/])
  for (const status of [204, 304]) t.strictSame(respond({ status, body: 'x' }), [`routes[0].respond.body: found "x", must be left out: a ${status} has no body`])
  t.strictSame(respond({ status: 204 }), [])
  t.strictSame(respond({ headers: { 'Retry-After': '1', 'content-type': 'text/x', 'x-é': '1' } }), ['routes[0].respond.headers["x-é"]: must have the name of a header'])
  t.strictSame(respond({ headers: { 'Content-Length': '1' } }), ['routes[0].respond.headers["Content-Length"]: must be left out: the server sets it'])
  t.strictSame(respond({ headers: { a: 'b\r\nc: d' } }), ['routes[0].respond.headers.a: found "b\\r\\nc: d", must be text without control characters or letters beyond Latin-1'])
  t.strictSame(respond({ headers: { a: 1 } }), ['routes[0].respond.headers.a: found 1, must be text'])
  t.strictSame(respond({ headers: 'a' }), ['routes[0].respond.headers: found "a", must be an object of headers such as { "retry-after": "600" }'])
  t.match(checkConfig({ routes: [{ prefix: '/a', respond: { headers: { 'X-A': '1' }, body: { a: [{ b: 1 }] } } }] }).routes, [{ respond: { status: 200, headers: { 'X-A': '1' }, body: { a: [{ b: 1 }] } } }])
})

t.test('a redirect leads somewhere', async t => {
  const redirect = (to: unknown, status?: unknown): string[] => mistakesIn({ routes: [{ prefix: '/a', redirect: { to, ...(status !== undefined && { status }) } }] })
  for (const to of ['/', '/docs?x=1#y', 'https://example.com', 'http://example.com/docs']) t.strictSame(redirect(to), [])
  const where = 'must be a path such as "/docs" or a URL such as "https://example.com/docs"'
  for (const [to, wrong] of [
    ['', where], ['docs', where], ['ftp://a', where], ['javascript:x', where], ['http://', where], ['//evil.example', 'must start with one "/", or be a URL'],
    ['/a b', 'must not contain white space, backslashes or anything beyond ASCII'], ['/\\evil', 'must not contain white space, backslashes or anything beyond ASCII'],
    ['/é', 'must not contain white space, backslashes or anything beyond ASCII'], ['/a\r\nb', 'must not contain white space, backslashes or anything beyond ASCII']
  ] as const) t.strictSame(redirect(to), [`routes[0].redirect.to: found ${JSON.stringify(to)}, ${wrong}`])
  t.strictSame(redirect(1), [`routes[0].redirect.to: found 1, ${where}`])
  for (const status of [300, 200, '308']) t.strictSame(redirect('/b', status), [`routes[0].redirect.status: found ${JSON.stringify(status)}, must be 301, 302, 303, 307 or 308`])
})
