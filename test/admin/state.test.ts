import t from 'tap'
import type { ProcessState, RouteCounts, Source, TargetCounts } from '../../src/admin/source.js'
import { StateReader } from '../../src/admin/state.js'
import type { State } from '../../src/admin/state.js'
import { BUCKETS } from '../../src/observe/tally.js'

function route (name: string, counts: Partial<RouteCounts> = {}): RouteCounts {
  return { route: name, upstream: 'app', inFlight: 0, tunnels: 0, requests: 0, failures: 0, retries: 0, received: 0, sent: 0, durations: new Array(BUCKETS.length + 2).fill(0), rejected: {}, ...counts }
}

function target (name: string, counts: Partial<TargetCounts> = {}): TargetCounts {
  return { target: name, state: 'available', reason: undefined, since: undefined, isBackup: false, inFlight: 0, succeeded: 0, failed: 0, abandoned: 0, ejections: 0, open: 0, idle: 0, opened: 0, reused: 0, ...counts }
}

function worker (pid: number, more: Partial<ProcessState> = {}): ProcessState {
  return { pid, startedAt: 1, isDraining: false, unavailable: [], inFlight: 0, connections: 0, routes: [], upstreams: [], failures: [], ...more }
}

/** @param readings one after another */
async function read (...readings: ProcessState[][]): Promise<{ state: State, reader: StateReader }> {
  let nth = 0
  const source: Source = {
    isDraining: false,
    configuration: {},
    states: async () => ({ processes: readings[nth++] ?? [], silent: 0 }),
    metrics: async () => ({ processes: [], silent: 0 }),
    explain: async () => ({ failed: 'late' })
  }
  const reader = new StateReader(source)
  let state = await reader.read()
  for (let again = 1; again < readings.length; again++) {
    await new Promise(resolve => setTimeout(resolve, 1_000))
    state = await reader.read()
  }
  return { state, reader }
}

t.test('what only a draining worker knows is gone; what all know is added up', async t => {
  const { state } = await read([
    worker(1, { isDraining: true, routes: [route('/a', { inFlight: 1, rejected: { queue: 1 } }), route('/gone', { inFlight: 1 })], upstreams: [{ upstream: 'app', waiting: 1, targets: [target('x', { open: 1 }), target('gone')] }, { upstream: 'gone', waiting: 0, targets: [] }] }),
    worker(2, { routes: [route('/a', { inFlight: 2, rejected: { queue: 1, cors: 1 } })], upstreams: [{ upstream: 'app', waiting: 2, targets: [target('x', { open: 2 })] }] })
  ])
  t.match(state.routes, [{ route: '/a', inFlight: 3, rejected: { queue: 2, cors: 1 } }])
  t.equal(state.routes.length, 1)
  t.strictSame(state.upstreams.map(({ upstream, waiting, targets }) => [upstream, waiting, targets.map(({ target, open }) => [target, open])]), [['app', 3, [['x', 3]]]])
  t.strictSame(state.rejected, { queue: 2, cors: 1 })
})

t.test('where all drain, all is shown', async t => {
  const { state, reader } = await read([worker(1, { isDraining: true, routes: [route('/a')], upstreams: [{ upstream: 'app', waiting: 0, targets: [target('x')] }] })])
  t.match(state, { routes: [{ route: '/a' }], upstreams: [{ targets: [{ target: 'x', workers: 0 }] }] })
  t.equal(await reader.unavailable(), undefined)
})

t.test('one worker that finds a target out of order is worth knowing of, and the targets of each are there', async t => {
  const { state } = await read([
    worker(1, { upstreams: [{ upstream: 'app', waiting: 0, targets: [target('x'), target('y')] }] }),
    worker(2, { upstreams: [{ upstream: 'app', waiting: 0, targets: [target('x', { state: 'ejected', reason: 'reset', since: 5 }), target('z')] }] })
  ])
  t.match(state.upstreams, [{ targets: [{ target: 'x', state: 'ejected', reason: 'reset', since: 5, workers: 2, availableIn: 1 }, { target: 'y', workers: 1 }, { target: 'z', workers: 1 }] }])
})

t.test('an upstream is available while one worker finds it so', async t => {
  const { reader } = await read([worker(1, { unavailable: ['app', 'other'] }), worker(2, { unavailable: ['other'] }), worker(3, { isDraining: true })])
  t.strictSame(await reader.unavailable(), ['other'])
})

t.test('the pace is of what came since it was read, whichever workers came and went', async t => {
  const fast = new Array(BUCKETS.length + 2).fill(0).with(3, 10)
  const { state } = await read(
    [worker(1, { routes: [route('/a', { requests: 1000 })] }), worker(2, { routes: [route('/a', { requests: 500 })] })],
    [worker(1, { routes: [route('/a', { requests: 1008, failures: 2, durations: fast })] }), worker(3, { routes: [route('/a', { requests: 2 })] })]
  )
  t.ok(state.window >= 0.9 && state.window < 5)
  t.equal(Math.round(state.rate * state.window), 10)
  t.match(state, { errorRate: 0.2, p50: 7.5, routes: [{ errorRate: 0.2, p50: 7.5 }] })
  const { state: quiet } = await read([worker(1, { routes: [route('/a')] })])
  t.match(quiet, { rate: 0, errorRate: null, p50: null, p99: null })
})

t.test('of all failures the latest hundred', async t => {
  const failures = (from: number): ProcessState['failures'] => Array.from({ length: 80 }, (_, nth) => ({ time: from - nth * 2, id: String(from - nth * 2), method: 'GET', path: '/', route: '/a', upstream: 'app', target: 'x', attempts: 1, status: 502, outcome: 'upstream error', reason: 'x', cause: undefined }))
  const { state } = await read([worker(1, { failures: failures(1000) }), worker(2, { failures: failures(999) })])
  t.strictSame(state.failures.slice(0, 4).map(({ time }) => time), [1000, 999, 998, 997])
  t.equal(state.failures.length, 100)
})
