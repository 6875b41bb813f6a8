import type { Metric } from '../admin/source.js'

// What becomes of the metrics of workers that come and go.

export type SumMetrics = (processes: readonly (readonly Metric[])[]) => Promise<readonly Metric[]>

/** By these a route and a target are known. */
const ROUTES = 'gateway_requests_in_flight'
const TARGETS = 'gateway_target_available'

/** What goes up alone: it stays true when its process has gone. */
export function countersOf (metrics: readonly Metric[]): Metric[] {
  return metrics.filter(({ type }) => type === 'counter' || type === 'histogram')
}

export async function summed (sum: SumMetrics, processes: readonly (readonly Metric[])[]): Promise<readonly Metric[]> {
  return await sum(processes.map(countersOf))
}

/** The routes and targets that some processes have. */
export function knownIn (processes: readonly (readonly Metric[])[]): ReadonlySet<string> {
  return new Set(processes.flat().filter(({ name }) => name === ROUTES || name === TARGETS).flatMap(({ values }) => values.map(({ labels }) => placeOf(labels))))
}

/** Without what nobody knows any more, and without what one that is about to go says of targets, whose checks have stopped. */
export function onlyKnown (metrics: readonly Metric[], known: ReadonlySet<string>): Metric[] {
  return metrics.filter(({ name }) => name !== TARGETS).map(metric => ({
    ...metric,
    values: metric.values.filter(({ labels }) => (labels.route === undefined && labels.target === undefined) || known.has(placeOf(labels)))
  }))
}

function placeOf ({ route, upstream, target }: Metric['values'][number]['labels']): string {
  return JSON.stringify([route, upstream, target])
}
