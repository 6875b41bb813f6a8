import type { Failure } from '../observe/recent-failures.js'
import { version } from '../server/version.js'
import { keyOf, Paces } from './pace.js'
import type { Pace } from './pace.js'
import type { ProcessState, RouteCounts, Source, TargetCounts, UpstreamCounts } from './source.js'

/** Milliseconds for which a reading counts as the present one, however many ask. */
const FRESH = 900
/** Failures that are shown. */
const MOST_FAILURES = 100

export interface WorkerView extends Pick<ProcessState, 'pid' | 'startedAt' | 'isDraining' | 'inFlight' | 'connections'> {}

export interface RouteView extends Omit<RouteCounts, 'durations'>, Pace {}

export interface TargetView extends TargetCounts {
  /** Workers that serve, and how many of them find the target available. */
  readonly workers: number
  readonly availableIn: number
}

export interface UpstreamView extends Omit<UpstreamCounts, 'targets'> {
  readonly targets: readonly TargetView[]
}

/** What the page shows. Times are milliseconds since 1970; what is counted, is since each of the processes began. */
export interface State extends Pace {
  readonly version: string
  readonly node: string
  readonly time: number
  /** Of the process that has the listener. */
  readonly startedAt: number
  /** Seconds that `rate`, `errorRate` and the percentiles are of: since it was read before, one at least. */
  readonly window: number
  readonly isDraining: boolean
  readonly workers: readonly WorkerView[]
  /** Workers that did not respond in time, and are left out. */
  readonly silent: number
  readonly inFlight: number
  /** Of clients. */
  readonly connections: number
  readonly requests: number
  readonly failed: number
  /** By policy. */
  readonly rejected: Readonly<Record<string, number>>
  readonly routes: readonly RouteView[]
  readonly upstreams: readonly UpstreamView[]
  /** The latest first. */
  readonly failures: readonly Failure[]
}

/** What does not change while it is fresh, and what it was made of. */
interface Read {
  readonly state: Omit<State, 'isDraining'>
  readonly processes: readonly ProcessState[]
}

/** Reads a source as often as it is asked, but not more often than is of use: who asks may be anybody with a token. */
export class StateReader {
  readonly #source: Source
  readonly #paces = new Paces()
  #readAt = 0
  #latest: Promise<Read> | undefined

  constructor (source: Source) {
    this.#source = source
  }

