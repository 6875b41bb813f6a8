import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { call } from '../fixtures/gateway.js'
import { service } from '../fixtures/peers.js'
import { SpawnedProcess } from '../fixtures/spawned.js'

const COMMAND = resolve('dist/src/cli/main.js')
const { version } = JSON.parse(readFileSync('package.json', 'utf8'))

interface Ran { status: number | null, stdout: string, stderr: string }

/** Runs the command to its end, in a folder of its own, without a terminal. */
function run (cwd: string, args: string[], env: NodeJS.ProcessEnv = {}): Ran {
  return spawnSync(process.execPath, [COMMAND, ...args], { cwd, encoding: 'utf8', env: { ...process.env, ROUTES_FILE: undefined, ...env } })
}

/** A gateway that the command started, on a port of its own. */
class Started extends SpawnedProcess {
  constructor (t: Test, readonly folder: string, args: string[], env: NodeJS.ProcessEnv = {}) {
    const { FASTIFY_PORT, PORT, FASTIFY_ADDRESS, ROUTES_FILE, ...inherited } = process.env
    super(t, process.execPath, [COMMAND, 'start', ...args], { cwd: folder, env: { ...inherited, ...env } }, 'SIGKILL')
  }

  async listening (): Promise<number> {
    return Number((await this.until(/listening at http:\/\/127\.0\.0\.1:(\d+)/))[1])
  }
}

function folderWith (t: Test, config: unknown): string {
  const folder = t.testdir()
  writeFileSync(join(folder, 'routes.json'), JSON.stringify(config))
  return folder
}

t.test('help and version', async t => {
  const folder = t.testdir()
  for (const args of [[], ['--help'], ['-h'], ['help'], ['help', 'nothing']]) t.match(run(folder, args), { status: 0, stdout: /^A streaming API gateway\.[^]*\n {2}start \[routes\.json\] +runs the gateway\n/ })
  for (const args of [['start', '--help'], ['help', 'start'], ['start', 'x', '-h']]) t.match(run(folder, args), { status: 0, stdout: /^Runs the gateway\.[^]*--port <number>/ })
  for (const args of [['--version'], ['-v']]) t.match(run(folder, args), { status: 0, stdout: `${version}\n` })
})

t.test('what there is not is told, with status 2', async t => {
  const folder = t.testdir()
  const expected: [string[], string | RegExp][] = [
    [['begin'], 'unknown command "begin", must be one of start, check,'],
    [['constructor'], 'unknown command "constructor"'],
    [['start', '--prot', '1'], 'unknown option \'--prot\''],
    [['check', 'a', 'b'], 'found 2 names, must be one file at most'],
    [['start', '-p', 'http'], '--port: found "http", must be a number up to 65535'],
    [['start', '--port', '65536'], '--port: found "65536"'],
    [['init', '--target', 'ftp://x'], /init: 1 mistake\n.*target/]
  ]
  for (const [args, stderr] of expected) {
    const { status, stderr: said } = run(folder, args)
    t.equal(status, 2, args.join(' '))
    t.match(said, stderr)
    t.notMatch(said, /\n {4}at /, 'no stack')
  }
  t.match(run(folder, ['start'], { PORT: 'x' }).stderr, 'PORT: found "x"')
})

t.test('check', async t => {
  const folder = folderWith(t, { routes: [{ prefix: '/api', target: 'http://localhost:1' }] })
  t.match(run(folder, ['check']), { status: 0, stdout: 'routes.json: ok, 1 route\n' })
  writeFileSync(join(folder, 'other.json'), JSON.stringify({ routes: [{ prefix: '/a', target: 'http://x' }, { prefix: '/a', target: 'http://y' }] }))
  t.match(run(folder, ['check', 'other.json']), { status: 1, stdout: '', stderr: /^other\.json: 1 mistake\n {2}routes\[1\]/ })
  t.match(run(folder, ['check'], { ROUTES_FILE: 'other.json' }), { status: 1 })
  t.match(run(folder, ['check', 'none.json']), { status: 1, stderr: /^none\.json: 1 mistake\n {2}cannot be read/ })
  const printed = JSON.parse(run(folder, ['check', '--print']).stdout)
  t.match(printed, { server: { keepAliveTimeout: 72_000 }, routes: [{ prefix: '/api', timeout: 30_000 }] }, 'as it would run')
})

