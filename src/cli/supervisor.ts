import cluster from 'node:cluster'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { ConfigError } from '../config/config-error.js'
import { watchFiles } from '../server/watch-files.js'
import { ENV_FILE } from './configuration.js'
import type { Configuration } from './configuration.js'
import { Generation } from './generation.js'
import type { End, Log } from './generation.js'
import { UsageError } from './usage.js'
import { Workers } from './workers.js'
import { WorkersAdmin } from './workers-admin.js'

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url))
const WATCHED = 'a file changed'

interface Options {
  /** In each generation. */
  readonly workers: number
  /** Whether a change of the files is followed by a reload. */
  readonly watch: boolean
  /** Reads them as they are. Throws, with a text for people, what is wrong with them. */
  readonly read: () => Configuration
  readonly log: Log
  /**
   * Generations that may drain at the same time. Each has memory of its own; the oldest makes room for one more.
   * @default 16
   */
  readonly mostDraining?: number
}

/** Sees that there are workers by the present files, and touches no connection. */
export class Supervisor {
  readonly #options: Options
  readonly #log: Log
  readonly #workers = new Workers()
  readonly #admin: WorkersAdmin
  readonly #draining = new Set<Generation>()
  #current: Generation
  /** That is to take over. */
  #next: Generation | undefined
  #nth = 1
  /** Why a reload was asked for, of those that are not done. The first one is under way; at first, that is the start. */
  readonly #asked = ['start']
  #stopping = false
  #unwatch = (): void => {}

  constructor (configuration: Configuration, options: Options) {
    this.#options = options
    this.#log = options.log
    this.#admin = new WorkersAdmin(this.#workers, options.log)
    // All workers accept from the kernel's one queue, which outlives each of them. Node's round robin balances no better,
    // costs a message per connection, and sends one over `maxConnections` back and forth, at full speed, until it fits.
    cluster.schedulingPolicy = cluster.SCHED_NONE
    cluster.setupPrimary({ exec: WORKER, args: [] })
    this.#current = this.#generation(configuration)
  }

  /**
   * Ends the process where the first worker does not come to listen. It has told why itself, unless somebody killed it.
   *
   * @throws ConfigError where there can be no admin listener
   */
  async start (): Promise<void> {
    const { watch, workers } = this.#options
    if (watch) this.#unwatch = watchFiles([this.#current.configuration.plan.file, ENV_FILE], () => { this.reload(WATCHED) })
    const end = await this.#current.start()
    if (this.#stopping) return
    if (end !== undefined) {
      if (!isPlain(end)) this.#log.fatal({ ...end }, 'the worker ended before it served')
      process.exit(1)
    }
    await this.#admin.take(this.#current.admin)
    this.#log.info({ workers }, 'started')
    this.#asked.shift()
    await this.#reloadAll()
  }

  /** What asks for one meanwhile gets it afterwards: the files may have changed once more. */
  reload (reason: string): void {
    this.#asked.push(reason)
    if (this.#asked.length === 1) this.#reloadAll()
  }

  async #reloadAll (): Promise<void> {
    while (this.#asked.length > 0 && !this.#stopping) {
      const reasons = new Set(this.#asked)
      this.#asked.length = 1
      await this.#replace([...reasons].join(', '))
      this.#asked.shift()
    }
  }

  /** Has all workers open the files of their logs again: somebody has put them aside. */
  reopen (): void {
    for (const generation of this.#all()) generation.reopen()
  }

  /** Ends all workers as the service ends, and then the process, with 0. */
  async stop (signal: string): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    this.#workers.isDraining = true
    this.#unwatch()
    this.#log.info({ signal }, 'stopping')
    const all = this.#all()
    for (const generation of all) generation.stop()
    await Promise.all(all.map(async generation => await generation.ended()))
    process.exit(0)
  }

  #all (): Generation[] {
    return [this.#current, ...this.#draining, ...(this.#next === undefined ? [] : [this.#next])]
  }

  async #replace (reason: string): Promise<void> {
    const configuration = this.#read()
    // A file may have been written anew as it was.
    if (reason === WATCHED && isDeepStrictEqual(configuration, this.#current.configuration)) {
      this.#log.debug({}, 'the files say the same as before')
      return
    }
    this.#log.info({ reason }, 'reloading')
    const next = configuration && this.#generation(configuration)
    this.#next = next
    const end = await next?.start()
    this.#next = undefined
    if (this.#stopping) return
    if (next === undefined || end !== undefined) {
      this.#log.error({ ...end }, 'not reloaded: what runs goes on as it is')
      return
    }
    const old = this.#current
    this.#current = next
    this.#drain(old)
    await this.#changeAdmin(next)
    this.#log.info({ generation: next.nth, workers: this.#options.workers, draining: this.#draining.size }, 'reloaded')
  }

  /** Requests are served in any case. */
  async #changeAdmin ({ admin }: Generation): Promise<void> {
    try {
      await this.#admin.take(admin)
    } catch (error) {
      this.#log.error(error instanceof ConfigError ? { reason: error.message } : { err: error }, 'there is no admin listener')
    }
  }

  /** @returns `undefined` where something is wrong, which has been told then */
  #read (): Configuration | undefined {
    try {
      return this.#options.read()
    } catch (error) {
      if (error instanceof ConfigError || error instanceof UsageError) console.error(error.message)
      // A fault of ours is no reason to end what runs either.
      else this.#log.error({ err: error }, 'the files could not be read')
      return undefined
    }
  }

  async #drain (old: Generation): Promise<void> {
    const [oldest] = this.#draining
    const { mostDraining = 16 } = this.#options
    if (oldest !== undefined && this.#draining.size === mostDraining) {
      this.#log.error({ generation: oldest.nth, draining: mostDraining }, 'too many generations drain, the oldest is ended')
      oldest.stop()
      this.#draining.delete(oldest)
    }
    this.#draining.add(old)
    old.giveWay()
    await old.ended()
    this.#draining.delete(old)
    this.#log.info({ generation: old.nth, draining: this.#draining.size }, 'drained')
  }

  #generation (configuration: Configuration): Generation {
    return new Generation(this.#nth++, configuration, this.#options.workers, this.#log, this.#workers)
  }
}

/** Whether a worker ended by itself after it had told why. */
function isPlain (end: End): boolean {
  return 'status' in end && end.status === 1
}
