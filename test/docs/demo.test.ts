import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { portOf } from '../fixtures/peers.js'
import { NodeProcess } from './node-process.js'
import { codeBlocks, ROOT } from './readme.js'

const DEMO = fileURLToPath(new URL('dist/examples/demo.js', ROOT))
const ANY_PORTS = '0,0,0,0,0'

// Each is in processes of its own and waits most of its time.
t.jobs = 3

const curl = spawn('curl', ['--version'], { stdio: 'ignore' })
const isCurlThere = await Promise.race([once(curl, 'exit').then(() => true), once(curl, 'error').then(() => false)])

t.test('what it says to try gives what is printed', { buffered: true, skip: isCurlThere ? false : 'curl is not installed' }, async t => {
  const demo = new NodeProcess(t, DEMO, { DEMO_PORTS: ANY_PORTS })
  const [, url = ''] = await demo.until(/The gateway listens at (\S+)\. Ctrl-C/)
  const [, page = ''] = await demo.until(/Its status page is at (\S+)/)
  t.match(await (await fetch(page)).text(), /<title>Gateway<\/title>/)
  const blocks = demo.output.split('\n\n').filter(block => block.includes('→'))
  t.equal(blocks.length, 10)
  const file = `${t.testdir()}/64mb.bin`

  await Promise.all(blocks.map(async block => {
    const [title = '', ...lines] = block.split('\n')
    const prints = lines.flatMap(line => line.startsWith('      → ') ? [line.slice(8)] : [])
    const commands = lines.flatMap(line => /^ {4}\S/.test(line) ? [line.trim()] : [])
    const { parts, status } = await run(commands.join('\n').replaceAll('/tmp/64mb.bin', file))
    const printed = parts.join('')
    t.equal(status, 0, title)
    t.match(printed.replaceAll('\r', '').replaceAll(file, '/tmp/64mb.bin').trimEnd(), pattern(prints), title)
    if (title.includes('upload')) t.equal(new Set(printed.match(/[0-9a-f]{64}/g)).size, 1, 'intact')
    if (title.includes('one by one')) t.notMatch(parts[0], 'id: 5', 'the first arrives before the last is sent')
  }))

  const health = codeBlocks('sh').join('\n').split('\n').map(line => line.trim()).filter(line => line.startsWith('curl '))
  t.equal(health.length, 4, 'the README\'s lines')
  for (const line of health) t.match((await run(line.replace('http://localhost:3000', url))).parts.join(''), '"status":"ok"', line)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  t.test(`${signal} ends all of it`, { buffered: true }, async t => {
    const demo = new NodeProcess(t, DEMO, { DEMO_PORTS: ANY_PORTS })
    const [, url = ''] = await demo.until(/The gateway listens at (\S+)\. Ctrl-C/)
    const pid = await gatewayOf(demo)
    // Events go on for an hour: what is under way does not hold it up.
    const events = await fetch(`${url}/api/profile/events?count=3600&every=1000`)
    demo.child.kill(signal)
    t.equal(await demo.exited, 0)
    t.throws(() => process.kill(pid, 0), { code: 'ESRCH' }, 'the gateway is gone')
    await t.rejects(events.text())
  })
}

t.test('when the gateway dies, all ends with status 1', { buffered: true }, async t => {
  const demo = new NodeProcess(t, DEMO, { DEMO_PORTS: ANY_PORTS })
  await demo.until(/Ctrl-C/)
  process.kill(await gatewayOf(demo), 'SIGKILL')
  t.equal(await demo.exited, 1)
  t.match(demo.output, /\nThe gateway ended \(SIGKILL\)\.\n$/)
})

t.test('a port that is taken: one message, status 1', { buffered: true }, async t => {
  const other = createServer().listen(0)
  await once(other, 'listening')
  t.teardown(() => { other.close() })
  const taken = portOf(other)
  for (const ports of [`${taken},0,0,0,0`, `0,0,${taken},0,0`]) {
    const demo = new NodeProcess(t, DEMO, { DEMO_PORTS: ports })
    t.equal(await demo.exited, 1)
    t.equal(demo.output, `Port ${taken} is taken. The demo needs the ports ${ports.replaceAll(',', ', ')}: stop what listens there, and start it again.\n`)
  }
})

/** The gateway's first line in the log may come behind what the demo says: it is buffered for a moment. */
async function gatewayOf (demo: NodeProcess): Promise<number> {
  return Number((await demo.until(/"pid":(\d+)/))[1])
}

/** In a shell, as it was printed; what came, piece by piece. */
async function run (commands: string): Promise<{ parts: string[], status: unknown }> {
  const shell = spawn('sh', ['-ec', commands], { stdio: ['ignore', 'pipe', 'ignore'] })
  const parts: string[] = []
  shell.stdout.on('data', part => { parts.push(String(part)) })
  const [status]: unknown[] = await once(shell, 'close')
  return { parts, status }
}

/** The whole output; `…` stands for any text. */
function pattern (lines: string[]): RegExp {
  const literal = lines.join('\n').split('…').map(text => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
  return new RegExp(`^${literal.join('[^]*')}$`)
}
