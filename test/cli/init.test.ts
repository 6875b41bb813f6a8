import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import t from 'tap'
import { SpawnedProcess } from '../fixtures/spawned.js'

const COMMAND = resolve('dist/src/cli/main.js')
const hasScript = existsSync('/usr/bin/script')

t.test('init asks in a terminal for what is not given, and takes its own words for no word', { skip: hasScript ? false : 'script is not installed' }, async t => {
  for (const [args, typed, question, route] of [
    ['', '/v2\n', /Which path/, { prefix: '/v2', target: 'http://localhost:3001' }],
    ['--prefix /v3', undefined, undefined, { prefix: '/v3', target: 'http://localhost:3001' }]
  ] as const) {
    const folder = t.testdir()
    const asking = new SpawnedProcess(t, 'script', ['-qec', `${process.execPath} ${COMMAND} init ${args}`, '/dev/null'], { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] }, 'SIGKILL')
    if (question !== undefined) {
      await asking.until(question)
      asking.child.stdin?.write(typed)
    }
    await asking.until(/To which service/)
    asking.child.stdin?.write('\n')
    t.equal(await asking.exited, 0)
    t.match(JSON.parse(readFileSync(join(folder, 'routes.json'), 'utf8')).routes, [route])
  }
})

t.test('what nobody has foreseen is told whole', async t => {
  const folder = t.testdir({ 'routes.json': t.fixture('symlink', 'none/routes.json') })
  t.match(spawnSync(process.execPath, [COMMAND, 'init'], { cwd: folder, encoding: 'utf8' }), { status: 1, stdout: '', stderr: /ENOENT[^]*\n {4}at / })
})

t.test('check counts the routes', async t => {
  const folder = t.testdir()
  writeFileSync(join(folder, 'routes.json'), JSON.stringify({ routes: [{ prefix: '/a', target: 'http://x' }, { prefix: '/b', target: 'http://y' }] }))
  t.match(spawnSync(process.execPath, [COMMAND, 'check', 'routes.json'], { cwd: folder, encoding: 'utf8' }), { status: 0, stdout: 'routes.json: ok, 2 routes\n' })
})
