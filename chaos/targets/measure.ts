import type { TargetFault } from './faults.js'
import type { Result } from './load.js'
import type { Arrivals } from './service.js'

/** Milliseconds after the begin of a fault in which a gateway finds out. */
export const FINDING_OUT = 2_000
/** Milliseconds in which arrivals are counted, and between such counts. */
const WINDOW = 1_000
const STEP = 100
/** Of a third of all arrivals, as chance has it. */
const WHOLE = 0.85

/** Moments of a run, by `performance.now()`. */
export interface Moments {
  readonly begun: number
  readonly fault: number
  readonly recovered: number
  readonly ended: number
}

export interface Figures {
  readonly fault: TargetFault
  readonly requests: number
  /** Idempotent requests without their response. */
  readonly lost: number
  /** POSTs that arrived more than once. */
  readonly doubled: number
  /** POSTs without their response. */
  readonly failedPosts: number
  /** Milliseconds, p99: before the fault, in its first seconds, in the rest of it. Of the first and the last, that of the middle one of their seconds, as the machine has seconds of its own. */
  readonly calm: number
  readonly first: number
  readonly after: number
  /** Milliseconds from the recovery until the target had its whole share; `undefined`: it never had. */
  readonly back: number | undefined
  /** Of those, how many passed until it was asked again as others are, as far as the gateway tells. */
  readonly backAfter: number | undefined
}

/** @param arrivals of each target; the fault was the last one's */
export function measure (fault: TargetFault, results: readonly Result[], posts: Arrivals, arrivals: ReadonlyArray<readonly number[]>, moments: Moments, available: number | undefined): Figures {
  const idempotent = results.filter(({ method }) => method !== 'POST')
  const p99 = (from: number, to: number): number => percentile(idempotent.filter(({ due }) => due >= from && due < to).map(({ milliseconds }) => milliseconds), 0.99)
  const usual = (from: number, to: number): number => {
    const seconds = Array.from({ length: Math.floor((to - from) / WINDOW) }, (_, nth) => p99(from + nth * WINDOW, from + (nth + 1) * WINDOW))
    return percentile(seconds.filter(value => !Number.isNaN(value)), 0.5)
  }
  const found = moments.fault + FINDING_OUT
  return {
    fault,
    requests: results.length,
    lost: idempotent.filter(({ failure }) => failure !== undefined).length,
    doubled: [...posts.values()].filter(count => count > 1).length,
    failedPosts: results.filter(({ method, failure }) => method === 'POST' && failure !== undefined).length,
    calm: usual(moments.begun, moments.fault),
    first: p99(moments.fault, found),
    after: usual(found, moments.recovered),
    back: wholeShare(arrivals, moments.recovered, moments.ended),
    backAfter: available === undefined ? undefined : Math.max(0, available - moments.recovered)
  }
}

/** Milliseconds from `recovered` until the begin of a window in which the last target has its whole share. */
export function wholeShare (arrivals: ReadonlyArray<readonly number[]>, recovered: number, ended: number): number | undefined {
  for (let from = recovered; from + WINDOW <= ended; from += STEP) {
    const counts = arrivals.map(times => times.filter(time => time >= from && time < from + WINDOW).length)
    const all = counts.reduce((sum, count) => sum + count, 0)
    const last = counts.at(-1) ?? 0
    if (all > 0 && last >= WHOLE * all / counts.length) return from - recovered
  }
  return undefined
}

export function percentile (values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN
}
