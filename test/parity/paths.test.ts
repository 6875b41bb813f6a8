import t from 'tap'
import streamGateway from '../../src/index.js'
import { call, start } from '../fixtures/gateway.js'
import { before } from '../fixtures/parity.js'
import { RawClient } from '../fixtures/peers.js'
import { named } from '../fixtures/routes.js'

// docs/parity: where a request goes, by its path, its query and its host.

const OUTSIDE = [
  '/../', '/..', '/%2e%2e/', '/%2E%2E/', '/..%2f', '/%2e%2e%2f', '/bar/../../private', '/./../x', '/%2e%2E'
]

t.test('stripPrefix: the prefix alone, with a slash, and what is below it', async t => {
  const { url } = await before(t, { prefix: '/my-prefix', stripPrefix: true })
  t.equal(await url('/my-prefix'), '/')
  t.equal(await url('/my-prefix/'), '/')
  t.equal(await url('/my-prefix/a'), '/a')
  t.equal(await url('/my-prefix/a/'), '/a/')
  t.equal(await url('/my-prefix?b=c'), '/?b=c')
})

t.test('a prefix is taken away at the start alone', async t => {
  const { url } = await before(t, { stripPrefix: true })
  t.equal(await url('/api/foo/api/bar'), '/foo/api/bar')
  t.equal(await url('/api/api'), '/api')
})

t.test('another prefix in place of the one asked for, or before all paths', async t => {
  const { url } = await before(t, { pathRewrite: { pattern: '^/api', replacement: '/api2' } })
  t.equal(await url('/api/a'), '/api2/a')
  const root = await before(t, { prefix: '/', pathRewrite: { pattern: '^/', replacement: '/api2/' } })
  t.equal(await root.url('/a'), '/api2/a')
})

t.test('a table of rewrites is a route for each', async t => {
  const { url } = await before(t, { pathRewrite: { pattern: '^/api', replacement: '/rest' } })
  t.equal(await url('/api/foo/bar'), '/rest/foo/bar')
  const remove = await before(t, { prefix: '/remove', pathRewrite: { pattern: '^/remove', replacement: '' } })
  t.equal(await remove.url('/remove/api/lipsum'), '/api/lipsum')
})

t.test('a pattern takes over the part of a path that varies, and the query stays', async t => {
  const { url } = await before(t, { pathRewrite: { pattern: '^/api/([^/]+)/static', replacement: '/variable-api/$1/endpoint' } })
  t.equal(await url('/api/123/static'), '/variable-api/123/endpoint')
  t.equal(await url('/api/123/static?foo=bar&foo=baz&abc=qux'), '/variable-api/123/endpoint?foo=bar&foo=baz&abc=qux')
  const whole = await before(t, { prefix: '/', pathRewrite: { pattern: '^/([^/]+)$', replacement: '/variable-api/$1/endpoint' } })
  t.equal(await whole.url('/123'), '/variable-api/123/endpoint')
})

t.test('a base path of the target stands before what is below the prefix', async t => {
  const { url } = await before(t, target => ({ prefix: '/second-service', target: `${target}/second-service`, stripPrefix: true }))
  t.equal(await url('/second-service/foo?lang=en'), '/second-service/foo?lang=en')
  t.equal(await url('/second-service?lang=en'), '/second-service/?lang=en')
  const same = await before(t, { prefix: '/second-service' })
  t.equal(await same.url('/second-service?lang=en'), '/second-service?lang=en', 'where both have the same path, neither is needed')
  const twice = await before(t, target => ({ prefix: '/hello', target: `${target}/hello` }))
  t.equal(await twice.url('/hello'), '/hello/hello', 'it is not left out where the path begins with it already')
})

t.test('a query passes byte for byte', async t => {
  const { url } = await before(t, { stripPrefix: true })
  for (const query of [
    '?foo=bar//&target=http://foobar.com/?a=1%26b=2&other=2', '?a=/ho/%2E%2E/hi', '?a=/ho/../hi', '?q=%E6%96%87%20x+y&empty=&flag&%5B%5D=1',
    '?a=b?c=d', '?', '?a=%41%zz', '?__proto__=1&constructor=2'
  ]) t.equal(await url(`/api/x${query}`), `/x${query}`)
})

