import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import t from 'tap'
import { call } from '../fixtures/gateway.js'
import { service } from '../fixtures/peers.js'
import { download, NOWHERE, preloaded, serviceWithDownload, Started } from '../fixtures/started.js'
import { fixture } from '../fixtures/tls.js'

// Each of these starts several processes.
t.setTimeout(300_000)

t.test('as many workers as are wanted listen at one port, and end together', async t => {
  const { config } = await serviceWithDownload(t)
  const gateway = new Started(t, config, ['--workers', '2'])
  const port = await gateway.listening()
  const pids = await gateway.workers(2)
  t.equal(new Set([gateway.child.pid, ...pids]).size, 3)
  t.match(gateway.output, new RegExp(`(127.0.0.1:${port}[^]*){2}`))
  await gateway.until(/"workers":2,"msg":"started"/)
  t.equal(String((await call(port, '/x')).body), 'ok')
  t.equal(await gateway.stop(), 0)
  t.strictSame(new Set(gateway.pids(/^shutting down/)), new Set(pids))
})

t.test('there is one worker where no number is given', async t => {
  const gateway = new Started(t, NOWHERE)
  await gateway.until(/"workers":1,"msg":"started"/)
  t.equal(gateway.pids(/^Server listening/).length, 1)
  t.not(gateway.pids(/^Server listening/)[0], gateway.child.pid)
  t.equal(await gateway.stop(), 0)
})

t.test('a mistake is told once, with status 1, and nothing is tried again', async t => {
  const gateway = new Started(t, { routes: [{ prefx: '/' }] }, ['--workers', '2'])
  t.equal(await gateway.exited, 1)
  t.match(gateway.output, /^routes\.json: 1 mistake\n {2}routes\[0\]\.prefx: unknown key, did you mean `prefix`\?\n$|^routes\.json: \d mistakes\n/)
  t.equal(gateway.output.match(/unknown key/g)?.length, 1)

  const unreadable = new Started(t, folder => mkdirSync(join(folder, '.env')))
  t.equal(await unreadable.exited, 1)
  t.match(unreadable.output, /^\.env: 1 mistake\n {2}cannot be read \(EISDIR.*\)\n$/)

  for (const number of ['many', '0', '-1', '1.5', '1000']) {
    const many = new Started(t, NOWHERE, [`--workers=${number}`])
    t.equal(await many.exited, 2)
    t.match(many.output, `--workers: found "${number}", must be a whole number from 1 to 999`)
  }
})

t.test('where the first worker cannot listen, the others are not tried', async t => {
  const { port } = await service(t, () => {})
  const gateway = new Started(t, NOWHERE, ['--workers', '2', '-p', String(port)])
  t.equal(await gateway.exited, 1)
  t.match(gateway.lines.filter(({ level }) => level >= 50), [{ level: 60, code: 'EADDRINUSE' }])
})

t.test('a first worker that somebody kills is told of', async t => {
  const gateway = new Started(t, NOWHERE, [], preloaded(t, 'if (isWorker) process.kill(process.pid, "SIGKILL")'))
  t.equal(await gateway.exited, 1)
  t.match(gateway.lines, [{ level: 60, status: null, signal: 'SIGKILL', msg: 'the worker ended before it served' }])
})

t.test('it can be stopped before it has read anything', async t => {
  const gateway = new Started(t, NOWHERE, [], preloaded(t, `process.on('newListener', name => {
    if (!isWorker && name === 'SIGUSR1') process.nextTick(() => ['SIGHUP', 'SIGUSR1', 'SIGTERM'].forEach(signal => process.emit(signal, signal)))
  })`))
  t.equal(await gateway.exited, 0)
  t.equal(gateway.output, '')
})

