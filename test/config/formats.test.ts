import t from 'tap'
import { mistakesIn, withRoute } from './mistakes.js'

/** What is said about a value at one place, without the path and what was found; empty when it is allowed. */
function reasonAgainst (place: string, around: (value: unknown) => object): (value: unknown) => string {
  return value => mistakesIn(around(value)).map(line => line.replace(`${place}: found ${JSON.stringify(value)}, `, '')).join('\n')
}

t.test('a prefix is plain text that a router takes as it is', async t => {
  const verdict = reasonAgainst('routes[0].prefix', prefix => withRoute({ prefix }))
  for (const prefix of ['/', '/api', '/api/auth', '/API', '/a.b', '/~user/@me', '/.well-known', '/...']) t.equal(verdict(prefix), '')
  for (const [prefix, wrong] of [
    ['', 'must start with "/"'],
    ['api', 'must start with "/"'],
    ['/api/', 'must not end with "/"'],
    ['//', 'must not end with "/"'],
    ['/api/*', 'must not end with "/*": a prefix covers everything below it already'],
    ['/a//b', 'must not contain an empty segment ("//")'],
    ['/a/../b', 'must not contain "." or ".." as a segment'],
    ['/.', 'must not contain "." or ".." as a segment'],
    ['/a/:id', 'must not contain ":": a prefix is plain text, made of letters, digits and -._~@+$!,=&'],
    ['/%61pi', 'must not contain "%": a prefix is plain text, made of letters, digits and -._~@+$!,=&'],
    ['/a?b', 'must not contain "?": a prefix is plain text, made of letters, digits and -._~@+$!,=&'],
    ['/é/😀', 'must not contain "é": a prefix is plain text, made of letters, digits and -._~@+$!,=&']
  ]) t.equal(verdict(prefix), wrong)
  t.equal(verdict(1), 'must be a path such as "/api/auth"')
})

t.test('a target\'s URL has scheme, host and perhaps port and base path', async t => {
  const verdict = reasonAgainst('routes[0].target', target => withRoute({ target }))
  for (const [target, wrong] of [
    ['localhost:3001', 'must start with "http://", "https://" or "unix:"'],
    ['ftp://localhost', 'must start with "http://", "https://" or "unix:"'],
    ['http://local host', 'must not contain white space or backslashes'],
    ['http:\\\\localhost', 'must start with "http://", "https://" or "unix:"'],
    ['http://localhost\\x', 'must not contain white space or backslashes'],
    ['http://', 'must be a URL such as "http://localhost:3001"'],
    ['http://localhost:http', 'must be a URL such as "http://localhost:3001"'],
    ['http://::1', 'must be a URL such as "http://localhost:3001"'],
    ['http://localhost:0', 'must have a port from 1 to 65535'],
    ['http://localhost:65536', 'must have a port from 1 to 65535'],
    ['http://localhost:99999/x', 'must have a port from 1 to 65535'],
    ['http://localhost:3001/', ''],
    ['http://localhost:3001/base/v1/', ''],
    ["http://[::1]/~a/%C3%A9;v=1/it's(ok)", ''],
    ['http://localhost/api?x', 'must not have a query ("?"): the one of the request is forwarded'],
    ['http://localhost?', 'must not have a query ("?"): the one of the request is forwarded'],
    ['http://localhost#', 'must not have a fragment ("#")'],
    ['http://localhost/a//b', 'must not have an empty segment ("//") in its base path'],
    ['http://localhost//', 'must not have an empty segment ("//") in its base path'],
    ['http://localhost/a/../b', 'must not have "." or ".." as a segment of its base path'],
    ['http://localhost/%2e%2E', 'must not have "." or ".." as a segment of its base path'],
    ['http://localhost/é', 'must have a base path in ASCII, all else percent-encoded'],
    ['http://localhost/%zz', 'must have a base path in ASCII, all else percent-encoded'],
    ['http://3001', 'must name a host, or an IPv4 address with its four numbers'],
    ['http://127.1:3001', 'must name a host, or an IPv4 address with its four numbers'],
    ['http://-a', 'must be a host name or an IP address']
  ]) t.equal(verdict(target), wrong)
  t.strictSame(mistakesIn(withRoute({ target: 'http://root@localhost' })), ['routes[0].target: found "http://***@localhost", must not carry a user name or password'])
  t.strictSame(mistakesIn(withRoute({ target: 'http://:pass@localhost' })), ['routes[0].target: found "http://***@localhost", must not carry a user name or password'])
})

