/* eslint-disable no-template-curly-in-string -- as they stand in the file */
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { ConfigError, loadConfig } from '../../src/config/index.js'
import { KEYS, linesOf } from './mistakes.js'

const SHIPPED = new URL('../../routes.json', import.meta.url).pathname

function write (t: Test, text: string | Buffer): string {
  return join(t.testdir({ 'routes.json': text }), 'routes.json')
}

t.test('the shipped routes.json is valid and has the four routes', async t => {
  const { routes } = loadConfig(SHIPPED, {})
  t.match(routes, ['auth', 'payments', 'admin', 'profile'].map((name, index) => ({
    prefix: `/api/${name}`,
    target: { protocol: 'http', host: 'localhost', port: 3001 + index },
    pathRewrite: { pattern: `^/api/${name}`, replacement: `/${name}` },
    timeout: 30_000
  })))
  t.equal(routes.length, 4)
})

t.test('a file that cannot be read is named, and how to name another', async t => {
  const missing = join(t.testdir({}), 'missing.json')
  t.throws(() => loadConfig(missing, {}), new ConfigError(missing, [{
    path: '', message: `cannot be read (ENOENT: no such file or directory, open '${missing}'); ROUTES_FILE names another file`
  }]))
  t.match(linesOf(() => loadConfig(t.testdirName, {})), [/^cannot be read \(EISDIR: /])
})

t.test('the first line names the file and counts, every line after it is one mistake', async t => {
  const file = write(t, '{ "routes": [{ "prefix": "/a", "target": "http://a" }, { "prefix": "/a", "target": "http://b", "timeout": "${T}" }], "x": 1 }')
  t.throws(() => loadConfig(file, {}), {
    name: 'ConfigError',
    code: 'GATEWAY_CONFIG_INVALID',
    message: [
      `${file}: 3 mistakes`,
      '  routes[1].prefix: found "/a", which routes[0] has already: routes[0] and routes[1] must differ',
      '  routes[1].timeout: the environment variable T is not set; ${T:-default} gives it a default',
      `  x: unknown key, must be one of ${KEYS}`
    ].join('\n'),
    mistakes: [{ path: 'routes[1].prefix' }, { path: 'routes[1].timeout' }, { path: 'x', message: /^unknown key/ }]
  })
  t.throws(() => loadConfig(write(t, '{}'), {}), { message: /routes\.json: 1 mistake\n {2}routes: is missing, must be a list with at least one route$/ })
})

t.test('a byte order mark is no mistake', async t => {
  t.equal(loadConfig(write(t, '\uFEFF{ "routes": [{ "prefix": "/a", "target": "http://a" }] }'), {}).routes.length, 1)
})

t.test('a syntax error shows its line, its column and why', async t => {
  for (const [text, line, column, why] of [
    ['', 1, 1, 'expected a value'],
    ['{\n  "routes": [\n    { "prefix": "/a" "target": 1 }\n  ]\n}\n', 3, 22, 'expected "," between two entries'],
    ['{\r\n  "a": 1\r\n  "b": 2\r\n}', 3, 3, 'expected "," between two entries'],
    ['{ "a": 1,\n}', 2, 1, 'expected a key in double quotes (no comma may follow the last entry)'],
    ['[1, ]', 1, 5, 'expected a value (no comma may follow the last entry)'],
    ['{ "a": }', 1, 8, 'expected a value'],
    ['{ "a" 1 }', 1, 7, 'expected ":" after the key'],
    ['{ "a": 1', 1, 9, 'expected "}"'],
    ['[1', 1, 3, 'expected "]"'],
    ['{} {}', 1, 4, 'expected nothing more after the end'],
    ['{\n\t"a": 1, // one\n\t"b": 2 }', 2, 10, 'comments are not allowed'],
    ['{ /* one', 1, 3, 'comments are not allowed'],
    ['{ "a": "x\n" }', 1, 8, 'this text has no closing quote on its line'],
    ['{ "a": 1. }', 1, 8, 'this number breaks off'],
    ['{ "a": "\\d" }', 1, 8, 'this text holds a backslash that escapes nothing (write "\\\\" for a backslash)'],
    ['{ "a": "\\u12" }', 1, 8, 'this text holds a \\u without four hexadecimal digits'],
    ['{ "a": "x\ty" }', 1, 8, 'this text holds a control character, which must be escaped'],
    ["{ 'a': 1 }", 1, 3, 'this is not valid here (text and keys stand in double quotes)']
  ] as const) {
    const [first, shown = '', caret = ''] = linesOf(() => loadConfig(write(t, text), {}))
    t.equal(first, `is not JSON at line ${line}, column ${column}: ${why}`)
    t.equal(shown, `  ${text.split(/\r?\n/)[line - 1]?.replaceAll('\t', ' ')}`, 'the line')
    t.equal(caret, `  ${' '.repeat(column - 1)}^`, 'the place in it')
  }
})

t.test('of a long line the place is shown with what is around it', async t => {
  const file = write(t, `{ "${'a'.repeat(200)}": nil, "${'b'.repeat(200)}": 1 }`)
  t.strictSame(linesOf(() => loadConfig(file, {})), [
    'is not JSON at line 1, column 207: this is not valid here (text and keys stand in double quotes)',
    `  ${'a'.repeat(36)}": nil, "${'b'.repeat(35)}`,
    `  ${' '.repeat(39)}^`
  ])
})

t.test('a key that stands twice in one object is rejected: the first would be dropped unseen', async t => {
  const file = write(t, '{\n"routes": [\n{ "prefix": "/a", "timeout": 1,\n"timeout": 2 },\n{ "prefix": "/b" }],\n"rateLimit": false, "rateLimit": false }')
  t.strictSame(linesOf(() => loadConfig(file, {})), [
    'routes[0].timeout: found on line 3 and again on line 4, must be given once',
    'rateLimit: found on line 6 and again on line 6, must be given once'
  ])
})