  async read (): Promise<State> {
    return { ...(await this.#read()).state, isDraining: this.#source.isDraining }
  }

  /** The upstreams that have no target in any of the workers that serve; `undefined` where none does. */
  async unavailable (): Promise<readonly string[] | undefined> {
    const serving = (await this.#read()).processes.filter(({ isDraining }) => !isDraining)
    const [first, ...others] = serving
    return first?.unavailable.filter(name => others.every(({ unavailable }) => unavailable.includes(name)))
  }

  async #read (): Promise<Read> {
    const now = performance.now()
    if (this.#latest !== undefined && now - this.#readAt < FRESH) return await this.#latest
    const before = this.#latest === undefined ? 0 : this.#readAt
    this.#readAt = now
    this.#latest = this.#make((now - before) / 1000)
    return await this.#latest
  }

  async #make (window: number): Promise<Read> {
    const { processes, silent } = await this.#source.states()
    const { all, of } = this.#paces.next(processes, window)
    const routes = merged(processes, ({ routes }) => routes, keyOf, sumOfRoutes).map(({ durations, ...route }) => ({ ...route, ...of(keyOf(route)) }))
    const state = {
      version: version(),
      node: process.version,
      time: Date.now(),
      startedAt: Math.round(performance.timeOrigin),
      window,
      workers: processes.map(({ pid, startedAt, isDraining, inFlight, connections }) => ({ pid, startedAt, isDraining, inFlight, connections })),
      silent,
      inFlight: total(processes, ({ inFlight }) => inFlight),
      connections: total(processes, ({ connections }) => connections),
      requests: total(routes, ({ requests }) => requests),
      failed: total(routes, ({ failures }) => failures),
      ...all,
      rejected: routes.map(({ rejected }) => rejected).reduce(sumOfRecords, {}),
      routes,
      upstreams: upstreamsOf(processes),
      failures: processes.flatMap(({ failures }) => failures).sort((a, b) => b.time - a.time).slice(0, MOST_FAILURES)
    }
    return { state, processes }
  }
}

/**
 * What several processes have of one thing as one. What serving ones do not know any more is gone; draining ones only
 * add to what these know.
 */
function merged<One> (processes: readonly ProcessState[], listOf: (process: ProcessState) => readonly One[], key: (one: One) => string, sum: (one: One, other: One) => One): One[] {
  const all = new Map<string, One>()
  for (const process of servingFirst(processes)) {
    for (const one of listOf(process)) {
      const known = all.get(key(one))
      if (known !== undefined) all.set(key(one), sum(known, one))
      else if (!process.isDraining || processes.every(({ isDraining }) => isDraining)) all.set(key(one), one)
    }
  }
  return [...all.values()]
}

function servingFirst (processes: readonly ProcessState[]): ProcessState[] {
  return processes.toSorted((a, b) => Number(a.isDraining) - Number(b.isDraining))
}

function sumOfRoutes (one: RouteCounts, other: RouteCounts): RouteCounts {
  return {
    ...one,
    inFlight: one.inFlight + other.inFlight,
    tunnels: one.tunnels + other.tunnels,
    requests: one.requests + other.requests,
    failures: one.failures + other.failures,
    retries: one.retries + other.retries,
    received: one.received + other.received,
    sent: one.sent + other.sent,
    rejected: sumOfRecords(one.rejected, other.rejected)
  }
}

function upstreamsOf (processes: readonly ProcessState[]): UpstreamView[] {
  const isServing = processes.some(({ isDraining }) => !isDraining)
  // Looked up, workers need not find the same targets.
  const both = (one: UpstreamView, other: UpstreamView): UpstreamView => ({ ...one, waiting: one.waiting + other.waiting, targets: [...one.targets, ...other.targets] })
  return merged(processes, upstreamsIn, ({ upstream }) => upstream, both).map(({ targets, ...upstream }) => {
    const views = new Map<string, TargetView>()
    for (const seen of targets) {
      const known = views.get(seen.target)
      views.set(seen.target, known === undefined ? seen : sumOfTargets(known, seen))
    }
    return { ...upstream, targets: [...views.values()].filter(({ workers }) => workers > 0 || !isServing) }
  })
}

/** As one process has them. */
function upstreamsIn ({ isDraining, upstreams }: ProcessState): UpstreamView[] {
  return upstreams.map(({ targets, ...upstream }) => ({
    ...upstream,
    targets: targets.map(target => ({ ...target, workers: isDraining ? 0 : 1, availableIn: !isDraining && target.state === 'available' ? 1 : 0 }))
  }))
}

function sumOfTargets (one: TargetView, other: TargetView): TargetView {
  // One worker that cannot reach it is worth knowing of.
  const worse = other.workers > 0 && one.state === 'available' ? other : one
  return {
    ...one,
    state: worse.state,
    reason: worse.reason,
    since: worse.since,
    workers: one.workers + other.workers,
    availableIn: one.availableIn + other.availableIn,
    inFlight: one.inFlight + other.inFlight,
    succeeded: one.succeeded + other.succeeded,
    failed: one.failed + other.failed,
    abandoned: one.abandoned + other.abandoned,
    ejections: one.ejections + other.ejections,
    open: one.open + other.open,
    idle: one.idle + other.idle,
    opened: one.opened + other.opened,
    reused: one.reused + other.reused
  }
}

function sumOfRecords (one: Readonly<Record<string, number>>, other: Readonly<Record<string, number>>): Record<string, number> {
  const sums = { ...one }
  for (const [key, value] of Object.entries(other)) sums[key] = (sums[key] ?? 0) + value
  return sums
}

function total<One> (list: readonly One[], of: (one: One) => number): number {
  return list.reduce((sum, one) => sum + of(one), 0)
}
