import t from 'tap'
import { call, gatewayTo } from '../fixtures/gateway.js'
import { service } from '../fixtures/peers.js'

t.test('what a pattern and its replacement can say', async t => {
  const { port: upstream } = await service(t, (request, response) => response.end(request.url))
  for (const [pattern, replacement, path, expected] of [
    ['^/api/v(\\d+)/', '/version/$1/', '/api/v12/users?v=/api/v3/', '/version/12/users?v=/api/v3/'],
    ['^/api/(?<tenant>[^/]+)/(.*)$', '/$2/$<tenant>', '/api/acme/a/b', '/a/b/acme'],
    ['^/api(/internal)?(/.*)?$', '/base$2', '/api/x', '/base/x'],
    ['^/api(/internal)?(/.*)?$', '/base$2', '/api/internal/x', '/base/x'],
    ['^/api(/internal)?(/.*)?$', '/base$1$2', '/api', '/base'],
    ['[a-z]+$', '<$&>', '/api/x1/name', '/api/x1/<name>'],
    ['/api', '$$', '/api/api', '/$/api'],
    ['/(a|ab)(c|bcd)?', '/$1-$2', '/api/abcd', '/a-pi/abcd'],
    ['[^\\x00-\\u007f]|%2F', '_', '/api/a%2Fb%2Fc', '/api/a_b%2Fc'],
    ['/\\w+\\.html?$', '/index', '/api/page.htm', '/api/index'],
    ['(x+)y', '$1', '/api/xxx', '/api/xxx']
  ] as const) {
    const { port } = await gatewayTo(t, upstream, { pathRewrite: { pattern, replacement } })
    t.equal((await call(port, path)).body.toString(), expected, `${pattern} on ${path}`)
  }
})

t.test('no path keeps a pattern busy', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end('ok'))
  // In JavaScript's own engine the first five take longer than the universe has been there, the last one minutes.
  for (const pattern of ['(a|a)*$', '(a|aa)+$', '(a+)+$', '(a*)*$', '([^/]+/?)+$', '(.*)(.*)(.*)(.*)(x?)%$']) {
    const { port } = await gatewayTo(t, upstream, { pathRewrite: { pattern, replacement: '' } })
    const startedAt = performance.now()
    t.equal((await call(port, `/api/${'a'.repeat(15_000)}//`)).status, 200, pattern)
    t.ok(performance.now() - startedAt < 5_000, pattern)
  }
})
