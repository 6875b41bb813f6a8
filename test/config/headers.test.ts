/* eslint-disable no-template-curly-in-string -- as they stand in the file */
import t from 'tap'
import { checkConfig } from '../../src/config/index.js'
import { mistakesIn, withRoute } from './mistakes.js'

const WHAT_IS_FILLED_IN = 'must have one of client.ip, client.protocol, request.id, request.host, route.prefix or claim.<name> between "${" and "}"; ' +
  'write "$${" for the characters themselves'

/** The mistakes in the fields that a route sets. */
function inSet (fields: object, env?: NodeJS.ProcessEnv): string[] {
  return mistakesIn(withRoute({ headers: { request: { set: fields } } }), env).map(line => line.replace('routes[0].headers.request.set', 'set'))
}

t.test('what frames a message, is of one connection, or tells of the client, is no rule\'s to change', async t => {
  for (const [name, reason] of [
    ['Content-Length', 'it frames the message'],
    ['transfer_encoding', 'it frames the message'],
    ['Connection', 'it is of one connection alone'],
    ['TE', 'it is of one connection alone'],
    ['Host', 'it names whom the request is for'],
    ['Via', 'the gateway itself tells by it who was on the way'],
    ['X-Real-IP', 'the gateway itself tells by it who was on the way'],
    ['X_Forwarded_For', 'the gateway itself tells by it who was on the way'],
    ['x-forwarded-anything', 'the gateway itself tells by it who was on the way']
  ]) {
    const found = `found "${name}", must be another header: ${reason}`
    const headers = { request: { set: { [String(name)]: 'x' } }, response: { append: { [String(name)]: 'x' }, remove: [name] } }
    const at = name?.match(/^\w+$/) ? `.${name}` : `["${name}"]`
    t.strictSame(mistakesIn(withRoute({ headers }, { headers: { request: { remove: [name] } } })), [
      `headers.request.remove[0]: ${found}`,
      `routes[0].headers.request.set${at}: ${found}`,
      `routes[0].headers.response.append${at}: ${found}`,
      `routes[0].headers.response.remove[0]: ${found}`
    ])
  }
})

t.test('names are tokens, values are ASCII in one line', async t => {
  t.strictSame(inSet({ 'a b': 'x' }), ['set["a b"]: found "a b", must be a header name such as "X-Tenant"'])
  t.strictSame(inSet({ '': 'x' }), ['set[""]: found "", must be a header name such as "X-Tenant"'])
  t.strictSame(inSet({ 'a\n': 'x' }), ['set["a\\n"]: found "a\\n", must be a header name such as "X-Tenant"'])
  for (const value of ['a\r\nX-Evil: 1', 'a\n', '\0', 'café', ' a', 'a ', '\ta']) {
    t.strictSame(inSet({ a: value }), [`set.a: found ${JSON.stringify(value)}, must be a value in ASCII, without line breaks and without white space at its ends`])
  }
  t.strictSame(inSet({ a: 1 }), ['set.a: found 1, must be a value in ASCII, without line breaks and without white space at its ends'])
  for (const value of ['', 'a', 'a\tb c', '"x"; y=z']) t.strictSame(inSet({ a: value }), [])
})

t.test('one header has one spelling', async t => {
  t.strictSame(mistakesIn(withRoute({ headers: { request: { set: { 'X-A': '1', x_a: '2', 'x-a': '3' } } } }, { headers: { response: { append: { B: '1', b: '2' } }, request: 1 } })), [
    'headers.request: found 1, must be an object such as { "set": { "X-Tenant": "a" }, "remove": ["X-Debug"] }',
    'headers.response.append.b: found "b", must not stand beside "B": they are one header',
    'routes[0].headers.request.set.x_a: found "x_a", must not stand beside "X-A": they are one header',
    'routes[0].headers.request.set["x-a"]: found "x-a", must not stand beside "X-A": they are one header'
  ])
})

t.test('of what is filled in for each request, only what there is', async t => {
  for (const value of ['${client.port}', '${claim.}', '${claim.a b}', '${claims.sub}', '${A}', '${', '${client.ip', 'a${}', '${request.id}${request.x}']) {
    t.strictSame(inSet({ a: value }), [`set.a: found ${JSON.stringify(value)}, ${WHAT_IS_FILLED_IN}`])
  }
  t.strictSame(inSet({ a: '${client.ip} ${client.protocol} ${request.id} ${request.host} ${route.prefix} $${x}' }), [])
})

t.test('the environment comes first, and what comes from it is text', async t => {
  const { routes } = checkConfig(withRoute({ headers: { request: { set: { a: '${NAME}-${client.ip}', b: '$${X}', c: '${ODD}', d: '${N:-x}' } } } }), {
    env: { NAME: 'n', ODD: '${request.id}' }
  })
  t.strictSame(routes[0]?.headers.request?.set, [
    ['a', ['n-', 'client.ip', '']], ['b', ['${X}']], ['c', ['${request.id}']], ['d', ['x']]
  ])
  t.strictSame(inSet({ a: '${NAME}', b: '${client.port}', c: '${a-b}' }, {}), [
    'set.a: the environment variable NAME is not set; ${NAME:-default} gives it a default',
    `set.b: found "\${client.port}", ${WHAT_IS_FILLED_IN}`,
    'set.c: found "${a-b}", must be ${NAME} or ${NAME:-default}; write "$${" for the characters themselves'
  ])
  t.strictSame(mistakesIn(withRoute({ prefix: '/${client.ip}' }), {}), [
    'routes[0].prefix: found "${client.ip}", which is filled in for each request, and in headers alone; write "$${" for the characters themselves'
  ])
})

