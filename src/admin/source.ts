import type { Explained, GivenRequest } from '../explain/given.js'
import type { Failure } from '../observe/recent-failures.js'
import type { TargetState } from '../upstream/condition.js'

/** What is known of one route in one process. All that is counted is since the process began. */
export interface RouteCounts {
  readonly route: string
  readonly upstream: string
  readonly inFlight: number
  readonly tunnels: number
  readonly requests: number
  readonly failures: number
  readonly retries: number
  readonly received: number
  readonly sent: number
  /** Of each bucket alone, what is above them, and the sum. */
  readonly durations: readonly number[]
  /** By policy; those that rejected something. */
  readonly rejected: Readonly<Record<string, number>>
}

export interface TargetCounts {
  readonly target: string
  /** `failing`: one that stands alone, so that it is asked although its last request failed. */
  readonly state: TargetState | 'failing'
  /** Of the state, or of the last failure. */
  readonly reason: string | undefined
  /** When that was, in milliseconds since 1970. */
  readonly since: number | undefined
  readonly isBackup: boolean
  readonly inFlight: number
  readonly succeeded: number
  readonly failed: number
  readonly abandoned: number
  readonly ejections: number
  /** Connections, */
  readonly open: number
  /** of these the idle ones, */
  readonly idle: number
  /** those that were opened, ever, */
  readonly opened: number
  /** and requests that got one which had carried others. */
  readonly reused: number
}

export interface UpstreamCounts {
  readonly upstream: string
  /** Requests that wait for a target, or for a connection to one. */
  readonly waiting: number
  readonly targets: readonly TargetCounts[]
}

/** What one process knows of itself. */
export interface ProcessState {
  readonly pid: number
  /** In milliseconds since 1970. */
  readonly startedAt: number
  readonly isDraining: boolean
  /** The upstreams that have no target that is available. */
  readonly unavailable: readonly string[]
  readonly inFlight: number
  /** Of clients. */
  readonly connections: number
  readonly routes: readonly RouteCounts[]
  readonly upstreams: readonly UpstreamCounts[]
  /** The latest first. */
  readonly failures: readonly Failure[]
}

/** One metric of a process, as prom-client has it. */
export interface Metric {
  readonly name: string
  readonly help: string
  /** prom-client's types and what it does differ: it takes and gives a word. */
  readonly type: unknown
  readonly aggregator: string
  readonly values: readonly MetricValue[]
}

export interface MetricValue {
  readonly value: number
  readonly labels: Readonly<Record<string, string | number | undefined>>
  /** Of a histogram's parts. */
  readonly metricName?: string
}

/** What was read of some processes. */
export interface Reading<One> {
  readonly processes: readonly One[]
  /** Those that did not respond in time. */
  readonly silent: number
}

/** Where an admin listener has it from what it shows: its own process, or those of all workers. */
export interface Source {
  /** Whether all of it is about to end. */
  readonly isDraining: boolean
  /** The one that runs, with its secrets hidden. */
  readonly configuration: unknown
  states (): Promise<Reading<ProcessState>>
  /** Those of processes that have gone may be among them, as far as they go on. */
  metrics (): Promise<Reading<readonly Metric[]>>
  /** Where a request would go. Takes no longer than a few seconds. */
  explain (given: GivenRequest): Promise<Explained>
}

/** Where the listener says what happens to it. */
export interface Log {
  info (line: object, message: string): void
  error (line: object, message: string): void
}
