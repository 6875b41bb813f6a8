import type { Contender, Running } from '../contenders/index.js'
import type { Load } from '../loads/load.js'
import type { Cpus } from '../machine.js'
import type { Plan } from '../options.js'

/** Everything that can be in a column. */
export type Metric = 'rps' | 'cpu' | 'busy' | 'p50' | 'p99' | 'memory' | 'seconds' | 'cpuPerMiB' | 'memoryPerUpload'

export interface Sample {
  values: Partial<Record<Metric, number>>
  errors: string[]
}

/** What a scenario works with. */
export interface Bench {
  plan: Plan
  load: Load
  cpus: Cpus
  upstreamPort: number
}

/** Add one here and in index.ts; run.ts knows nothing of any. */
export interface Scenario {
  /** For --only. */
  id: string
  title: (plan: Plan) => string
  columns: readonly Metric[]
  /** Metrics of which the table also says how many times the contender's value ours is. */
  compared: readonly Metric[]
  /** Whether each round needs a process that has done nothing yet. */
  fresh: boolean
  rounds: (plan: Plan) => number
  admits: (contender: Contender) => boolean
  /** Before the first measured round of each contender; throws when it answers wrongly. */
  prepare: (bench: Bench, running: Running) => Promise<void>
  /** @param idle bytes that the contender had before it was asked for anything */
  measure: (bench: Bench, running: Running, idle: number) => Promise<Sample>
}

export const MIB = 2 ** 20
