import { BUCKETS } from '../observe/tally.js'
import type { ProcessState, RouteCounts } from './source.js'

/** How it goes at the moment. */
export interface Pace {
  /** Requests that ended, each second. */
  readonly rate: number
  /** The part of them that the gateway or a service failed, from 0 to 1; `null` where there was none. */
  readonly errorRate: number | null
  /** Milliseconds within which half of them ended, as far as the buckets of the histogram tell; `null` where there was none. */
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
}

/** What has come since a reading. */
interface Added {
  readonly requests: number
  readonly failures: number
  readonly durations: readonly number[]
}

const NOTHING: Added = { requests: 0, failures: 0, durations: [] }

/**
 * What has been counted since it was read before. It is taken from each process for itself: in a sum, one that ends
 * would take its counts back.
 */
export class Paces {
  #before = new Map<number, ReadonlyMap<string, RouteCounts>>()

  /**
   * @param seconds since the last call
   * @returns by route
   */
  next (processes: readonly ProcessState[], seconds: number): { all: Pace, of: (key: string) => Pace } {
    const routes = new Map<string, Added>()
    const now = new Map<number, ReadonlyMap<string, RouteCounts>>()
    for (const { pid, routes: counts } of processes) {
      const before = this.#before.get(pid)
      now.set(pid, new Map(counts.map(route => [keyOf(route), route])))
      for (const route of counts) {
        const key = keyOf(route)
        routes.set(key, sum(routes.get(key) ?? NOTHING, since(route, before?.get(key) ?? NOTHING)))
      }
    }
    this.#before = now
    return {
      all: paceOf([...routes.values()].reduce(sum, NOTHING), seconds),
      of: key => paceOf(routes.get(key) ?? NOTHING, seconds)
    }
  }
}

/** By which a route is one in all processes. */
export function keyOf ({ route, upstream }: Pick<RouteCounts, 'route' | 'upstream'>): string {
  return `${route} ${upstream}`
}

function since (now: Added, before: Added): Added {
  return {
    requests: now.requests - before.requests,
    failures: now.failures - before.failures,
    durations: now.durations.map((value, place) => value - (before.durations[place] ?? 0))
  }
}

function sum (one: Added, other: Added): Added {
  const [longer, shorter] = one.durations.length < other.durations.length ? [other, one] : [one, other]
  return {
    requests: one.requests + other.requests,
    failures: one.failures + other.failures,
    durations: longer.durations.map((value, place) => value + (shorter.durations[place] ?? 0))
  }
}

function paceOf ({ requests, failures, durations }: Added, seconds: number): Pace {
  return {
    rate: requests / seconds,
    errorRate: requests === 0 ? null : failures / requests,
    p50: quantile(durations, 0.5),
    p95: quantile(durations, 0.95),
    p99: quantile(durations, 0.99)
  }
}

/** In milliseconds. In its bucket a value is taken to lie where it would among equally spread ones, as Prometheus has it. */
export function quantile (durations: readonly number[], part: number): number | null {
  const counts = durations.slice(0, BUCKETS.length + 1)
  const total = counts.reduce((total, count) => total + count, 0)
  if (total === 0) return null
  const rank = part * total
  let [from, below] = [0, 0]
  for (const [place, to] of BUCKETS.entries()) {
    const count = Number(counts[place])
    if (below + count >= rank) return (from + (to - from) * (rank - below) / count) * 1000
    below += count
    from = to
  }
  // Of what took longer than all of them, nothing more is known.
  return from * 1000
}
