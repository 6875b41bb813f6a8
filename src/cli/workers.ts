import type { Worker } from 'node:cluster'
import type { Metric, ProcessState, Reading, Source } from '../admin/source.js'
import type { Explained, GivenRequest } from '../explain/given.js'
import { countersOf, knownIn, onlyKnown, summed } from './counted.js'
import type { SumMetrics } from './counted.js'
import { Informant } from './informant.js'
import type { ToSupervisor } from './messages.js'

/** All workers that serve or drain, of whatever generation, as one source for the admin listener. */
export class Workers implements Source {
  isDraining = false
  configuration: unknown
  /** How metrics become one. There is none until the admin listener needs it. */
  sum: SumMetrics | undefined
  readonly #informants = new Map<Worker, Informant>()
  /** What those have counted that are gone. */
  #gone: Promise<readonly Metric[]> = Promise.resolve([])
  #explained = 0

  /** One has come to listen. */
  add (worker: Worker): void {
    this.#informants.set(worker, new Informant(worker))
  }

  told (worker: Worker, message: Exclude<ToSupervisor, string | { listening: unknown }>): void {
    const informant = this.#informants.get(worker)
    if (informant === undefined) return
    if ('last' in message) informant.metrics = message.last
    else informant.told(message)
  }

  /** Others have taken over from it. */
  leaving (worker: Worker): void {
    const informant = this.#informants.get(worker)
    if (informant !== undefined) informant.isDraining = true
  }

  remove (worker: Worker): void {
    const informant = this.#informants.get(worker)
    if (informant === undefined) return
    this.#informants.delete(worker)
    informant.gone()
    const { sum } = this
    if (sum !== undefined) this.#gone = this.#gone.then(async gone => await summed(sum, [gone, informant.metrics]))
  }

  async states (): Promise<Reading<ProcessState>> {
    const told = await Promise.all([...this.#informants.values()].map(async informant => await informant.state()))
    const processes = told.filter(state => state !== undefined)
    return { processes, silent: told.length - processes.length }
  }

  /**
   * What a worker has counted that is gone, or silent, stays in the sum: Prometheus would take what is less than before
   * for a new beginning, and all of it for new requests. But what no worker that serves knows any more is gone with it.
   */
  async metrics (): Promise<Reading<readonly Metric[]>> {
    await Promise.all([...this.#informants.values()].map(async informant => await informant.ownMetrics()))
    // One that ended meanwhile is among those who are gone.
    const informants = [...this.#informants.values()]
    const gone = this.#gone
    const isServing = ({ isDraining }: Informant): boolean => !isDraining
    const known = knownIn(informants.filter(informants.some(isServing) ? isServing : () => true).map(({ metrics }) => metrics))
    const silent = informants.filter(({ isSilent }) => isSilent).length
    const processes = informants.map(({ metrics, isSilent, isDraining }) => {
      const told = isSilent ? countersOf(metrics) : metrics
      return isDraining ? onlyKnown(told, known) : told
    })
    return { processes: [...processes, onlyKnown(await gone, known), [silentWorkers(silent)]], silent }
  }

  /** Those that serve are asked in turn, so that one which is stuck does not stand for all. */
  async explain (given: GivenRequest): Promise<Explained> {
    const serving = [...this.#informants.values()].filter(({ isDraining }) => !isDraining)
    const informant = serving[this.#explained++ % serving.length]
    return informant === undefined ? { failed: 'late' } : await informant.explain(given)
  }
}

function silentWorkers (value: number): Metric {
  return { name: 'gateway_silent_workers', help: 'Workers that did not tell how they stand in time, and are left out.', type: 'gauge', aggregator: 'sum', values: [{ labels: {}, value }] }
}
