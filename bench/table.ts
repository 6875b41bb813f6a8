import { OURS } from './contenders/index.js'
import { format, markdownTable } from './markdown.js'
import type { Result, Row } from './measure.js'
import { ratioOf } from './ratio.js'
import type { Metric, Scenario } from './scenarios/scenario.js'

export const HEADINGS: Record<Metric, string> = {
  offered: 'offered req/s',
  rps: 'req/s',
  cpu: 'CPU µs/req',
  busy: 'core busy %',
  p50: 'p50 ms',
  p99: 'p99 ms',
  memory: 'memory MiB',
  memoryEach: 'KiB each',
  moved: 'MiB each',
  cpuPerMiB: 'CPU µs/MiB',
  seconds: 'seconds'
}
/** In the columns that say how many times the contender's value ours is; bench/README.md explains them. */
const SHORT: Partial<Record<Metric, string>> = { cpu: 'CPU', p50: 'p50', p99: 'p99', memoryEach: 'memory', cpuPerMiB: 'CPU' }
/** Metrics whose spread is worth a warning; tails and peaks always vary. */
const WATCHED: readonly Metric[] = ['rps', 'cpu', 'memoryEach', 'cpuPerMiB']

/** A scenario's results in Markdown. */
export function table ({ columns, compared, remark }: Scenario, { title, rows }: Result): string {
  const ours = rows.find(({ name }) => name === OURS)
  const ratios = ours === undefined ? [] : compared
  const lines = [
    ['', ...columns.map(metric => HEADINGS[metric]), ...ratios.map(metric => `× ${SHORT[metric] ?? HEADINGS[metric]}`)],
    ...rows.map(row => [
      row.name,
      ...columns.map(metric => format(row.values[metric])),
      ...ratios.map(metric => ours === undefined || row === ours ? '' : format(ratioOf(metric, ours, row)?.median))
    ])
  ]
  return [`### ${title}`, markdownTable(lines), ...(remark === undefined ? [] : [remark]), ...notes(rows)].join('\n\n')
}

function notes (rows: Row[]): string[] {
  const noisy = rows.flatMap(row => WATCHED
    .filter(metric => row.noisy[metric] !== undefined)
    .map(metric => `${row.name} ${HEADINGS[metric]} (${row.noisy[metric]} %)`))
  const errors = rows.flatMap(row => row.errors.map(error => `- ${row.name}: ${error}`))
  return [
    ...(noisy.length === 0 ? [] : [`Noisy, rounds lie apart by: ${noisy.join(', ')}.`]),
    ...(errors.length === 0 ? [] : [`Errors:\n${errors.join('\n')}`])
  ]
}
