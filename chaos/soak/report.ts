import { grows } from './samples.js'
import type { Series } from './samples.js'

export interface Counted {
  readonly requests: number
  readonly restarts: number
  /** Idempotent requests without their response, and why. */
  readonly lost: readonly string[]
  readonly failedPosts: number
}

export function soakTable (series: readonly Series[], { requests, restarts, lost, failedPosts }: Counted): string {
  return [
    '| what the gateway holds | at the begin | at the end | slope a minute | noise | grows |',
    '| --- | ---: | ---: | ---: | ---: | --- |',
    ...series.map(each => `| ${[each.name + (each.unit === '' ? '' : `, ${each.unit}`), tenth(each.values[0]), tenth(each.values.at(-1)), signed(each.slope.perMinute), `± ${each.slope.noise.toFixed(3)}`, grows(each) ? '**yes**' : 'no'].join(' | ')} |`),
    '',
    `${requests} requests, ${restarts} restarts of a target; ${lost.length} idempotent requests lost, ${failedPosts} POSTs failed.`,
    ...lost.slice(0, 5).map(example => `  ${example}`)
  ].join('\n')
}

/** Puts a result between the marks of a page. */
export function inserted (page: string, table: string): string {
  const [before, after] = [page.indexOf('<!-- soak -->'), page.indexOf('<!-- /soak -->')]
  if (before === -1 || after === -1) throw new Error('the page has no marks')
  return `${page.slice(0, before)}<!-- soak -->\n\n${table}\n\n${page.slice(after)}`
}

function tenth (value: number | undefined): string {
  return value === undefined ? '–' : value.toFixed(1)
}

function signed (value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(3)}`
}