t.test('it can be stopped before a worker listens', async t => {
  const gateway = new Started(t, NOWHERE, ['--workers', '2'], preloaded(t, `if (isWorker) {
    console.log('here')
    await new Promise(resolve => setTimeout(resolve, 1e6))
  }`))
  await gateway.until(/here/)
  // That would be for later.
  gateway.child.kill('SIGHUP')
  t.equal(await gateway.stop(), 0)
  t.notMatch(gateway.output, /listening|died|reloading/)
})

t.test('a reload that is asked for while it starts comes after that', async t => {
  const gateway = new Started(t, NOWHERE, [], preloaded(t, 'if (isWorker) console.log("here")'))
  await gateway.until(/here/)
  gateway.child.kill('SIGHUP')
  gateway.child.kill('SIGHUP')
  await gateway.until(/"started"[^]*"reloaded"/)
  t.equal(await gateway.stop(), 0)
  t.ok(gateway.pids(/^reloaded/).length <= 2)
})

t.test('it can be stopped when a worker is ready, and does not listen yet', async t => {
  const gateway = new Started(t, NOWHERE, [], preloaded(t, `import { Server } from 'node:net'
  const { listen } = Server.prototype
  if (isWorker) Server.prototype.listen = function (...given) {
    process.kill(process.ppid, 'SIGTERM')
    process.once('SIGTERM', () => setImmediate(() => listen.apply(this, given)))
  }`))
  t.equal(await gateway.exited, 0)
  t.notMatch(gateway.output, /"level":[56]0/)
})

t.test('a signal to all processes, and another one, break nothing off', async t => {
  const { config, release } = await serviceWithDownload(t)
  const gateway = new Started(t, config)
  const client = await download(t, await gateway.listening())
  const [pid = 0] = await gateway.workers(1)
  process.kill(pid, 'SIGHUP')
  process.kill(pid, 'SIGINT')
  await gateway.until(/shutting down/)
  gateway.child.kill('SIGINT')
  gateway.child.kill('SIGUSR2')
  await gateway.until(/"signal":"SIGINT","msg":"stopping"/)
  gateway.child.kill('SIGTERM')
  gateway.child.kill('SIGHUP')
  release()
  await client.until('last')
  t.equal(await gateway.exited, 0)
  t.notMatch(gateway.output, /reloading/)
})

t.test('a worker that dies is replaced by one that runs the same, whatever became of the file', async t => {
  const { config } = await serviceWithDownload(t)
  const gateway = new Started(t, config)
  const [first = 0] = await gateway.workers(1)
  gateway.write('{ "routes": [] }')
  process.kill(first, 'SIGKILL')
  const [, second = 0] = await gateway.workers(2)
  t.match(gateway.lines.filter(({ msg }) => /died/.test(msg)), [{ level: 50, worker: first, status: null, signal: 'SIGKILL' }])
  t.not(first, second)
  // Where it has none of the old one's, it makes up a port of its own.
  const port = Number(gateway.output.match(/127\.0\.0\.1:(\d+)(?![^]*listening at)/)?.[1])
  t.equal(String((await call(port, '/x')).body), 'ok')
  t.equal(await gateway.stop(), 0)
})

t.test('a replacement that dies is replaced, too, after a pause that doubles; meanwhile it can be stopped', async t => {
  const [cert, key] = ['localhost.pem', 'localhost.key']
  const gateway = new Started(t, { ...NOWHERE, server: { tls: { cert, key } } })
  const folder = dirname(gateway.file)
  for (const name of [cert, key]) copyFileSync(fixture(name), join(folder, name))
  const [first = 0] = await gateway.workers(1)
  rmSync(join(folder, cert))
  const killed = Date.now()
  process.kill(first, 'SIGKILL')
  await gateway.times(/a worker died/, 3)
  t.match(gateway.lines.filter(({ msg }) => /died/.test(msg)), [{ signal: 'SIGKILL' }, { status: 1 }, { status: 1 }])
  t.ok(Date.now() - killed >= 300, '100 ms, and then 200')
  copyFileSync(fixture(cert), join(folder, cert))
  const [, second = 0] = await gateway.workers(2)
  rmSync(join(folder, cert))
  const deaths = gateway.pids(/died/).length
  process.kill(second, 'SIGKILL')
  await gateway.times(/a worker died/, deaths + 2)
  t.equal(await gateway.stop(), 0, 'while there is none')
})