t.test('a route\'s rules are laid over those for all', async t => {
  const around = {
    headers: { request: { set: { 'X-A': 'all', 'X-B': 'all' }, append: { 'X-C': 'all', 'X-D': 'all' }, remove: ['X-E', 'X-F'] }, response: { remove: ['Server'] } },
    securityHeaders: true
  }
  const { routes: [own, bare, off] } = checkConfig({
    routes: [
      { prefix: '/a', target: 'http://a', headers: { request: { set: { x_a: 'own', 'X-E': 'own' }, append: { 'X-B': 'own', 'X-C': 'own' }, remove: ['x-d'] } } },
      { prefix: '/b', target: 'http://a' },
      { prefix: '/c', target: 'http://a', securityHeaders: false, headers: { response: { set: { Server: 'x' } } } }
    ],
    ...around
  })
  t.strictSame(own?.headers, {
    request: {
      remove: ['X-F', 'x-d'],
      set: [['X-B', ['all']], ['x_a', ['own']], ['X-E', ['own']]],
      append: [['X-C', ['all']], ['X-B', ['own']], ['X-C', ['own']]]
    },
    response: { remove: ['Server'], set: [], append: [] }
  })
  t.equal(own?.securityHeaders, true)
  t.strictSame(bare?.headers.request?.remove, ['X-E', 'X-F'])
  t.strictSame(off?.headers.response, { remove: [], set: [['Server', ['x']]], append: [] })
  t.equal(off?.securityHeaders, false)
})

t.test('without rules there is nothing', async t => {
  const { routes, requestId } = checkConfig(withRoute({ headers: { request: { set: {} } } }, { headers: {} }))
  t.strictSame([routes[0]?.headers, routes[0]?.securityHeaders, routes[0]?.rewriteLocation, requestId], [{}, false, true, undefined])
  const { routes: [withCookies] } = checkConfig(withRoute({ cookies: { path: { '/a': '/b' } } }))
  t.strictSame(withCookies?.cookies, { path: { '/a': '/b' } })
})

t.test('requestId: sent as a header that is set, unless a rule says otherwise', async t => {
  const { requestId, routes } = checkConfig(withRoute({}, { requestId: {} }))
  t.strictSame(requestId, { header: 'x-request-id', trust: 'trusted' })
  t.strictSame(routes[0]?.headers, { request: { remove: [], set: [['x-request-id', ['', 'request.id', '']]], append: [] } })
  const own = checkConfig(withRoute({ headers: { request: { set: { 'X-Id': 'mine' } } } }, { requestId: { header: 'x-id', trust: 'never' } }))
  t.strictSame(own.routes[0]?.headers.request?.set, [['X-Id', ['mine']]])
  t.strictSame(mistakesIn(withRoute({}, { requestId: { header: 'host', trust: 'all', x: 1 } })), [
    'requestId.header: found "host", must be another header: it names whom the request is for',
    'requestId.trust: found "all", must be "trusted", "always" or "never"',
    'requestId.x: unknown key, must be one of header, trust'
  ])
  t.strictSame(mistakesIn(withRoute({}, { requestId: true })), ['requestId: found true, must be an object such as { "header": "x-request-id" }'])
})

t.test('cookies: paths, domains and words, and what browsers reject', async t => {
  t.strictSame(mistakesIn(withRoute({
    cookies: { path: { auth: '/api', '/a;b': '/x', '/ok': 'x' }, domain: { 'a b': 'x', a: 'b c', b: '', '.c.example': '.d.example' }, secure: 'true', sameSite: 'Lax' }
  })), [
    'routes[0].cookies.domain.a: found "b c", must be a domain such as "example.com", or "" for none',
    'routes[0].cookies.domain["a b"]: found "a b", must be a domain such as "auth.internal"',
    'routes[0].cookies.path.auth: found "auth", must be a path such as "/auth"',
    'routes[0].cookies.path["/a;b"]: found "/a;b", must be a path such as "/auth"',
    'routes[0].cookies.path["/ok"]: found "x", must be a path such as "/api/auth"',
    'routes[0].cookies.sameSite: found "Lax", must be "lax", "strict" or "none"',
    'routes[0].cookies.secure: found "true", must be true or false (without quotes)'
  ])
  t.strictSame(mistakesIn(withRoute({ cookies: { sameSite: 'none', secure: false } })), [
    'routes[0].cookies.secure: found false together with sameSite "none", which browsers reject'
  ])
  t.strictSame(mistakesIn(withRoute({ cookies: { sameSite: 'none', secure: true, path: { '/': '/api' } } })), [])
  t.strictSame(mistakesIn(withRoute({ cookies: 1, rewriteLocation: 'yes', securityHeaders: 1, headers: [] })), [
    'routes[0].cookies: found 1, must be an object such as { "path": { "/auth": "/api/auth" }, "secure": true }',
    'routes[0].headers: found an empty list, must be an object such as { "request": { "set": { "X-Tenant": "a" } }, "response": { "remove": ["Server"] } }',
    'routes[0].rewriteLocation: found "yes", must be true or false',
    'routes[0].securityHeaders: found 1, must be true or false'
  ])
})
