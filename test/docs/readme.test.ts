import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { checkConfig, publishedSchema } from '../../src/config/index.js'
import { errorBody, GatewayError } from '../../src/proxy/errors.js'
import type { ErrorCode } from '../../src/proxy/errors.js'
import { call, gatewayTo } from '../fixtures/gateway.js'
import { service } from '../fixtures/peers.js'
import { SpawnedProcess } from '../fixtures/spawned.js'
import { fixture } from '../fixtures/tls.js'
import { NodeProcess } from './node-process.js'
import { codeBlocks, README, ROOT, table } from './readme.js'

/** Where npm's page of the package finds images. */
const RAW = 'https://raw.githubusercontent.com/fastify-stream-gateway/fastify-stream-gateway/main/'

interface Schema {
  properties?: Record<string, Schema>
  required?: string[]
  anyOf?: Schema[]
  items?: Schema
  default?: unknown
}

t.test('routes.json: every example passes the check, and every mistake is told as shown', async t => {
  const examples = codeBlocks('json').map(text => JSON.parse(text)).filter(value => 'routes' in value)
  t.equal(examples.length, 11)
  for (const example of examples) t.doesNotThrow(() => checkConfig(example, { source: 'routes.json', env: { TLS_CERT: fixture('localhost.pem'), TLS_KEY: fixture('localhost.key') } }))

  const wrong = { routes: [{ prefx: '/api/auth', target: { host: 'localhost', port: 99999 } }] }
  t.throws(() => checkConfig(wrong, { source: 'routes.json' }), { message: String(codeBlocks('text')[0]) })
})

t.test('routes.json: the table has every key of the schema, with its default', async t => {
  const rows = new Map(table('key').map(([key = '', type, byDefault]) => [key, { type, byDefault }]))
  const known = new Set<string>()
  for (const { key, node, isRequired } of keysOf(JSON.parse(publishedSchema()), '')) {
    known.add(key)
    const row = rows.get(key)
    t.ok(row, key)
    if (isRequired) t.equal(row?.byDefault, 'required', `${key} is required`)
    if (node.default !== undefined) t.equal(row?.byDefault, JSON.stringify(node.default), `the default of ${key}`)
  }
  const keys = [...rows.keys()].filter(key => key === '$schema' || /^(server|cors|rateLimit|access|auth|routes)/.test(key))
  t.strictSame(keys.filter(key => !known.has(key)), [], 'no key that there is not')
})

/** What a route lays over a global section, or has in its place, has no rows of its own. */
function * keysOf (schema: Schema, path: string): Generator<{ key: string, node: Schema, isRequired: boolean }> {
  for (const { properties = {}, required = [], items } of [schema, ...schema.anyOf ?? []]) {
    for (const [name, node] of Object.entries(properties)) {
      const key = path === '' ? name : `${path}.${name}`
      yield { key, node, isRequired: required.includes(name) }
      if (!/\]\.(cors|rateLimit|access|auth)$|^auth\.(any|all)$/.test(key)) yield * keysOf(node, key)
    }
    if (items !== undefined) yield * keysOf(items, `${path}[]`)
  }
}

t.test('errors: the table has every code with its status, the body is the one that is sent', async t => {
  // A new code does not compile until it stands here.
  const codes: Record<ErrorCode, true> = {
    BAD_REQUEST: true,
    UNAUTHORIZED: true,
    FORBIDDEN: true,
    NOT_FOUND: true,
    METHOD_NOT_ALLOWED: true,
    REQUEST_TIMEOUT: true,
    PAYLOAD_TOO_LARGE: true,
    EXPECTATION_FAILED: true,
    MISDIRECTED_REQUEST: true,
    TOO_MANY_REQUESTS: true,
    REQUEST_HEADER_FIELDS_TOO_LARGE: true,
    INTERNAL_ERROR: true,
    NOT_IMPLEMENTED: true,
    BAD_GATEWAY: true,
    SERVICE_UNAVAILABLE: true,
    GATEWAY_TIMEOUT: true,
    HTTP_VERSION_NOT_SUPPORTED: true,
    LOOP_DETECTED: true
  }
  const rows = table('status').map(([status, code]) => `${status} ${code}`)
  const wanted = Object.keys(codes).filter(isErrorCode).map(code => `${new GatewayError(code).statusCode} ${code}`)
  t.strictSame(rows.toSorted(), wanted.toSorted())

  const body = codeBlocks('json').map(text => JSON.parse(text)).find(value => 'success' in value)
  const error = new GatewayError('BAD_GATEWAY')
  t.strictSame(body, errorBody(error.code, error.message, 'req-7'))

  function isErrorCode (code: string): code is ErrorCode {
    return code in codes
  }
})

