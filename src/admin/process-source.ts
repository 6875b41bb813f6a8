import { promisify } from 'node:util'
import type { FastifyInstance } from 'fastify'
import type { Explainer } from '../explain/explainer.js'
import type { Explained, GivenRequest } from '../explain/given.js'
import { RecentFailures } from '../observe/recent-failures.js'
import { REJECTERS, Tally } from '../observe/tally.js'
import type { RouteTally } from '../observe/tally.js'
import { isDraining } from '../server/drain.js'
import type { Upstreams } from '../server/upstreams.js'
import { version } from '../server/version.js'
import type { Target } from '../upstream/target.js'
import type { Upstream } from '../upstream/upstream.js'
import { gatewayMetrics } from './process-metrics.js'
import type { Prometheus } from './prometheus.js'
import type { Metric, ProcessState, Reading, RouteCounts, Source, TargetCounts, UpstreamCounts } from './source.js'

/** What this process knows of its gateway. */
export class ProcessSource implements Source {
  readonly tally = new Tally(new RecentFailures())
  readonly configuration: unknown
  readonly #fastify: FastifyInstance
  readonly #prometheus: Prometheus
  readonly #explainer: Explainer
  #upstreams: Pick<Upstreams, 'configured' | 'unavailable'> = { configured: [], unavailable: [] }

  /** @param configuration with its secrets hidden */
  constructor (fastify: FastifyInstance, prometheus: Prometheus, configuration: unknown, explainer: Explainer) {
    this.#fastify = fastify
    this.#prometheus = prometheus
    this.#explainer = explainer
    this.configuration = configuration
    prometheus.watchProcess()
  }

  watch (upstreams: Upstreams): void {
    this.#upstreams = upstreams
  }

  get isDraining (): boolean {
    return isDraining(this.#fastify.server)
  }

  async state (): Promise<ProcessState> {
    const { server } = this.#fastify
    const routes = this.tally.routes.map(countsOf)
    return {
      pid: process.pid,
      startedAt: Math.round(performance.timeOrigin),
      isDraining: this.isDraining,
      unavailable: this.#upstreams.unavailable,
      inFlight: routes.reduce((sum, { inFlight }) => sum + inFlight, 0),
      connections: await promisify(server.getConnections.bind(server))(),
      routes,
      upstreams: this.#upstreams.configured.map(upstreamOf),
      failures: this.tally.recent.list
    }
  }

  async ownMetrics (): Promise<Metric[]> {
    return [...gatewayMetrics(await this.state(), this.tally.routes, version()), ...await this.#prometheus.processMetrics()]
  }

  async states (): Promise<Reading<ProcessState>> {
    return { processes: [await this.state()], silent: 0 }
  }

  async metrics (): Promise<Reading<readonly Metric[]>> {
    return { processes: [await this.ownMetrics()], silent: 0 }
  }

  /** What goes wrong is for the log of this process; whoever asks may be another one. */
  async explain (given: GivenRequest): Promise<Explained> {
    try {
      return await this.#explainer.explain(given)
    } catch (err) {
      this.#fastify.log.error({ err }, 'a request could not be tried out')
      return { failed: 'unexpectedly' }
    }
  }
}

function countsOf ({ prefix, upstream, inFlight, tunnels, requests, failures, retries, received, sent, durations, rejected }: RouteTally): RouteCounts {
  return {
    route: prefix,
    upstream,
    inFlight,
    tunnels,
    requests,
    failures,
    retries,
    received,
    sent,
    durations: [...durations],
    rejected: Object.fromEntries(REJECTERS.flatMap((rejecter, place) => rejected[place] === 0 ? [] : [[rejecter, Number(rejected[place])]]))
  }
}

function upstreamOf (upstream: Upstream): UpstreamCounts {
  const targets = upstream.targets.map(targetOf)
  const queued = upstream.targets.reduce((sum, { pool }) => sum + pool.waiting, 0)
  return { upstream: upstream.name ?? targets.map(({ target }) => target).join(), waiting: queued + upstream.waiting, targets }
}

function targetOf ({ name, condition, isFailing, lastFailure, failedAt, inFlight, results, pool }: Target): TargetCounts {
  const { size, idle, opened, reused } = pool
  return {
    target: name,
    ...(condition === undefined
      ? { state: isFailing ? 'failing' as const : 'available' as const, reason: lastFailure, since: failedAt || undefined }
      : { state: condition.state, reason: condition.reason || undefined, since: condition.reason === '' ? undefined : condition.changedAt }),
    isBackup: condition?.isBackup === true,
    inFlight,
    ...results,
    ejections: condition?.ejected ?? 0,
    open: size,
    idle,
    opened,
    reused
  }
}
