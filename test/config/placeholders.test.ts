/* eslint-disable no-template-curly-in-string -- as they stand in the file */
import t from 'tap'
import { checkConfig } from '../../src/config/index.js'
import { mistakesIn, ROUTE_KEYS, withRoute } from './mistakes.js'

t.test('${NAME} and ${NAME:-default} come from the environment', async t => {
  const env = { HOST: 'auth.internal', PORT: '3001', EMPTY: '', FRONTEND: 'https://app.example', SECURE: 'true', WAIT: '5s' }
  const config = withRoute({
    target: { host: '${HOST}', port: '${PORT}' }, timeout: '${WAIT}', pathRewrite: { pattern: '^/api', replacement: '/${EMPTY}v${VERSION:-1}' }
  }, {
    server: { shutdownTimeout: '${GRACE:-5000}', accessLog: '${LOG:-false}', trustProxy: '${PROXIES:-10.0.0.0/8, loopback}' },
    cors: { origin: ['${FRONTEND}', '${EMPTY:-http://localhost:5173}'], credentials: '${SECURE}' },
    rateLimit: '${LIMIT:-false}'
  })
  const before = structuredClone(config)
  t.match(checkConfig(config, { env }), {
    server: { shutdownTimeout: 5000, accessLog: false, trustProxy: ['10.0.0.0/8', 'loopback'] },
    cors: { origin: ['https://app.example', 'http://localhost:5173'], credentials: true },
    rateLimit: false,
    routes: [{ target: { host: 'auth.internal', port: 3001 }, timeout: 5000, pathRewrite: { replacement: '/v1' } }]
  })
  t.strictSame(config, before, 'what was given is left as it is')
})

t.test('text becomes a number or a boolean only where one is allowed and the text is nothing else', async t => {
  const env = { DIGITS: '80', YES: 'true', PART: '00' }
  t.match(checkConfig(withRoute({ target: 'http://localhost:30${PART}' }), { env }).routes, [{ target: { port: 3000 } }])
  t.strictSame(mistakesIn(withRoute({ target: { host: '${DIGITS}', port: '${YES}' }, rateLimit: { max: '1${PART}' } }, { server: { http2: '${DIGITS}' } }), env), [
    'routes[0].rateLimit.max: found "100" (from "1${PART}"), must be a whole number, 1 or more',
    'routes[0].target.host: found "80" (from "${DIGITS}"), must be a host name or an IP address',
    'routes[0].target.port: found "true" (from "${YES}"), must be a whole number from 1 to 65535',
    'server.http2: found "80" (from "${DIGITS}"), must be true or false'
  ])
})

t.test('what is wrong shows the value and where it came from', async t => {
  t.strictSame(mistakesIn(withRoute({ target: { host: 'localhost', port: '${PORT}' } }), { PORT: '99999' }),
    ['routes[0].target.port: found 99999 (from "${PORT}"), must be a whole number from 1 to 65535'])
})

t.test('an unset variable is a mistake, and its value is not validated as well', async t => {
  t.strictSame(mistakesIn(withRoute({ prefix: '${PREFIX}', target: { host: '${HOST}', port: '${PORT}' } }), {}), [
    'routes[0].prefix: the environment variable PREFIX is not set; ${PREFIX:-default} gives it a default',
    'routes[0].target.host: the environment variable HOST is not set; ${HOST:-default} gives it a default',
    'routes[0].target.port: the environment variable PORT is not set; ${PORT:-default} gives it a default'
  ])
  t.strictSame(mistakesIn(withRoute({ target: '${toString}' }), {}),
    ['routes[0].target: the environment variable toString is not set; ${toString:-default} gives it a default'])
})

t.test('$${ is a literal ${', async t => {
  const pathRewrite = { pattern: '^/api', replacement: '/$${X}' }
  t.match(checkConfig(withRoute({ pathRewrite }), { env: {} }).routes, [{ pathRewrite: { replacement: '/${X}' } }])
})

t.test('a placeholder that cannot be read is explained', async t => {
  const literal = 'write "$${" for the characters themselves'
  for (const [text, found] of [
    ['${HOST', 'found "${" without its "}" (no placeholder stands inside another)'],
    ['${A:-${B}}', 'found "${" without its "}" (no placeholder stands inside another)'],
    ['${}', 'found "${}", must be ${NAME} or ${NAME:-default}'],
    ['${a-b}', 'found "${a-b}", must be ${NAME} or ${NAME:-default}']
  ]) t.strictSame(mistakesIn(withRoute({ target: text }), { B: 'b' }), [`routes[0].target: ${found}; ${literal}`])
})

t.test('options given in code are taken as they are', async t => {
  t.strictSame(mistakesIn(withRoute({ target: '${TARGET}' })), ['routes[0].target: found "${TARGET}", must start with "http://", "https://" or "unix:"'])
})

t.test('placeholders beside what is of the wrong shape', async t => {
  t.strictSame(mistakesIn({ routes: ['${A}', null, { nope: ['${B}'] }] }, { A: '1', B: '2' }), [
    'routes[0]: found "1" (from "${A}"), must be an object such as { "prefix": "/api/auth", "target": "http://localhost:3001" }',
    'routes[1]: found null, must be an object such as { "prefix": "/api/auth", "target": "http://localhost:3001" }',
    `routes[2].nope: unknown key, must be one of ${ROUTE_KEYS}`,
    'routes[2].prefix: is missing, must be a path such as "/api/auth"',
    'routes[2].target: is missing, must be a URL such as "http://localhost:3001" or an object such as { "host": "localhost", "port": 3001 }, or upstream, respond or redirect in its place'
  ])
})
