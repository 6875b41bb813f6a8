import { SLOW_START } from './configurations.js'
import { TARGET_FAULT_MEANINGS } from './faults.js'
import type { Figures } from './measure.js'
import type { Reloaded } from './reloads.js'
import type { Restarted } from './restarts.js'

/** Milliseconds that a look at arrivals takes. */
const ROOM = 1_000
/** Milliseconds of p99 that a busy machine adds to anybody's. */
const JITTER = 10

const COLUMNS = ['one of three is', 'behind', 'requests', 'GET, PUT lost', 'POST doubled', 'POST failed', 'p99 calm', 'p99 first 2 s', 'p99 after', 'whole share after']

/** One table of all that was measured. */
export function table (rows: ReadonlyArray<readonly [string, Figures]>): string {
  return [line(COLUMNS), line(COLUMNS.map((_, nth) => nth < 2 ? '---' : '---:')), ...rows.map(([name, figures]) => line(cells(name, figures)))].join('\n')
}

function cells (name: string, { fault, requests, lost, doubled, failedPosts, calm, first, after, back }: Figures): string[] {
  return [fault, name, `${requests}`, `${lost}`, `${doubled}`, `${failedPosts}`, ...[calm, first, after].map(milliseconds), back === undefined ? 'never' : seconds(back)]
}

function line (cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

function milliseconds (value: number): string {
  return `${Math.round(value)} ms`
}

function seconds (value: number): string {
  return `${(value / 1000).toFixed(1)} s`
}

/** What was to be reached and was not. */
export function misses ({ fault, lost, doubled, calm, after, back, backAfter = 0 }: Figures): string[] {
  const found: string[] = []
  if (lost > 0) found.push(`${lost} idempotent requests lost`)
  if (doubled > 0) found.push(`${doubled} POSTs arrived twice`)
  if (after > 2 * calm + JITTER) found.push(`p99 ${milliseconds(after)} after ${milliseconds(calm)}`)
  if (back === undefined) found.push('never its whole share again')
  else if (back > backAfter + SLOW_START + ROOM) found.push(`its whole share after ${seconds(back)}, of which ${seconds(backAfter)} ejected`)
  return found.map(miss => `${fault} (${TARGET_FAULT_MEANINGS[fault]}): ${miss}`)
}

/** Of a service that was restarted again and again. */
export function restartTable ({ requests, lost, doubled, failedPosts, wasBack }: Restarted): string {
  return [
    line(['requests', 'GET, PUT lost', 'POST doubled', 'POST failed', 'it had requests again after']),
    line(['---:', '---:', '---:', '---:', '---:']),
    line([`${requests}`, `${lost.length}`, `${doubled}`, `${failedPosts}`, `${wasBack} restarts`]),
    ...examples(lost)
  ].join('\n')
}

/** Of a gateway that was reloaded again and again. */
export function reloadTable ({ tallies, drained }: Reloaded): string {
  const rows = [...tallies].map(([kind, { fine, lost }]) => line([kind, `${fine}`, `${lost.length}`]))
  const lost = [...tallies.values()].flatMap(tally => tally.lost)
  return [
    line(['clients', 'fine', 'lost']), line(['---', '---:', '---:']), ...rows, ...examples(lost),
    drained ? 'All old workers ended behind their clients.' : 'Old workers were still there long after their clients.'
  ].join('\n')
}

function examples (lost: readonly string[]): string[] {
  return lost.slice(0, 5).map(example => `  ${example}`)
}
