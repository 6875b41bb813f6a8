import { BUCKETS, OUTCOMES, REJECTERS } from '../observe/tally.js'
import type { Cell, RouteTally } from '../observe/tally.js'
import type { Metric, MetricValue, ProcessState, TargetCounts } from './source.js'

type Labels = MetricValue['labels']

type Aggregator = 'sum' | 'min' | 'first'

/** What the gateway itself has counted, in the words of Prometheus. Labels are made here, when somebody asks. */
export function gatewayMetrics ({ upstreams, connections }: ProcessState, routes: readonly RouteTally[], version: string): Metric[] {
  const byRoute = (of: (route: RouteTally) => number): MetricValue[] => routes.map(route => ({ labels: labelsOf(route), value: of(route) }))
  const cells = routes.flatMap(route => route.cells.map(cell => ({ route, cell })))
  const targets = upstreams.flatMap(({ upstream, targets }) => targets.map(target => ({ labels: { upstream, target: target.target }, target })))
  const byTarget = (of: (target: TargetCounts) => number): MetricValue[] => targets.map(({ labels, target }) => ({ labels, value: of(target) }))
  return [
    gauge('gateway_info', 'The version of the gateway; 1.', [{ labels: { version }, value: 1 }], 'first'),
    gauge('gateway_workers', 'Processes that serve or drain.', [{ labels: {}, value: 1 }]),
    gauge('gateway_client_connections', 'Open connections of clients.', [{ labels: {}, value: connections }]),
    counter('gateway_requests_total', 'Requests that have ended.', cells.flatMap(({ route, cell }) => requests(route, cell))),
    histogram('gateway_request_duration_seconds', 'From the head of a request to the last byte of its response; of a tunnel to its beginning.',
      cells.flatMap(({ route, cell }) => buckets('gateway_request_duration_seconds', { ...labelsOf(route), method: cell.method, status: cell.status }, cell.durations))),
    histogram('gateway_upstream_duration_seconds', 'From the head of a request to that of the upstream\'s response.',
      routes.flatMap(route => buckets('gateway_upstream_duration_seconds', labelsOf(route), route.upstreamDurations))),
    gauge('gateway_requests_in_flight', 'Requests that have not ended, tunnels included.', byRoute(({ inFlight }) => inFlight)),
    gauge('gateway_tunnels', 'Open tunnels (WebSocket).', byRoute(({ tunnels }) => tunnels)),
    counter('gateway_request_bytes_total', 'Bytes of request bodies, and into tunnels.', byRoute(({ received }) => received)),
    counter('gateway_response_bytes_total', 'Bytes of response bodies, and out of tunnels.', byRoute(({ sent }) => sent)),
    counter('gateway_retries_total', 'Further attempts after the first of a request.', byRoute(({ retries }) => retries)),
    counter('gateway_rejected_total', 'Requests that a policy or a bound rejected.', routes.flatMap(rejections)),
    counter('gateway_attempts_total', 'Attempts at a target that have ended.', targets.flatMap(({ labels, target }) => attempts(labels, target))),
    gauge('gateway_attempts_in_flight', 'Attempts at a target that have not ended.', byTarget(({ inFlight }) => inFlight)),
    gauge('gateway_target_available', 'Whether a target is available: 1, or 0; of several workers the least.', byTarget(({ state }) => state === 'available' ? 1 : 0), 'min'),
    counter('gateway_ejections_total', 'Times that a target was ejected.', byTarget(({ ejections }) => ejections)),
    gauge('gateway_queue_length', 'Requests that wait for a target or a connection.', upstreams.map(({ upstream, waiting }) => ({ labels: { upstream }, value: waiting }))),
    gauge('gateway_pool_connections', 'Open connections to a target.', byTarget(({ open }) => open)),
    gauge('gateway_pool_idle_connections', 'Of these, those that nobody uses.', byTarget(({ idle }) => idle)),
    counter('gateway_pool_opened_total', 'Connections that were opened to a target.', byTarget(({ opened }) => opened)),
    counter('gateway_pool_reused_total', 'Requests that got a connection which had carried others.', byTarget(({ reused }) => reused))
  ]
}

function labelsOf ({ prefix, upstream }: RouteTally): Labels {
  return { route: prefix, upstream }
}

function requests (route: RouteTally, { method, status, outcomes }: Cell): MetricValue[] {
  return OUTCOMES.flatMap((outcome, place) => {
    const value = Number(outcomes[place])
    return value === 0 ? [] : [{ labels: { ...labelsOf(route), method, status, outcome: outcome.replace(' ', '_') }, value }]
  })
}

function rejections (route: RouteTally): MetricValue[] {
  return REJECTERS.flatMap((policy, place) => {
    const value = Number(route.rejected[place])
    return value === 0 ? [] : [{ labels: { ...labelsOf(route), policy }, value }]
  })
}

function attempts (labels: Labels, target: TargetCounts): MetricValue[] {
  return (['succeeded', 'failed', 'abandoned'] as const).map(outcome => ({ labels: { ...labels, outcome }, value: target[outcome] }))
}

/** In Prometheus a bucket has all that are below it. */
function buckets (name: string, labels: Labels, values: Float64Array): MetricValue[] {
  let count = 0
  const upTo = (le: number | '+Inf', place: number): MetricValue => {
    count += Number(values[place])
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count }
  }
  const all = [...BUCKETS, '+Inf' as const].map(upTo)
  return count === 0
    ? []
    : [...all, { metricName: `${name}_sum`, labels, value: Number(values[BUCKETS.length + 1]) }, { metricName: `${name}_count`, labels, value: count }]
}

function counter (name: string, help: string, values: MetricValue[]): Metric {
  return { name, help, type: 'counter', aggregator: 'sum', values }
}

function gauge (name: string, help: string, values: MetricValue[], aggregator: Aggregator = 'sum'): Metric {
  return { name, help, type: 'gauge', aggregator, values }
}

function histogram (name: string, help: string, values: MetricValue[]): Metric {
  return { name, help, type: 'histogram', aggregator: 'sum', values }
}
