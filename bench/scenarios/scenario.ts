import { NGINX } from '../contenders/index.js'
import type { Contender, Running } from '../contenders/index.js'
import type { ContenderOptions } from '../contenders/policy.js'
import type { Load } from '../loads/load.js'
import type { Cpus } from '../machine.js'
import type { Plan } from '../options.js'

/** Everything that can be in a column. */
export type Metric = 'rps' | 'cpu' | 'busy' | 'p50' | 'p99' | 'memory' | 'seconds' | 'cpuPerMiB' | 'moved' | 'memoryEach' | 'offered'

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
  /** More ports of the same service, one for each of many routes. */
  routePorts: readonly number[]
  /** How many requests have reached the service. */
  served: () => Promise<number>
}

/** A row: a contender, and what this scenario varies. */
export interface Case {
  name: string
  contender: Contender
  /** What differs between the rows of one contender: bytes, connections, processes, … */
  at: number
  /** Beside the contender's own. */
  options?: Partial<ContenderOptions>
}

/** Add one here and in index.ts; run.ts knows nothing of any. */
export interface Scenario {
  /** For --only. */
  id: string
  title: (plan: Plan) => string
  /** What the table does not say by itself. */
  remark?: string
  columns: readonly Metric[]
  /** Metrics of which the table also says how many times the contender's value ours is. */
  compared: readonly Metric[]
  /** Whether each round needs a process that has done nothing yet. */
  fresh: boolean
  rounds: (plan: Plan) => number
  /** Why it cannot be run here; absent or undefined: it can. */
  missing?: (plan: Plan) => string | undefined
  cases: (bench: Bench, contenders: readonly Contender[]) => Case[] | Promise<Case[]>
  /** Before the first measured round of each case; throws when it answers wrongly. */
  prepare: (bench: Bench, running: Running, of: Case) => Promise<void>
  /** @param idle bytes that the contender had before it was asked for anything */
  measure: (bench: Bench, running: Running, of: Case, idle: number) => Promise<Sample>
}

export const MIB = 2 ** 20

/** One row for each contender. */
export function each (contenders: readonly Contender[], at = 0): Case[] {
  return contenders.map(contender => ({ name: contender.name, contender, at }))
}

/** Ours, and what there is to compare its growth with. */
export function isOursOrNginx (contender: Contender): boolean {
  return contender.name === NGINX || (contender.own === true && isSilentGateway(contender))
}

/** A gateway, and one that logs nothing: what a scenario does not look at needs no row. */
export function isSilentGateway ({ file, options }: Contender): boolean {
  return file !== undefined && options?.accessLog !== true
}
