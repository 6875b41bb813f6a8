import type { Worker } from 'node:cluster'
import type { Metric, ProcessState } from '../admin/source.js'
import { LONGEST_TRIAL } from '../explain/given.js'
import type { Explained, GivenRequest } from '../explain/given.js'
import type { Question, Told, ToWorker } from './messages.js'

/** Milliseconds that a worker may take to tell how it stands. */
const LONGEST_WAIT = 500

/** One worker, as somebody who can be asked. */
export class Informant {
  /** Whether others have taken over. */
  isDraining = false
  /** What it told last, */
  metrics: readonly Metric[] = []
  /** and whether it did not when it was asked once more. */
  isSilent = false
  readonly #worker: Worker
  #nth = 0
  /** Of the questions that it has not responded to. */
  readonly #open = new Map<number, (told: Told | undefined) => void>()

  constructor (worker: Worker) {
    this.#worker = worker
  }

  /** @returns `undefined` where it did not tell in time */
  async state (): Promise<ProcessState | undefined> {
    const told = await this.#ask({ ask: 'state' })
    return told !== undefined && 'state' in told ? told.state : undefined
  }

  /** Asks for its metrics anew. */
  async ownMetrics (): Promise<void> {
    const told = await this.#ask({ ask: 'metrics' })
    this.isSilent = told === undefined
    if (told !== undefined && 'metrics' in told) this.metrics = told.metrics
  }

  async explain (given: GivenRequest): Promise<Explained> {
    const told = await this.#ask({ ask: 'explain', given }, LONGEST_TRIAL + LONGEST_WAIT)
    return told !== undefined && 'explained' in told ? told.explained : { failed: 'late' }
  }

  told (told: Told): void {
    const tell = this.#open.get(told.nth)
    this.#open.delete(told.nth)
    tell?.(told)
  }

  /** It has ended. */
  gone (): void {
    for (const tell of this.#open.values()) tell(undefined)
  }

  async #ask (question: Unnumbered<Question>, longest = LONGEST_WAIT): Promise<Told | undefined> {
    // One that is stuck must not find a heap of questions when it is well again.
    if (this.#open.size >= MOST_OPEN) return undefined
    const nth = this.#nth++
    return await new Promise(resolve => {
      const timer = setTimeout(resolve, longest, undefined)
      this.#open.set(nth, told => {
        clearTimeout(timer)
        resolve(told)
      })
      this.#worker.send({ ...question, nth } satisfies ToWorker, ignore)
    })
  }
}

type Unnumbered<One> = One extends unknown ? Omit<One, 'nth'> : never

/** Questions that one worker is asked at the same time. */
const MOST_OPEN = 4

function ignore (): void {}
