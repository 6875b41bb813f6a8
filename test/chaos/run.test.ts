import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'
import { SpawnedProcess } from '../fixtures/spawned.js'

const RUN = fileURLToPath(new URL('../../dist/chaos/run.js', import.meta.url))

/** Without tap, which puts itself into NODE_OPTIONS of whatever is spawned. */
function start (t: Test, ...args: string[]): SpawnedProcess {
  return new SpawnedProcess(t, 'env', ['-u', 'NODE_OPTIONS', process.execPath, RUN, ...args], {}, 'SIGTERM')
}

t.test('a short run prints only zeros', async t => {
  const run = start(t, '--seconds', '3', '--seed', '1', '--connections', '12', '--clients', 'http1', '--faults', 'refuse,hang,close,short')
  const status = await run.exited
  t.match(run.output, /wrong 0, doubled 0, truncated-as-whole 0, hung 0, leaked 0, unlogged 0\n/)
  t.equal(status, 0, run.output)
})

t.test('it explains itself, and rejects what it does not know', async t => {
  const help = start(t, '--help')
  t.equal(await help.exited, 0)
  t.match(help.output, /npm run chaos -- \[options\]/)
  const wrong = start(t, '--faults', 'nothing')
  t.equal(await wrong.exited, 1)
  t.match(wrong.output, /--faults: expected refuse, killed/)
})