t.test('a target\'s host is a name or an address, and no more', async t => {
  const verdict = reasonAgainst('routes[0].target.host', host => withRoute({ target: { host, port: 1 } }))
  for (const host of ['localhost', 'a-b.example', 'auth_service', 'example.com.', '127.0.0.1', '::1', '[::1]']) t.equal(verdict(host), '')
  for (const host of ['', '.', 'a..b', '-a', 'a-', 'a b', 'é', '1.2.3', '3001', '256.0.0.1', '[127.0.0.1]', '[localhost]']) {
    t.equal(verdict(host), 'must be a host name or an IP address')
  }
  t.match(verdict('a.'.repeat(127)), /must be a host name or an IP address$/, 'longer than a name can be')
  t.equal(verdict('http://localhost'), 'must be the host alone: for a URL, write it as the target itself')
  t.equal(verdict('localhost:3001'), 'must be the host alone: write the port in "port"')
})

t.test('a port is from 1 to 65535', async t => {
  const verdict = reasonAgainst('routes[0].target.port', port => withRoute({ target: { host: 'a', port } }))
  t.equal(verdict(1), '')
  t.equal(verdict(65535), '')
  for (const port of [0, -1, 65536, 80.5, true, null]) t.equal(verdict(port), 'must be a whole number from 1 to 65535')
})

t.test('a pattern is a regular expression that no path can keep busy', async t => {
  const verdict = reasonAgainst('routes[0].pathRewrite.pattern', pattern => withRoute({ pathRewrite: { pattern, replacement: '/x' } }))
  for (const pattern of ['^/api', '^/api/v(\\d+)/', '^/(?<name>[^/]+)/x', '^/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/', '\\u0041[^]', '(a+)+$', '(a|aa)+$']) {
    t.equal(verdict(pattern), '', pattern)
  }
  t.equal(verdict('('), 'must be a regular expression (unterminated group)')
  t.equal(verdict('[z-a]'), 'must be a regular expression (range out of order in character class)')
  t.equal(verdict(1), 'must be a regular expression in text')
  for (const pattern of ['(?<=/)api', '/(?!api)', '(a)\\1', 'a{251}', '((a?){30}){30}']) {
    t.equal(verdict(pattern), 'must be a simpler regular expression, which no crafted path can keep busy: ' +
      'no look-around, no back-reference, no large repetition such as (a{30}){30}')
  }
})

t.test('a replacement is path text', async t => {
  const verdict = reasonAgainst('routes[0].pathRewrite.replacement', replacement => withRoute({ pathRewrite: { pattern: '^/api', replacement } }))
  for (const replacement of ['', '/auth', 'auth', '/$1/$<name>/$&', '/%20[a]{b}~!"']) t.equal(verdict(replacement), '')
  for (const replacement of ['/a b', '/a?b', '/a#b', '/é', '/a\\b', '/a\r\nb', 1]) {
    t.equal(verdict(replacement), 'must be a path such as "/auth", or "" for none: no white space, "?", "#" or backslash, all beyond ASCII percent-encoded')
  }
})

t.test('a duration has a unit and fits a timer', async t => {
  const verdict = reasonAgainst('routes[0].timeout', timeout => withRoute({ timeout }))
  for (const timeout of ['', '30 s', '30S', '-1s', '1w', '1e3ms', '.5s', -1, 2 ** 31, 1e300]) {
    t.equal(verdict(timeout), 'must be a duration of 1 to 2147483647 ms: whole milliseconds (30000) or text such as "500ms", "30s", "1m", "1h", "1d"')
  }
  t.equal(verdict('30'), 'must name its unit (ms, s, m, h or d), or be a number of milliseconds without quotes')
  t.equal(verdict('0s'), 'must be at least 1 ms')
  t.equal(verdict('0.4ms'), 'must be at least 1 ms')
  for (const timeout of ['25d', `${'9'.repeat(30)}d`, `${'9'.repeat(400)}d`]) t.match(verdict(timeout), /must be at most 2147483647 ms \(about 24\.8 days\)$/)
  const grace = reasonAgainst('server.shutdownTimeout', shutdownTimeout => withRoute({}, { server: { shutdownTimeout } }))
  t.equal(grace('0s'), '')
  t.equal(grace('25d'), 'must be at most 2147483647 ms (about 24.8 days)')
})

