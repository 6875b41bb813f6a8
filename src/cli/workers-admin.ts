import type { AdminListener } from '../admin/listener.js'
import type { Log } from './generation.js'
import type { AdminPlan } from './messages.js'
import type { Workers } from './workers.js'

/** The admin listener of a supervisor, which speaks for all workers and outlives each of them. */
export class WorkersAdmin {
  readonly #workers: Workers
  readonly #log: Log
  #listener: AdminListener | undefined

  constructor (workers: Workers, log: Log) {
    this.#workers = workers
    this.#log = log
  }

  /**
   * Opens it as a configuration asks for it, changes it, or closes it.
   *
   * @throws ConfigError where nobody can listen there
   */
  async take (plan: AdminPlan | null): Promise<void> {
    this.#workers.configuration = plan?.configuration
    if (plan !== null && this.#listener?.change(plan.settings) === true) return
    await this.#listener?.close()
    this.#listener = undefined
    if (plan === null) return
    // Loaded where there is one alone: a supervisor lives long.
    const { AdminListener } = await import('../admin/listener.js')
    const { loadPrometheus } = await import('../admin/prometheus.js')
    const prometheus = await loadPrometheus()
    this.#workers.sum = async processes => await prometheus.sum(processes)
    const listener = new AdminListener(plan.settings, this.#workers, prometheus, this.#log)
    await listener.listen()
    this.#listener = listener
  }
}
