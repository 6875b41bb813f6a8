import { barChart } from './chart.js'
import { FASTIFY_HTTP_PROXY, HAPROXY, HTTP_PROXY_MIDDLEWARE, NGINX, OURS } from './contenders/index.js'
import { format, markdownTable } from './markdown.js'
import type { Result } from './measure.js'
import { rowOf } from './ratio.js'
import type { Metric } from './scenarios/scenario.js'

/** What a reader who has a minute is shown. */
const HEADLINES: ReadonlyArray<{ text: string, scenario: string, metric: Metric }> = [
  { text: 'small GET: CPU µs per request', scenario: 'small-get', metric: 'cpu' },
  { text: 'small GET: requests per second', scenario: 'small-get', metric: 'rps' },
  { text: '1 KiB POST: CPU µs per request', scenario: 'post', metric: 'cpu' },
  { text: '64 KiB GET: CPU µs per request', scenario: 'large-get', metric: 'cpu' },
  { text: 'p99 at an equal load, ms', scenario: 'equal-load', metric: 'p99' },
  { text: 'memory of an upload, KiB', scenario: 'uploads', metric: 'memoryEach' },
  { text: 'memory of a download, KiB', scenario: 'downloads', metric: 'memoryEach' },
  { text: 'memory of an idle connection, KiB', scenario: 'idle', metric: 'memoryEach' }
]
const COLUMNS = [OURS, FASTIFY_HTTP_PROXY, HTTP_PROXY_MIDDLEWARE, NGINX, HAPROXY]

export function headlines (results: readonly Result[]): string {
  return markdownTable([
    ['', ...COLUMNS],
    ...HEADLINES.map(({ text, scenario, metric }) => [text, ...COLUMNS.map(name => format(rowOf(results, scenario, name)?.values[metric]))])
  ])
}

/** @param facts when and where it was measured */
export function headlineChart (results: readonly Result[], facts: string): string {
  const bars = COLUMNS.flatMap(name => {
    const value = rowOf(results, 'small-get', name)?.values.cpu
    return value === undefined ? [] : [{ name, value, own: name === OURS }]
  })
  return barChart({ title: 'CPU microseconds per request, small GET: less is better', bars, footnote: facts })
}
