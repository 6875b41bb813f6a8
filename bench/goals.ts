import { CADDY, FASTIFY_HTTP_PROXY, NGINX, OURS, under } from './contenders/index.js'
import { ratioOf, rowOf, valueOf, width } from './results.js'
import type { Metric, Result, Spread } from './results.js'

/** What this gateway wants to be measured by. */
interface Goal {
  text: string
  scenario: string
  metric: Metric
  /** The row that is looked at, */
  of: string
  /** divided by this one; absent: its value itself, in KiB. */
  by?: string
  /** It should be at most this. */
  limit: number
}

/** Limits of CPU time per request: by @fastify/http-proxy, by nginx, by Caddy. */
type Limits = Readonly<Record<'small-get' | 'large-get' | 'post', readonly number[]>>

const LIMITS: Limits = { 'small-get': [0.65, 3.4, 0.7], 'large-get': [0.7, 0.9, 0.9], post: [0.65, 4, 0.75] }
const LIMITS_NODE_20: Limits = { 'small-get': [0.48, 3.5, 0.7], 'large-get': [0.4, 0.8, 0.8], post: [0.5, 4] }
/** The version of Node that stands beside the headline's. */
export const BESIDE = '20'

const OTHERS: readonly Goal[] = [
  { text: 'equal load, p99', scenario: 'equal-load', metric: 'p99', of: OURS, by: FASTIFY_HTTP_PROXY, limit: 1 },
  { text: 'memory of a slow upload, all growth', scenario: 'uploads', metric: 'memoryEach', of: OURS, limit: 256 },
  { text: 'memory of a slow download, all growth', scenario: 'downloads', metric: 'memoryEach', of: OURS, limit: 256 },
  { text: 'memory of an idle connection', scenario: 'idle', metric: 'memoryEach', of: OURS, limit: 20 },
  { text: 'heap of a route', scenario: 'routes', metric: 'heapEach', of: `${OURS}, 1000 routes`, limit: 25 },
  { text: 'small GET, CPU', scenario: 'routes', metric: 'cpu', of: `${OURS}, 1000 routes`, by: `${OURS}, 4 routes`, limit: 1.05 },
  { text: 'small GET, CPU', scenario: 'connections', metric: 'cpu', of: `${OURS}, 4096 connections`, by: `${OURS}, 64 connections`, limit: 1.3 },
  { text: 'small GET, CPU', scenario: 'targets', metric: 'cpu', of: `${OURS}, 3 targets`, by: `${OURS}, 1 target`, limit: 1.05 },
  { text: 'small GET, CPU', scenario: 'cluster', metric: 'cpu', of: `${OURS}, 2 processes`, by: `${OURS}, 1 process`, limit: 1.11 }
]

/** @param named the name of a row under the Node that the limits are about */
function cpuGoals (limits: Limits, named: (name: string) => string): Goal[] {
  const texts = { 'small-get': 'small GET', 'large-get': '64 KiB GET', post: '1 KiB POST' }
  const others = [named(FASTIFY_HTTP_PROXY), NGINX, CADDY]
  return [
    ...(['small-get', 'large-get', 'post'] as const).flatMap(scenario => limits[scenario].map((limit, index): Goal => {
      return { text: `${texts[scenario]}, CPU`, scenario, metric: 'cpu', of: named(OURS), by: others[index] ?? '', limit }
    })),
    { text: 'access log, CPU', scenario: 'log', metric: 'cpu', of: `${named(OURS)}, log`, by: named(OURS), limit: 1.1 }
  ]
}

export interface Verdict {
  goal: string
  limit: string
  measured: Spread
  verdict: string
}

/** (highest - lowest) / median from which on the median does not speak for rounds on both sides of the limit. */
const NOISY = 0.15

/** Of the goals of which everything was measured. @param major version of the headline's Node */
export function verdicts (results: readonly Result[], major: string): Verdict[] {
  const goals = [
    ...cpuGoals(major === BESIDE ? LIMITS_NODE_20 : LIMITS, name => name),
    ...cpuGoals(LIMITS_NODE_20, name => under(name, BESIDE)),
    ...OTHERS
  ]
  return goals.flatMap(({ text, scenario, metric, of, by, limit }) => {
    const row = rowOf(results, scenario, of)
    const measured = by === undefined ? valueOf(row, metric) : ratioOf(metric, row, rowOf(results, scenario, by))
    if (measured === undefined) return []
    return [{
      goal: by === undefined ? text : `${text}: ${of} by ${by}`,
      limit: `${limit} ${by === undefined ? 'KiB' : '×'}`,
      measured,
      verdict: verdict(limit, measured)
    }]
  })
}

function verdict (limit: number, spread: Spread): string {
  if (spread.lowest <= limit && spread.highest > limit && width(spread) > NOISY) return 'too noisy to tell'
  return spread.median <= limit ? 'met' : 'missed'
}