t.test('init', async t => {
  const folder = t.testdir()
  t.match(run(folder, ['init', '--prefix', '/v1', '--target', 'http://localhost:4000']), { status: 0, stdout: /wrote routes\.json\nwrote package\.json\n/ })
  const read = (name: string): Record<string, unknown> => JSON.parse(readFileSync(join(folder, name), 'utf8'))
  t.strictSame(read('routes.json'), {
    $schema: './node_modules/fastify-stream-gateway/routes.schema.json',
    routes: [{ prefix: '/v1', target: 'http://localhost:4000' }]
  })
  t.match(read('package.json'), { scripts: { start: 'fastify-stream-gateway start' }, dependencies: { 'fastify-stream-gateway': `^${version}`, fastify: /^\^5/ } })
  t.match(run(folder, ['check']), { status: 0 })
  t.match(run(folder, ['init']), { status: 1, stderr: /routes\.json is there already/ }, 'nothing is overwritten')

  const other = folderWith(t, {})
  writeFileSync(join(other, 'package.json'), '{}')
  spawnSync('rm', [join(other, 'routes.json')])
  t.match(run(other, ['init']), { status: 0, stdout: /package\.json is there already; add "start"/ }, 'without a terminal nothing is asked')
  t.equal(readFileSync(join(other, 'package.json'), 'utf8'), '{}')
  t.match(JSON.parse(readFileSync(join(other, 'routes.json'), 'utf8')).routes, [{ prefix: '/api', target: 'http://localhost:3001' }])
})

const hasScript = existsSync('/usr/bin/script')

t.test('init asks in a terminal', { skip: hasScript ? false : 'script is not installed' }, async t => {
  const folder = t.testdir()
  const asking = new SpawnedProcess(t, 'script', ['-qec', `${process.execPath} ${COMMAND} init`, '/dev/null'], { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] }, 'SIGKILL')
  await asking.until(/Which path is to be forwarded\? \(\/api\) /)
  asking.child.stdin?.write('\n')
  await asking.until(/To which service\? \(http:\/\/localhost:3001\) /)
  asking.child.stdin?.write('http://localhost:5000\n')
  await asking.until(/npx fastify-stream-gateway start/)
  t.equal(await asking.exited, 0)
  t.match(JSON.parse(readFileSync(join(folder, 'routes.json'), 'utf8')).routes, [{ prefix: '/api', target: 'http://localhost:5000' }])
})

t.test('start: serves, and drains on SIGTERM', async t => {
  const { port: upstream } = await service(t, (request, response) => response.end(`service ${String(request.url)}`))
  const routes = [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }]
  const gateway = new Started(t, folderWith(t, { routes }), ['-p', '0', '-a', '127.0.0.1'])
  const port = await gateway.listening()
  t.equal(String((await call(port, '/api/x')).body), 'service /api/x')
  await gateway.until(/"url":"\/api\/x","status":200/)
  gateway.child.kill('SIGTERM')
  t.equal(await gateway.exited, 0)
  t.match(gateway.output, /shutting down/)
})

t.test('start: a flag wins over a variable, a variable over the file, and .env is read', async t => {
  const routes = [{ prefix: '/api', target: 'http://127.0.0.1:1' }]
  const folder = folderWith(t, { server: { port: 0, address: '127.0.0.1' }, routes })
  const byFile = new Started(t, folder, [])
  const port = await byFile.listening()
  t.equal((await call(port, '/api/x')).status, 502)

  const taken = new Started(t, folder, ['--port', String(port)])
  t.equal(await taken.exited, 1)
  t.match(taken.output, /EADDRINUSE/)
  t.notMatch(taken.output, /\\n {4}at /, 'no stack')
  const variable = new Started(t, folder, [], { FASTIFY_PORT: String(port) })
  t.equal(await variable.exited, 1)
  const flag = new Started(t, folder, ['-p', '0', '-l', 'fatal'], { PORT: String(port), FASTIFY_LOG_LEVEL: 'info' })
  writeFileSync(join(folder, '.env'), 'FASTIFY_ADDRESS=256.0.0.1\n')
  const byEnv = new Started(t, folder, [])
  t.equal(await byEnv.exited, 1, 'there is no such address')
  t.equal(flag.output, '')
})

t.test('start: what it is told in a wrong file or variable', async t => {
  const wrong = new Started(t, folderWith(t, { routes: [] }), [])
  t.equal(await wrong.exited, 1)
  t.match(wrong.output, /^routes\.json: 1 mistake\n {2}routes: found an empty list/)
  const folder = folderWith(t, { routes: [{ prefix: '/api', target: 'http://127.0.0.1:1' }] })
  const kubernetes = new Started(t, folder, [], { FASTIFY_PORT: 'tcp://10.0.0.1:3000' })
  t.equal(await kubernetes.exited, 1)
  t.match(kubernetes.output, /enableServiceLinks: false/)
  const named = new Started(t, folder, ['none.json'])
  t.equal(await named.exited, 1)
  t.match(named.output, /^none\.json: 1 mistake/)
})