t.test('access log: the example has the keys of a real line, the table explains them', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end('hello'))
  const { port, nextLine } = await gatewayTo(t, upstream)
  const [line] = await Promise.all([nextLine(), call(port, '/api/x')])
  const example: object = codeBlocks('json').map(text => JSON.parse(text)).find(value => 'outcome' in value)
  t.strictSame(Object.keys(example), Object.keys(line))

  const explained = README.slice(README.indexOf('## Access log'), README.indexOf('## Troubleshooting'))
  const ofPino = ['level', 'time', 'pid', 'hostname', 'msg']
  for (const key of Object.keys(line)) if (!ofPino.includes(key)) t.match(explained, new RegExp(`^\\|.*\`${key}\`.*\\|.*\\|$`, 'm'), key)
})

t.test('the plugin\'s example runs in an app of its own', async t => {
  const { port: upstream } = await service(t, (request, response) => {
    response.setHeader('x-path', request.url ?? '')
    request.pipe(response)
  })
  const file = join(t.testdir(), 'app.mjs')
  writeFileSync(file, String(codeBlocks('js').find(code => code.includes('addHook'))))
  const app = new NodeProcess(t, file, { PAYMENTS_URL: `http://127.0.0.1:${upstream}`, PORT: '0' })
  const port = Number((await app.until(/listening at http:\/\/\S+:(\d+)/))[1])

  t.equal((await call(port, '/api/payments/x')).status, 401)
  const post = { method: 'POST', headers: { authorization: 'Bearer x', 'content-type': 'application/json' } }
  const forwarded = await call(port, '/api/payments/x', { ...post, body: '{"half":' })
  t.equal(forwarded.headers['x-path'], '/payments/x')
  t.equal(forwarded.body.toString(), '{"half":')
  t.equal((await call(port, '/hello', { ...post, body: '{"name":"ada"}' })).body.toString(), '{"hello":"ada"}')
})

t.test('the five lines forward a request', async t => {
  const { port: upstream } = await service(t, (request, response) => response.end(`service ${String(request.url)}`))
  const file = join(t.testdir(), 'app.mjs')
  const lines = String(codeBlocks('js')[0]).replace('Fastify()', 'Fastify({ logger: true })')
  writeFileSync(file, lines)
  const app = new NodeProcess(t, file, { API_URL: `http://127.0.0.1:${upstream}`, PORT: '0' })
  const port = Number((await app.until(/listening at http:\/\/\S+:(\d+)/))[1])
  t.equal((await call(port, '/api/x')).body.toString(), 'service /api/x')
})

t.test('the first commands: init writes what start runs', async t => {
  const commands = String(codeBlocks('sh')[0]).trim().split('\n').map(line => line.split(' '))
  t.strictSame(commands.map(([npx, name]) => `${String(npx)} ${String(name)}`), ['npx fastify-stream-gateway', 'npx fastify-stream-gateway'])
  const folder = t.testdir()
  const [init = [], start = []] = commands
  const cli = new URL('dist/src/cli/main.js', ROOT).pathname
  const env = { ...process.env, FASTIFY_PORT: undefined, PORT: '0', ROUTES_FILE: undefined }
  t.equal(spawnSync(process.execPath, [cli, ...init.slice(2)], { cwd: folder, env }).status, 0)
  const gateway = new SpawnedProcess(t, process.execPath, [cli, ...start.slice(2)], { cwd: folder, env }, 'SIGTERM')
  const port = Number((await gateway.until(/listening at http:\/\/127\.0\.0\.1:(\d+)/))[1])
  t.equal((await call(port, '/api/x')).status, 502, 'nothing listens at its target')
})

t.test('commands and links lead somewhere', async t => {
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8'))
  for (const [, name = ''] of README.matchAll(/npm (?:run )?(start|test|(?<=run )[\w-]+)/g)) t.ok(scripts[name], `npm run ${name}`)
  const ci = readFileSync(new URL('.ci/run', ROOT), 'utf8').trimEnd().split('\n')
  t.match(README, `npm ci && ${String(ci.at(-1))} `, 'the test command is that of .ci/run')

  const anchors = new Set([...README.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) => title.toLowerCase().replace(/[^\w -]/g, '').replaceAll(' ', '-')))
  for (const [, link = ''] of README.matchAll(/\]\(([^)]+)\)/g)) {
    if (link.startsWith('#')) t.ok(anchors.has(link.slice(1)), link)
    else t.ok(existsSync(new URL(link.replace(RAW, ''), ROOT)), link)
  }
})