t.test('a hook sets another query, takes it away without a question mark, or makes it of the request', async t => {
  const { url } = await before(t, { rewritePath: path => path.replace(/\?.*/, '?b=c') })
  t.equal(await url('/api/x?a=b'), '/api/x?b=c')
  const none = await before(t, { rewritePath: path => path.split('?', 1)[0] ?? '' })
  t.equal(await none.url('/api/x?a=b'), '/api/x')
  const made = await before(t, { rewritePath: (path, request) => `${path}?q=${request.headers['x-q']}` })
  t.equal((await made.see('/api/x', { headers: { 'x-q': 'test' } })).url, '/api/x?q=test')
})

t.test('dots and brackets in a name are no way out', async t => {
  const { url } = await before(t, { stripPrefix: true })
  for (const path of ['/_next/static/chunks/pages/%5B...slug%5D.js', '/_next/%5B%5B...slug%5D%5D.js', '/a..b/c..', '/...', '/.well-known/x']) {
    t.equal(await url(`/api${path}`), path)
  }
})

t.test('dots that lead outside are rejected in every spelling, from a client and from a hook', async t => {
  const { port, lines } = await before(t)
  for (const path of OUTSIDE) {
    const client = new RawClient(t, port).send(`GET /api${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    await client.closed
    t.match(client.received, /^HTTP\/1\.1 400 /, path)
  }
  const hooked = await before(t, target => ({ target: `${target}/hi/`, rewritePath: (_path, { headers }) => String(headers['x-path']) }))
  for (const path of ['/ho/%2E%2E/hi', '/../private', 'http://10.0.0.10/hi', '//10.0.0.10/hi', 'urn:foo:bar', '1/private']) {
    t.equal((await hooked.ask('/api/x', { headers: { 'x-path': path } })).status, 400, path)
  }
  t.equal(lines.filter(({ target }) => target !== undefined).length, 0, 'nothing was sent')
})

t.test('slashes in a row are part of a path below its prefix, and rejected at its start', async t => {
  const { url } = await before(t, { stripPrefix: true })
  t.equal(await url('/api/test//foo'), '/test//foo')
  t.equal(await url('/api/test/crazy//slasher///'), '/test/crazy//slasher///')
  const { ask } = await before(t, { prefix: '/' })
  t.equal((await ask('//test')).status, 400)
  t.equal((await ask('///test/crazy//slasher')).status, 400)
})

t.test('a target has no query: that of a request is its only one', async t => {
  await t.rejects(start(t, async app => await app.register(streamGateway, { routes: [{ prefix: '/', target: 'http://127.0.0.1:1/forward?f=1' }] })), /target/)
  const { url } = await before(t, target => ({ target: `${target}/forward`, rewritePath: path => `${path}${path.includes('?') ? '&' : '?'}f=1` }))
  t.equal(await url('/api/src?s=1'), '/forward/api/src?s=1&f=1')
})

t.test('one prefix each, and what no route takes is a 404', async t => {
  const { port } = await start(t, async app => await app.register(streamGateway, {
    routes: [{ prefix: '/api', target: await named(t, 'api') }, { prefix: '/ajax', target: await named(t, 'ajax') }]
  }))
  t.equal(String((await call(port, '/api/b/c/d')).body), 'api /api/b/c/d')
  t.equal(String((await call(port, '/ajax/b/c/d?x')).body), 'ajax /ajax/b/c/d?x')
  for (const path of ['/lorum/ipsum', '/apix', '/x/api', '/', '/x?/api']) t.equal((await call(port, path)).status, 404, path)
})

t.test('a host is matched whole, with any port and in any case', async t => {
  const [all, beta, path] = await Promise.all([named(t, 'all'), named(t, 'beta'), named(t, 'path')])
  const { port } = await start(t, async app => await app.register(streamGateway, {
    routes: [{ prefix: '/', target: all }, { prefix: '/', target: beta, hosts: ['beta.localhost'] }, { prefix: '/api', target: path, hosts: ['localhost'] }, { prefix: '/api', target: all }]
  }))
  const host = async (name: string, path = '/x'): Promise<string> => String((await call(port, path, { headers: { host: name } })).body)
  t.equal(await host('beta.localhost:6000'), 'beta /x')
  t.equal(await host('BETA.localhost'), 'beta /x')
  for (const name of ['evilbeta.localhost:6000', 'beta.localhost.example', 'a.beta.localhost']) t.equal(await host(name), 'all /x', name)
  t.equal(await host('localhost:6000', '/api'), 'path /api')
  t.equal(await host('evillocalhost:6000', '/api'), 'all /api')
  t.equal(await host('beta.localhost', '/x/api'), 'beta /x/api', 'a path counts from its start')
})
