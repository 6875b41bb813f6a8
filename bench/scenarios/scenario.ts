import type { Bench, Plan } from '../bench.js'
import type { Contender } from '../contenders/index.js'
import type { Result, Row } from '../results.js'

/** Add one here and in index.ts; run.ts knows nothing of any. */
export interface Scenario extends Pick<Result, 'remark' | 'columns' | 'compared'> {
  /** For --only. */
  id: string
  title: (plan: Plan) => string
  /** Whether --quick has it. */
  quick: boolean
  measure: (bench: Bench, contenders: readonly Contender[]) => Promise<Row[]>
}

/** How many clients at once, where nothing else is said. */
export const CONNECTIONS = 64
export const MIB = 2 ** 20

/** Those under the headline's Node. */
export function headline (contenders: readonly Contender[]): Contender[] {
  return contenders.filter(({ beside }) => beside !== true)
}
