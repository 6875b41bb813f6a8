import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'
import { gatewayConfig, haproxyConfig, nginxConfig } from '../../chaos/targets/configurations.js'
import { TARGET_FAULTS } from '../../chaos/targets/faults.js'
import type { Result } from '../../chaos/targets/load.js'
import { measure, percentile, wholeShare } from '../../chaos/targets/measure.js'
import type { Figures } from '../../chaos/targets/measure.js'
import { misses, reloadTable, restartTable, table } from '../../chaos/targets/report.js'
import { requestFor, workFor } from '../../chaos/targets/requests.js'
import { checkConfig } from '../../src/config/index.js'
import { checkedBy, VALID } from '../fixtures/checked-by.js'
import { SpawnedProcess } from '../fixtures/spawned.js'

const RUN = fileURLToPath(new URL('../../dist/chaos/targets/run.js', import.meta.url))
const MOMENTS = { begun: 0, fault: 4_000, recovered: 10_000, ended: 20_000 }
const FIGURES: Figures = { fault: 'dead', requests: 10, lost: 0, doubled: 0, failedPosts: 1, calm: 30, first: 500, after: 40, back: 5_000, backAfter: 2_000 }

t.test('the same seed makes the same requests', async t => {
  const numbers = Array.from({ length: 300 }, (_, nth) => nth + 1)
  const plans = (seed: number): unknown[] => numbers.map(number => requestFor(seed, number))
  t.strictSame(plans(1), plans(1))
  t.notSame(plans(1), plans(2))
  t.strictSame([...new Set(numbers.map(number => requestFor(1, number).method))].sort(), ['GET', 'POST', 'PUT'])
  t.ok(numbers.every(number => (requestFor(1, number).length > 0) === (requestFor(1, number).method === 'POST')))
  t.ok(numbers.every(number => workFor(1, number) >= 10 && workFor(1, number) < 30))
})

t.test('what is measured', async t => {
  const result = (method: string, due: number, milliseconds: number, failure?: string): Result => ({ number: 1, method, due, milliseconds, failure })
  const results = [result('GET', 1, 10), result('PUT', 4_100, 500, 'status 502'), result('POST', 4_200, 600, 'status 504'), result('GET', 7_000, 20)]
  const figures = measure('hung', results, new Map([[1, 1], [2, 2]]), [[10_100], [10_200], [10_300]], MOMENTS, 10_500)
  t.strictSame(figures, { fault: 'hung', requests: 4, lost: 1, doubled: 1, failedPosts: 1, calm: 10, first: 500, after: 20, back: 0, backAfter: 500 })
  t.equal(measure('hung', [], new Map(), [], MOMENTS, undefined).backAfter, undefined)
  t.equal(percentile([3, 1, 2], 0.99), 3)
  t.ok(Number.isNaN(percentile([], 0.99)))
})

t.test('a whole share', async t => {
  const busy = Array.from({ length: 200 }, (_, nth) => 10_000 + nth * 50)
  t.equal(wholeShare([busy, busy, busy.filter(time => time >= 13_000)], 10_000, 20_000), 2_800)
  t.equal(wholeShare([busy, busy, []], 10_000, 20_000), undefined)
  t.equal(wholeShare([], 10_000, 20_000), undefined)
})

t.test('goals that are missed', async t => {
  t.strictSame(misses(FIGURES), [])
  t.match(misses({ ...FIGURES, lost: 1 }), [/^dead \(.*\): 1 idempotent requests lost$/])
  t.match(misses({ ...FIGURES, doubled: 1 }), [/1 POSTs arrived twice/])
  t.match(misses({ ...FIGURES, after: 90 }), [/p99 90 ms after 30 ms/])
  t.match(misses({ ...FIGURES, back: undefined }), [/never its whole share again/])
  t.match(misses({ ...FIGURES, back: 9_000 }), [/its whole share after 9.0 s, of which 2.0 s ejected/])
})

t.test('tables', async t => {
  t.match(table([['gateway', FIGURES], ['nginx', { ...FIGURES, back: undefined }]]), /^\| dead \| gateway \| 10 \| 0 \| 0 \| 1 \| 30 ms \| 500 ms \| 40 ms \| 5\.0 s \|\n.*never \|$/m)
  t.match(restartTable({ requests: 5, lost: ['GET 1: status 502'], doubled: 0, failedPosts: 2, wasBack: 3 }), /\| 5 \| 1 \| 0 \| 2 \| 3 restarts \|\n {2}GET 1: status 502/)
  const tallies = new Map([['uploading', { fine: 3, lost: ['status 502'], add () {} }]])
  t.match(reloadTable({ tallies, drained: true }), /\| uploading \| 3 \| 1 \|\n {2}status 502\nAll old workers ended/)
  t.match(reloadTable({ tallies, drained: false }), /Old workers were still there/)
})

t.test('the gateway knows its targets, and checks them where it is to', async t => {
  const config = gatewayConfig(['127.0.0.1:1', '127.0.0.1:2'], false)
  t.match(checkConfig(config), {
    upstreams: { services: { targets: [{ port: 1 }, { port: 2 }], health: undefined } }, routes: [{ timeout: 3_000, retry: { attempts: 2, perTryTimeout: 500 } }]
  })
  t.match(checkConfig(gatewayConfig(['127.0.0.1:1'], true, { perTry: 5_000 })), { upstreams: { services: { health: { interval: 500 } } }, routes: [{ timeout: 5_000 }] })
})

t.test('nginx and haproxy know them as well', async t => {
  const targets = ['127.0.0.1:1', '127.0.0.1:2']
  const folder = t.testdir()
  const nginx = nginxConfig(targets, 3, folder)
  t.match(nginx, /server 127\.0\.0\.1:1 max_fails=5 fail_timeout=2s;\n +server 127\.0\.0\.1:2 /)
  t.match(checkedBy('nginx', ['-t', '-p', folder, '-e', 'stderr', '-c'], nginx, folder), VALID)
  const haproxy = haproxyConfig(targets, 3)
  t.match(haproxy, /server s0 127\.0\.0\.1:1\n +server s1 127\.0\.0\.1:2\n/)
  t.match(checkedBy('haproxy', ['-c', '-f'], haproxy, folder), VALID)
})

/** Without tap, which puts itself into NODE_OPTIONS of whatever is spawned. */
function start (t: Test, ...args: string[]): SpawnedProcess {
  return new SpawnedProcess(t, 'env', ['-u', 'NODE_OPTIONS', process.execPath, RUN, ...args], {}, 'SIGTERM')
}

t.test('a service that is restarted behind the gateway costs no idempotent request', async t => {
  const run = start(t, '--restarts', 'service', '--times', '3', '--seed', '3')
  t.equal(await run.exited, 0, run.output)
  t.match(run.output, /\| \d{3,} \| 0 \| 0 \| \d+ \| [1-3] restarts \|/)
})

t.test('it explains itself, and rejects what it does not know', async t => {
  const help = start(t, '--help')
  t.equal(await help.exited, 0)
  for (const fault of TARGET_FAULTS) t.match(help.output, fault)
  const wrong = start(t, '--faults', 'nothing')
  t.equal(await wrong.exited, 1)
  t.match(wrong.output, /--faults: expected dead, hung/)
})
