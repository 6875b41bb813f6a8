import type { AggregatorRegistry, collectDefaultMetrics, Registry } from 'prom-client'
import { loadOptional } from '../server/optional-package.js'
import type { Metric } from './source.js'

/** What is used of prom-client. */
interface PromClient {
  readonly AggregatorRegistry: typeof AggregatorRegistry
  readonly Registry: typeof Registry
  readonly collectDefaultMetrics: typeof collectDefaultMetrics
}

const PREFIX = 'gateway_'

/** @throws ConfigError where prom-client is not installed */
export async function loadPrometheus (load: () => Promise<PromClient> = async () => await import('prom-client')): Promise<Prometheus> {
  return new Prometheus(await loadOptional({ source: 'the admin listener', path: 'admin', why: 'found an object', name: 'prom-client' }, load))
}

/** prom-client, for what it knows of a process, and for the text that Prometheus reads. */
export class Prometheus {
  readonly #client: PromClient
  #registry: Registry | undefined

  constructor (client: PromClient) {
    this.#client = client
  }

  /** Of this process: event-loop delay, garbage collection, memory, descriptors. They are measured from the first call on. */
  async processMetrics (): Promise<Metric[]> {
    const metrics = await this.watchProcess().getMetricsAsJSON()
    return metrics
      // Its names are old: what can go down must not be called a total.
      .filter(({ name, type }) => !(name.endsWith('_total') && String(type) === 'gauge'))
      // Of when processes started the first is what is asked for.
      .map(metric => metric.aggregator === 'omit' ? { ...metric, aggregator: 'min' } : metric)
  }

  watchProcess (): Registry {
    this.#registry ??= this.#collect()
    return this.#registry
  }

  #collect (): Registry {
    const register = new this.#client.Registry()
    this.#client.collectDefaultMetrics({ register, prefix: PREFIX })
    return register
  }

  get contentType (): string {
    return this.#client.Registry.PROMETHEUS_CONTENT_TYPE
  }

  /** The metrics of some processes as those of one. */
  async sum (processes: readonly (readonly Metric[])[]): Promise<Metric[]> {
    return await this.#sum(processes).getMetricsAsJSON()
  }

  async text (processes: readonly (readonly Metric[])[]): Promise<string> {
    return await this.#sum(processes).metrics()
  }

  #sum (processes: readonly (readonly Metric[])[]): Registry {
    return this.#client.AggregatorRegistry.aggregate([...processes])
  }
}
