import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CONTENDERS, OURS } from './contenders/index.js'
import type { Verdict } from './goals.js'
import { ROOT } from './machine.js'
import { ratioOf, rowOf, valueOf, width } from './results.js'
import type { Metric, Result, Row, Spread } from './results.js'

const HEADINGS: Record<Metric, string> = {
  rps: 'req/s',
  cpu: 'CPU µs/req',
  p50: 'p50 ms',
  p99: 'p99 ms',
  p50One: 'p50 ms, one',
  p99One: 'p99 ms, one',
  memory: 'memory MiB',
  memoryEach: 'KiB each',
  heapEach: 'heap KiB a route'
}
const HEADLINES: ReadonlyArray<{ text: string, scenario: string, metric: Metric }> = [
  { text: 'small GET: CPU µs per request', scenario: 'small-get', metric: 'cpu' },
  { text: '64 KiB GET: CPU µs per request', scenario: 'large-get', metric: 'cpu' },
  { text: '1 KiB POST: CPU µs per request', scenario: 'post', metric: 'cpu' },
  { text: 'p99 at an equal load, ms', scenario: 'equal-load', metric: 'p99' },
  { text: 'memory of a slow upload, KiB', scenario: 'uploads', metric: 'memoryEach' },
  { text: 'memory of an idle connection, KiB', scenario: 'idle', metric: 'memoryEach' }
]

/** The goals, then a table for each scenario. */
export function tables (all: readonly Result[], goals: readonly Verdict[]): string {
  const table = markdown([['goal', 'limit', 'measured', ''], ...goals.map(({ goal, limit, measured, verdict }) => [goal, limit, cell(measured), verdict])])
  return [...(goals.length === 0 ? [] : ['### Goals', table]), ...all.map(scenario)].join('\n\n')
}

/** A scenario's numbers, and how many times those of each row ours are. */
function scenario ({ title, remark, columns, compared, rows }: Result): string {
  const ours = rows.filter(({ name }) => name === OURS || name.startsWith(`${OURS}, Node `))
  const ratios = compared.flatMap(metric => ours.map(one => ({ metric, one })))
  const lines = [
    ['', ...columns.map(metric => HEADINGS[metric]), ...ratios.map(({ metric, one }) => `${one.name}: × ${HEADINGS[metric].replace(/ µs.*| ms/, '')}`)],
    ...rows.map(row => [
      row.name,
      ...columns.map(metric => cell(valueOf(row, metric))),
      ...ratios.map(({ metric, one }) => isFor(one, row) ? cell(ratioOf(metric, one, row)) : '')
    ])
  ]
  const errors = rows.flatMap(row => row.errors.map(error => `- ${row.name}: ${error}`))
  return [`### ${title}`, markdown(lines), remark, errors.length === 0 ? '' : `Errors:\n\n${errors.join('\n')}`].filter(text => text !== '').join('\n\n')
}

/** Ours under one Node is compared with what runs under the same one, or under none. */
function isFor (one: Row, row: Row): boolean {
  return row !== one && (row.node === undefined || row.node === one.node)
}

/** How many times the value at the commit the present one is, in each row that both have. */
export function comparison (all: readonly Result[], before: string): string {
  const lines = all.flatMap(({ id, columns, rows }) => rows.flatMap(row => {
    const other = rows.find(({ name }) => name === row.name.replace(OURS, before))
    if (other === undefined || other === row) return []
    return columns.flatMap(metric => {
      const ratio = ratioOf(metric, row, other)
      return ratio === undefined
        ? []
        : [[row.name === OURS ? id : `${id}: ${row.name}`, HEADINGS[metric], cell(valueOf(other, metric)), cell(valueOf(row, metric)), cell(ratio, 3), noted(ratio)]]
    })
  }))
  return markdown([['', '', before, 'now', 'ratio', ''], ...lines])
}

function noted (ratio: Spread): string {
  if (ratio.lowest > 1 || ratio.highest < 1) return ''
  return width(ratio) > 0.15 ? 'too noisy to tell' : 'no difference that shows'
}

/** What a reader who has a minute is shown. */
export function headline (all: readonly Result[]): string {
  const value = (scenario: string, metric: Metric, name: string) => format(valueOf(rowOf(all, scenario, name), metric)?.median)
  return markdown([
    ['', ...CONTENDERS],
    ...HEADLINES.map(({ text, scenario, metric }) => [text, ...CONTENDERS.map(name => value(scenario, metric, name))])
  ])
}

/** Replaces what is between `<!-- name -->` and `<!-- /name -->`; the prose around them is people's. */
export function replace (path: string, name: string, text: string): void {
  const file = join(ROOT, path)
  const [first, last] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const old = readFileSync(file, 'utf8')
  const [begin, end] = [old.indexOf(first), old.indexOf(last)]
  if (begin < 0 || end < begin) throw new Error(`${path} has no ${first} … ${last}`)
  writeFileSync(file, `${old.slice(0, begin + first.length)}\n\n${text}\n\n${old.slice(end)}`)
}

/** A median, and the range of the rounds. */
function cell (spread: Spread | undefined, digits?: number): string {
  if (spread === undefined) return '–'
  const { median, lowest, highest } = spread
  return lowest === highest ? format(median, digits) : `${format(median, digits)} (${format(lowest, digits)} – ${format(highest, digits)})`
}

function format (value: number | undefined, digits?: number): string {
  if (value === undefined) return '–'
  return value.toFixed(digits ?? (value >= 100 ? 0 : value >= 10 ? 1 : 2))
}

/** A table in Markdown, aligned so that it can also be read in a terminal. The first column is text, the others are numbers. */
function markdown (lines: string[][]): string {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(3, ...lines.map(line => line[column]?.length ?? 0)))
  const padded = lines.map(line => line.map((text, column) => column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0)))
  padded.splice(1, 0, widths.map((width, column) => column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return padded.map(line => `| ${line.join(' | ')} |`).join('\n')
}
