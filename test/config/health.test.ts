import t from 'tap'
import { checkHealthChecks } from '../../src/config/health-consistency.js'
import { Health } from '../../src/config/health-schema.js'
import { normalizeBySchema } from '../../src/config/normalize-by-schema.js'
import { mistakesInSection } from './sections.js'

t.test('what is filled in', async t => {
  t.strictSame(normalizeBySchema(Health, { path: '/health' }), {
    type: 'http', path: '/health', interval: 5_000, timeout: 2_000, healthyAfter: 2, unhealthyAfter: 3
  })
  t.strictSame(normalizeBySchema(Health, { type: 'grpc', service: 'a.B', host: 'a.example', interval: '1m', timeout: 500, healthyAfter: 1, unhealthyAfter: 1 }), {
    type: 'grpc', service: 'a.B', host: 'a.example', interval: 60_000, timeout: 500, healthyAfter: 1, unhealthyAfter: 1
  })
  t.match(normalizeBySchema(Health, { path: '/', expect: [200, 204] }), { expect: [200, 204] })
})

t.test('what is right', async t => {
  for (const health of [
    { path: '/health' }, { path: '/a?b=c&d="e"' }, { type: 'http', path: '/', expect: [503] }, { type: 'tcp' }, { type: 'grpc' },
    { type: 'grpc', service: 'shop.Payments', host: '[::1]:80' }
  ]) {
    t.strictSame(mistakesInSection(Health, health), [])
    t.strictSame(checkHealthChecks(health, 'health'), [])
  }
  t.strictSame(checkHealthChecks(undefined, 'health'), [])
})

t.test('what is wrong by itself', async t => {
  const duration = 'must be a duration of 1 to 2147483647 ms: whole milliseconds (30000) or text such as "500ms", "30s", "1m", "1h", "1d"'
  const path = 'must be a path such as "/health": in ASCII, without white space and "#"'
  for (const [health, line] of [
    [{ type: 'https' }, 'type: found "https", must be "http", "grpc" or "tcp"'],
    [{ path: 'health' }, `path: found "health", ${path}`],
    [{ path: '/a b' }, `path: found "/a b", ${path}`],
    [{ path: '/a#b' }, `path: found "/a#b", ${path}`],
    [{ path: '/ä' }, `path: found "/ä", ${path}`],
    [{ service: 'a b' }, 'service: found "a b", must be the name of a gRPC service such as "shop.Payments"'],
    [{ host: 'http://a' }, 'host: found "http://a", must be a host name such as "app.example.com"'],
    [{ host: 'a:0' }, 'host: found "a:0", must have a port from 1 to 65535'],
    [{ host: '::1' }, 'host: found "::1", must have its IPv6 address in brackets'],
    [{ interval: 0 }, `interval: found 0, ${duration}`],
    [{ timeout: 0 }, `timeout: found 0, ${duration}`],
    [{ healthyAfter: 0 }, 'healthyAfter: found 0, must be a whole number, 1 or more'],
    [{ unhealthyAfter: 1.5 }, 'unhealthyAfter: found 1.5, must be a whole number, 1 or more'],
    [{ expect: [] }, 'expect: found an empty list, must be a list of statuses such as [200, 204]'],
    [{ expect: 200 }, 'expect: found 200, must be a list of statuses such as [200, 204]'],
    [{ expect: [101] }, 'expect[0]: found 101, must be a whole number from 200 to 599'],
    [{ uri: '/' }, 'uri: unknown key, must be one of type, path, service, host, interval, timeout, healthyAfter, unhealthyAfter, expect']
  ] as const) t.strictSame(mistakesInSection(Health, health), [line])
})

t.test('keys that a check of its type has no use for, or cannot do without', async t => {
  for (const [health, ...mistakes] of [
    [{}, 'health.path: is missing, must be a path such as "/health"'],
    [{ type: 'http', service: 'a.B' }, 'health.path: is missing, must be a path such as "/health"', 'health.service: found "a.B", must be left out: checks of the type "http" have none'],
    [{ type: 'grpc', path: '/', expect: [200] }, 'health.path: found "/", must be left out: checks of the type "grpc" have none', 'health.expect: found a list, must be left out: checks of the type "grpc" have none'],
    [{ type: 'tcp', host: 'a' }, 'health.host: found "a", must be left out: checks of the type "tcp" have none'],
    // The schema tells it.
    [{ type: 'udp', service: 'a' }],
    [[]]
  ] as const) t.strictSame(checkHealthChecks(health, 'health').map(({ path, message }) => `${path}: ${message}`), mistakes)
})
