import { FAULTS } from './faults.js'
import type { Fault } from './faults.js'
import type { Arrival, Seen } from './observations.js'
import { REQUEST_FAULTS, verdictOn } from './verdict.js'
import type { Outcome, RequestFault } from './verdict.js'

const OUTCOMES = ['fine', 'failed', 'broken', 'left'] as const satisfies readonly Outcome[]
/** Complaints of each kind that are told in full. */
const TOLD = 5

interface Row {
  requests: number
  readonly outcomes: Record<Outcome, number>
  readonly complaints: Record<RequestFault, number>
}

/** Counts what happened, by what the services did. */
export class Report {
  leaked = 0
  errors = 0
  readonly #rows = new Map<Fault, Row>()
  readonly #told = new Map<string, string[]>()

  constructor (readonly seed: number) {}

  /** @param moods of the targets meanwhile, where it arrived at none */
  add (seen: Seen, arrivals: readonly Arrival[], lines: number, moods: readonly Fault[]): void {
    const row = this.#row(faultOf(arrivals, moods))
    const { outcome, complaints } = verdictOn(seen, arrivals, lines)
    row.requests++
    row.outcomes[outcome]++
    for (const { fault, why } of complaints) {
      row.complaints[fault]++
      this.#tell(fault, this.#describe(seen, arrivals, lines, why))
    }
  }

  /** A request that no client has sent. */
  stray (why: string): void {
    this.#row('none').complaints.wrong++
    this.#tell('wrong', why)
  }

  leak (why: string): void {
    this.leaked++
    this.#tell('leaked', why)
  }

  /** What a gateway says of itself. */
  error (line: string): void {
    this.errors++
    this.#tell('error', line)
  }

  #row (fault: Fault): Row {
    let row = this.#rows.get(fault)
    if (row === undefined) {
      row = {
        requests: 0,
        outcomes: { fine: 0, failed: 0, broken: 0, left: 0, hung: 0 },
        complaints: { wrong: 0, doubled: 0, 'truncated-as-whole': 0, hung: 0, unlogged: 0 }
      }
      this.#rows.set(fault, row)
    }
    return row
  }

  #tell (kind: string, text: string): void {
    const told = this.#told.get(kind) ?? []
    this.#told.set(kind, told)
    if (told.length < TOLD) told.push(text)
  }

  #describe (seen: Seen, arrivals: readonly Arrival[], lines: number, why: string): string {
    const { number, client, method, path, note, end, status, bytes } = seen
    const services = arrivals.map(({ target, upload, bytes, declared, did }) => `  ${target}: upload ${upload}, ${bytes} bytes of ${declared.length}; ${did.join(', ')}`)
    return [
      `--seed ${this.seed}, request ${number}: ${why}`,
      `  ${client}: ${method} ${path}: ${end}, status ${status}, ${bytes} bytes; ${note}`,
      ...(services.length === 0 ? ['  arrived at no service'] : services),
      `  access lines: ${lines}`
    ].join('\n')
  }

  counts (): Record<RequestFault | 'leaked', number> {
    const rows = [...this.#rows.values()]
    const sum = (fault: RequestFault): number => rows.reduce((all, { complaints }) => all + complaints[fault], 0)
    return { wrong: sum('wrong'), doubled: sum('doubled'), 'truncated-as-whole': sum('truncated-as-whole'), hung: sum('hung'), leaked: this.leaked, unlogged: sum('unlogged') }
  }

  get isClean (): boolean {
    return this.errors === 0 && Object.values(this.counts()).every(count => count === 0)
  }

  toString (): string {
    const head = ['fault', 'requests', ...OUTCOMES, ...REQUEST_FAULTS]
    const rows = (['none', ...FAULTS] as const).flatMap(fault => {
      const row = this.#rows.get(fault)
      return row === undefined ? [] : [[fault, row.requests, ...OUTCOMES.map(outcome => row.outcomes[outcome]), ...REQUEST_FAULTS.map(kind => row.complaints[kind])].map(String)]
    })
    const told = [...this.#told].map(([kind, texts]) => `${kind}\n${texts.join('\n')}`)
    const counts = Object.entries(this.counts()).map(([fault, count]) => `${fault} ${count}`).join(', ')
    const errors = this.errors === 0 ? '' : `\n${this.errors} errors of the gateway's own`
    return [...told, table([head, ...rows]), `${counts}${errors}`].join('\n\n')
  }
}

/** What the services did with a request; where it did not arrive, what they were like. */
function faultOf (arrivals: readonly Arrival[], moods: readonly Fault[]): Fault {
  const done = arrivals.find(({ fault }) => fault !== 'none')?.fault
  return done ?? moods.find(mood => mood === 'refuse' || mood === 'killed') ?? 'none'
}

function table (rows: readonly (readonly string[])[]): string {
  const width = (column: number): number => Math.max(...rows.map(row => String(row[column]).length))
  return rows.map(row => row.map((cell, column) => column === 0 ? cell.padEnd(width(column)) : cell.padStart(width(column))).join('  ')).join('\n')
}