t.test('a size has a unit', async t => {
  const verdict = reasonAgainst('routes[0].maxBodySize', maxBodySize => withRoute({ maxBodySize }))
  for (const size of ['', '10', '10 mb', '10k', '-1b', -1, 1.5, true]) {
    t.equal(verdict(size), 'must be a size: whole bytes (1024) or text such as "512b", "10kb", "10mb", "1gb"')
  }
})

t.test('trustProxy says who is trusted, never how many', async t => {
  const one = 'must be an IP address, a CIDR range such as "10.0.0.0/8", or loopback, linklocal, uniquelocal'
  const verdict = reasonAgainst('server.trustProxy', trustProxy => withRoute({}, { server: { trustProxy } }))
  for (const trustProxy of ['1', '', 'localhost', '10.0.0.1,', '10.0.0.0/0', '10.0.0.0/33', '10.0.0.0/255.0.0.0', '::/129', '10.0.0.0/8/8', '10.0.0.0/']) {
    t.equal(verdict(trustProxy), one)
  }
  for (const trustProxy of [0, 1, null]) t.match(verdict(trustProxy), /^must be true, false, or the addresses .* \(a number of hops is rejected/)
  const item = reasonAgainst('server.trustProxy[0]', proxy => withRoute({}, { server: { trustProxy: [proxy] } }))
  t.equal(item('x'), one)
  t.equal(item(1), one)
})

const WILDCARD = 'must be one exact origin, one with "*" as its whole first label such as "https://*.example.com", or "*" alone'

t.test('an origin is what a browser sends', async t => {
  const verdict = reasonAgainst('cors.origin', origin => withRoute({}, { cors: { origin } }))
  for (const origin of ['*', 'null', 'https://*.example.com', 'http://*.localhost:5173', 'https://*.a.example.com:8443', 'http://localhost:5173', 'https://app.example', 'http://[::1]:5173', 'capacitor://localhost', 'chrome-extension://abcdef']) t.equal(verdict(origin), '')
  for (const [origin, wrong] of [
    ['https://*.com', WILDCARD],
    ['*.example.com', WILDCARD],
    ['https://*example.com', WILDCARD],
    ['https://a.*.example.com', WILDCARD],
    ['https://*.*.example.com', WILDCARD],
    ['https://*.example.*', WILDCARD],
    ['https://*.a.com://*.b.com', WILDCARD],
    ['https://*.example.com/', 'must be written as browsers send it: "https://*.example.com"'],
    ['https://*.Example.com:443', 'must be written as browsers send it: "https://*.example.com"'],
    ['*://*.example.com', WILDCARD],
    ['https://app.example/', 'must be written as browsers send it: "https://app.example"'],
    ['https://app.example:443', 'must be written as browsers send it: "https://app.example"'],
    ['HTTPS://App.example', 'must be written as browsers send it: "https://app.example"'],
    ['https://bücher.example', 'must be written as browsers send it: "https://xn--bcher-kva.example"'],
    ['app.example', 'must be an origin such as "https://app.example.com"'],
    ['https://', 'must be an origin such as "https://app.example.com"'],
    ['', 'must be an origin such as "https://app.example.com"']
  ]) t.equal(verdict(origin), wrong)
  const all = 'must be true, false, an origin such as "https://app.example.com", or a list of origins'
  t.equal(verdict(1), all)
  t.strictSame(mistakesIn(withRoute({}, { cors: { origin: [] } })), [`cors.origin: found an empty list, ${all}`])
  const item = reasonAgainst('cors.origin[0]', origin => withRoute({}, { cors: { origin: [origin] } }))
  t.equal(item(true), 'must be an origin such as "https://app.example.com"')
})
