import { cpus } from 'node:os'
import { FASTIFY_HTTP_PROXY, LOGGING, NGINX, OURS } from './contenders/index.js'
import { format, markdownTable } from './markdown.js'
import { numbersOf } from './measure.js'
import type { Result } from './measure.js'
import { byRound, ratioOf, rowOf } from './ratio.js'
import type { Metric } from './scenarios/scenario.js'
import { NOISY, spreadOf, width } from './statistics.js'
import type { Spread } from './statistics.js'

/** What this gateway wants to be measured by. */
interface Goal {
  text: string
  scenario: string
  metric: Metric
  /** The row that is judged, */
  of: string
  /** divided by this one; absent: its value itself, in KiB. */
  by?: string
  /** Instead: what it has more than this one, in KiB for each of so many; of a metric in MiB. */
  more?: { than: string, each: number }
  bound: 'at most' | 'at least'
  limit: number
  /** Why this machine cannot tell, whatever it measures. */
  untold?: () => string | undefined
}

export const GOALS: readonly Goal[] = [
  cpu('small GET, CPU: by that of @fastify/http-proxy', 'small-get', OURS, FASTIFY_HTTP_PROXY, 0.45),
  cpu('small GET, CPU: by that of nginx', 'small-get', OURS, NGINX, 2.5),
  cpu('1 KiB POST, CPU: by that of @fastify/http-proxy', 'post', OURS, FASTIFY_HTTP_PROXY, 0.5),
  cpu('64 KiB GET, CPU: by that of @fastify/http-proxy', 'large-get', OURS, FASTIFY_HTTP_PROXY, 0.45),
  cpu('with the access log, CPU: by that without', 'small-get', LOGGING, OURS, 1.15),
  {
    text: 'equal load, p99: by that of @fastify/http-proxy',
    scenario: 'equal-load',
    metric: 'p99',
    of: OURS,
    by: FASTIFY_HTTP_PROXY,
    bound: 'at most',
    limit: 1
  },
  ...memory('uploads', 'upload'),
  ...memory('downloads', 'download'),
  { text: 'memory of an idle connection', scenario: 'idle', metric: 'memoryEach', of: OURS, bound: 'at most', limit: 20 },
  cpu('1000 routes, CPU: by that of 4', 'routes', 'ours, 1000 routes', 'ours, 4 routes', 1.05),
  cpu('4096 connections, CPU: by that of 64', 'connections', 'ours, 4096 connections', 'ours, 64 connections', 1.3),
  {
    text: 'two processes, req/s: by those of one',
    scenario: 'cluster',
    metric: 'rps',
    of: 'ours, 2 processes',
    by: 'ours, 1 process',
    bound: 'at least',
    limit: 1.8,
    untold: () => cpus().length < 4 ? `load and service need some of the ${cpus().length} cores` : undefined
  },
  // What the row above comes to where each process has a core: 2 / 1.8.
  cpu('two processes, CPU: by that of one', 'cluster', 'ours, 2 processes', 'ours, 1 process', 1.11)
]

function cpu (text: string, scenario: string, of: string, by: string, limit: number): Goal {
  return { text, scenario, metric: 'cpu', of, by, bound: 'at most', limit }
}

function memory (scenario: string, one: string): Goal[] {
  const common = { scenario, metric: 'memoryEach', bound: 'at most' } as const
  return [
    { ...common, text: `memory of a streaming ${one}: all growth, by 100`, of: OURS, limit: 256 },
    { ...common, metric: 'memory', text: `memory of a streaming ${one}: 400 less 100, by 300`, of: `${OURS}, 400 at once`, more: { than: OURS, each: 300 }, limit: 256 },
    { ...common, text: `memory of a 1 GiB ${one}: by that of 64 MiB`, of: 'ours, 1 GiB', by: OURS, limit: 1.1 }
  ]
}

export interface Judged {
  goal: string
  limit: string
  measured: string
  rounds: string
  verdict: string
}

/** @param busy what part of the machine, from 0 to 1, others had */
export function judge (results: readonly Result[], busy: number): Judged[] {
  return GOALS.map(goal => {
    const { text, bound, limit } = goal
    const spread = measured(goal, results)
    return {
      goal: text,
      limit: `${bound === 'at most' ? '≤' : '≥'} ${withUnit(goal, limit)}`,
      measured: spread === undefined ? '–' : withUnit(goal, spread.median),
      rounds: spread === undefined || spread.lowest === spread.highest ? '' : `${format(spread.lowest)} – ${format(spread.highest)}`,
      verdict: spread === undefined ? 'not measured' : verdict(goal, spread, busy)
    }
  })
}

function measured ({ scenario, metric, of, by, more }: Goal, results: readonly Result[]): Spread | undefined {
  const one = rowOf(results, scenario, of)
  if (one === undefined) return undefined
  if (more !== undefined) {
    const other = rowOf(results, scenario, more.than)
    return other && byRound(metric, one, other, (number, less) => (number - less) * 1024 / more.each)
  }
  if (by === undefined) return spreadOf(numbersOf(one.rounds, metric))
  const other = rowOf(results, scenario, by)
  return other && ratioOf(metric, one, other)
}

/** What part of the machine others may have. */
const BUSY = 0.1
/** (highest - lowest) / median from which on rounds tell nothing, not even that all of them keep to the limit. */
const WILD = 0.5

/** Every round says the same, or they are close enough for the median to speak for them. */
function verdict ({ bound, limit, untold }: Goal, spread: Spread, busy: number): string {
  const reason = untold?.()
  if (reason !== undefined) return `cannot tell here: ${reason}`
  if (busy > BUSY) return 'too noisy to tell: other processes'
  const keeps = (value: number) => bound === 'at most' ? value <= limit : value >= limit
  const together = keeps(spread.lowest) === keeps(spread.highest)
  if (width(spread) > (together ? WILD : NOISY)) return 'too noisy to tell'
  return keeps(spread.median) ? 'met' : 'missed'
}

function withUnit ({ by }: Goal, value: number): string {
  return by === undefined ? `${format(value)} KiB` : `${value.toFixed(2)} ×`
}

export function goalsTable (judged: readonly Judged[]): string {
  return markdownTable([
    ['goal', 'limit', 'measured', 'rounds', ''],
    ...judged.map(({ goal, limit, measured, rounds, verdict }) => [goal, limit, measured, rounds, verdict])
  ])
}
