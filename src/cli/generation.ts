import cluster from 'node:cluster'
import type { Worker } from 'node:cluster'
import { once } from 'node:events'
import { setTimeout as pass } from 'node:timers/promises'
import type { Configuration } from './configuration.js'
import type { AdminPlan, ToSupervisor, ToWorker } from './messages.js'
import type { Workers } from './workers.js'

/** Milliseconds before a worker that died is replaced, at least and at most: twice the last ones, less those that it served. */
const SHORTEST_PAUSE = 100
const LONGEST_PAUSE = 10_000

/** How a process ended. */
export type End = { readonly status: number | null, readonly signal: string | null } | { readonly err: unknown }

/** What is used of a pino logger. */
export interface Log {
  debug (line: object, message: string): void
  info (line: object, message: string): void
  error (line: object, message: string): void
  fatal (line: object, message: string): void
}

/** The workers that run one configuration. */
export class Generation {
  /** Counted from 1. */
  readonly nth: number
  readonly configuration: Configuration
  /** That it asks for; known when the first worker listens. */
  admin: AdminPlan | null = null
  readonly #size: number
  readonly #log: Log
  /** Those of all generations. */
  readonly #all: Workers
  /** Whether each has come to listen. */
  readonly #workers = new Map<Worker, boolean>()
  readonly #onEmpty = new Set<() => void>()
  #state: 'starting' | 'serving' | 'leaving' = 'starting'
  #pause = 0
  /** How often files were to be opened again. */
  #reopened = 0

  constructor (nth: number, configuration: Configuration, size: number, log: Log, all: Workers) {
    this.nth = nth
    this.configuration = configuration
    this.#size = size
    this.#log = log
    this.#all = all
  }

  /**
   * Resolves when all of it listens, or when the first worker has ended before it did, with that end: what hinders the
   * first would hinder all of them, and is to be told once.
   */
  async start (): Promise<End | undefined> {
    const end = await this.#add()
    if (end !== undefined) return end
    if (this.#state === 'starting') {
      this.#state = 'serving'
      await Promise.all(Array.from({ length: this.#size - 1 }, async () => await this.#add()))
    }
    return undefined
  }

  /** Others have taken over: each worker ends when what is under way with it has. */
  giveWay (): void {
    this.#state = 'leaving'
    for (const [worker, listens] of this.#workers) {
      this.#all.leaving(worker)
      // It may be dying just now, which is dealt with when it has.
      if (listens) worker.send('give way' satisfies ToWorker, ignore)
      else worker.process.kill('SIGTERM')
    }
  }

  /** Has each worker open the files of its log again. */
  reopen (): void {
    this.#reopened++
    for (const [worker, listens] of this.#workers) if (listens) worker.send('reopen' satisfies ToWorker, ignore)
  }

  /** Has each worker end as the service does after a SIGTERM. */
  stop (): void {
    this.#state = 'leaving'
    for (const worker of this.#workers.keys()) {
      this.#all.leaving(worker)
      worker.process.kill('SIGTERM')
    }
  }

  /** Resolves when the last worker has ended, where they have been told to leave. */
  async ended (): Promise<void> {
    if (this.#workers.size > 0) await new Promise<void>(resolve => { this.#onEmpty.add(resolve) })
  }

  /** @returns how it ended, if that was before it came to listen */
  async #add (): Promise<End | undefined> {
    const worker = cluster.fork(this.configuration.env)
    let since = Infinity
    const reopened = this.#reopened
    this.#workers.set(worker, false)
    return await new Promise(resolve => {
      const gone = (end: End): void => {
        resolve(since === Infinity ? end : undefined)
        this.#onGone(worker, Math.max(0, Date.now() - since), end)
      }
      once(worker, 'exit').then(([status, signal]) => gone({ status, signal }), (err: unknown) => gone({ err }))
      worker.on('message', (message: ToSupervisor) => {
        if (message === 'waiting') {
          worker.send({ run: this.configuration.plan } satisfies ToWorker, ignore)
          return
        }
        if (!('listening' in message)) {
          this.#all.told(worker, message)
          return
        }
        since = Date.now()
        this.admin = message.listening
        this.#workers.set(worker, true)
        // It may have opened them just before.
        if (reopened !== this.#reopened) worker.send('reopen' satisfies ToWorker, ignore)
        this.#all.add(worker)
        resolve(undefined)
      })
    })
  }

  #onGone (worker: Worker, served: number, end: End): void {
    this.#workers.delete(worker)
    this.#all.remove(worker)
    const expected = this.#state === 'leaving' && (served === 0 || ('status' in end && end.status === 0))
    // Of the first, who started it tells.
    if (!expected && this.#state !== 'starting') this.#log.error({ worker: worker.process.pid, ...end }, 'a worker died')
    if (this.#state === 'serving') this.#replace(served)
    if (this.#workers.size > 0) return
    for (const tell of this.#onEmpty) tell()
  }

  async #replace (served: number): Promise<void> {
    this.#pause = Math.min(Math.max(SHORTEST_PAUSE, this.#pause * 2 - served), LONGEST_PAUSE)
    await pass(this.#pause)
    if (this.#state === 'serving') await this.#add()
  }
}

function ignore (): void {}
