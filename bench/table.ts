import { OURS } from './contenders/index.js'
import type { Result, Row } from './measure.js'
import type { Metric, Scenario } from './scenarios/scenario.js'

const HEADINGS: Record<Metric, string> = {
  rps: 'req/s',
  cpu: 'CPU µs/req',
  busy: 'core busy %',
  p50: 'p50 ms',
  p99: 'p99 ms',
  memory: 'memory MiB',
  memoryPerUpload: 'KiB/upload',
  cpuPerMiB: 'CPU µs/MiB',
  seconds: 'seconds'
}
/** In the columns that say how many times the contender's value ours is; bench/README.md explains them. */
const SHORT: Partial<Record<Metric, string>> = { rps: 'req/s', cpu: 'CPU', p99: 'p99', memoryPerUpload: 'memory', cpuPerMiB: 'CPU' }
/** Metrics whose spread is worth a warning; tails and peaks always vary. */
const WATCHED: readonly Metric[] = ['rps', 'cpu', 'memoryPerUpload', 'cpuPerMiB']

/** A scenario's results in Markdown, aligned so that it can also be read in a terminal. */
export function table ({ columns, compared }: Scenario, { title, rows }: Result): string {
  const ours = rows.find(({ name }) => name === OURS)
  const ratios = ours === undefined ? [] : compared
  const lines = [
    ['', ...columns.map(metric => HEADINGS[metric]), ...ratios.map(metric => `× ${SHORT[metric] ?? metric}`)],
    ...rows.map(row => [
      row.name,
      ...columns.map(metric => format(row.values[metric])),
      ...ratios.map(metric => row === ours ? '' : ratio(ours?.values[metric], row.values[metric]))
    ])
  ]
  return [`### ${title}`, '', ...align(lines), ...notes(rows)].join('\n')
}

function notes (rows: Row[]): string[] {
  const noisy = rows.flatMap(row => WATCHED
    .filter(metric => row.noisy[metric] !== undefined)
    .map(metric => `${row.name} ${HEADINGS[metric]} (${row.noisy[metric]} %)`))
  const errors = rows.flatMap(row => row.errors.map(error => `- ${row.name}: ${error}`))
  return [
    ...(noisy.length === 0 ? [] : ['', `Noisy, rounds lie apart by: ${noisy.join(', ')}.`]),
    ...(errors.length === 0 ? [] : ['', 'Errors:', ...errors])
  ]
}

function format (value: number | undefined): string {
  if (value === undefined) return '–'
  if (value >= 100) return `${Math.round(value)}`
  return value.toFixed(value >= 10 ? 1 : 2)
}

function ratio (ours: number | undefined, other: number | undefined): string {
  return ours === undefined || other === undefined || other <= 0 ? '–' : `${(ours / other).toFixed(2)}`
}

function align ([heading = [], ...lines]: string[][]): string[] {
  const widths = heading.map((_, column) => Math.max(3, ...[heading, ...lines].map(line => line[column]?.length ?? 0)))
  const rule = widths.map((width, column) => column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)
  const padded = [heading, ...lines].map(line => line.map((cell, column) => {
    const width = widths[column] ?? 0
    return column === 0 ? cell.padEnd(width) : cell.padStart(width)
  }))
  const [first = [], ...rest] = padded
  return [first, rule, ...rest].map(line => `| ${line.join(' | ')} |`)
}