t.test('workers whose supervisor is gone let what is under way end, and end', async t => {
  const { config, release } = await serviceWithDownload(t)
  const gateway = new Started(t, config, ['--workers', '2'])
  const client = await download(t, await gateway.listening())
  await gateway.workers(2)
  // That of a former generation as well.
  await gateway.reload(1)
  await gateway.workers(4)
  gateway.child.kill('SIGKILL')
  await gateway.times(/shutting down/, 4)
  release()
  await client.until('last')
  // The workers' output ends with the last of them.
  t.equal(await gateway.exited, 'SIGKILL')
})

t.test('an uncaught error is one line, and the end of its process', async t => {
  const { config } = await serviceWithDownload(t)
  const gateway = new Started(t, config, [], preloaded(t, 'process.on("SIGUSR2", () => { throw new Error("made up") })'))
  const [first = 0] = await gateway.workers(1)
  process.kill(first, 'SIGUSR2')
  await gateway.workers(2)
  t.match(gateway.lines.filter(({ level }) => level >= 50), [{ level: 60, pid: first, err: { message: 'made up' } }, { level: 50, worker: first, status: 1 }])
  gateway.child.kill('SIGUSR2')
  t.equal(await gateway.exited, 1)
  t.match(gateway.lines.filter(({ level }) => level === 60), [{}, { pid: gateway.child.pid, err: { message: 'made up' }, msg: 'uncaught error' }])
  t.ok(gateway.output.trim().split('\n').every(line => line.startsWith('{')), 'no bare stack')
})

for (const [what, thrown] of [['an error', 'new Error("made up")'], ['what is no error and is thrown', '"made up"']] as const) {
  t.test(`${what} before there is a log is one line as well`, async t => {
    const gateway = new Started(t, NOWHERE, [], preloaded(t, `if (isWorker) process.once("message", () => { throw ${thrown} })`))
    t.equal(await gateway.exited, 1)
    t.equal(gateway.output, 'fastify-stream-gateway: made up\n')
  })
}

t.test('a worker is nothing to be started by hand', async t => {
  const { status, stderr } = spawnSync(process.execPath, ['dist/src/cli/worker.js'], { encoding: 'utf8' })
  t.equal(status, 1)
  t.equal(stderr, 'fastify-stream-gateway: this is started by the command: fastify-stream-gateway start\n')
})

const canUnshare = existsSync('/usr/bin/unshare') && spawnSync('unshare', ['--pid', '--fork', '--mount-proc', 'true']).status === 0

t.test('as the first process of a container: signals count, and no process is left', { skip: canUnshare ? false : 'unshare is not allowed' }, async t => {
  const { config } = await serviceWithDownload(t)
  // Its own ids, of which it has the first.
  const gateway = new Started(t, config, [], {}, ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'])
  const port = await gateway.listening()
  await gateway.until(/"pid":1,.*"started"/)
  const inside = (...command: string[]): string => spawnSync('nsenter', ['--target', String(childOf(gateway.child.pid)), '--pid', '--mount', ...command], { encoding: 'utf8' }).stdout
  inside('kill', '-HUP', '1')
  await gateway.until(/"reloaded"/)
  await gateway.until(/"drained"/)
  t.equal(String((await call(port, '/x')).body), 'ok')
  t.notMatch(inside('ps', '-e', '-o', 'stat,args'), /^Z/m, 'no zombies')
  inside('kill', '-TERM', '1')
  t.equal(await gateway.exited, 0)
})

function childOf (pid = 0): number {
  return Number(spawnSync('ps', ['--ppid', String(pid), '-o', 'pid='], { encoding: 'utf8' }).stdout)
}
