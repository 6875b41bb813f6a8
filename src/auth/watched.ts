import { watchFiles } from '../server/watch-files.js'
import type { Log } from './log.js'

/** What is made of a file, and made anew when that changes. */
export class Watched<Value> {
  value: Value
  /** Counts up with each change. */
  version = 0
  readonly #file: string | undefined
  readonly #read: () => Value
  readonly #log: Log
  readonly #what: string
  #stop = (): void => {}

  /**
   * @param file `undefined` for what stands in the configuration itself
   * @param what for the log: `users`
   * @throws where it cannot be read
   */
  constructor (file: string | undefined, read: () => Value, log: Log, what: string) {
    this.#file = file
    this.#read = read
    this.#log = log
    this.#what = what
    this.value = read()
  }

  start (): void {
    const file = this.#file
    if (file !== undefined) this.#stop = watchFiles([file], () => this.#renew(file))
  }

  close (): void {
    this.#stop()
  }

  /** Who has had access keeps it while the file is broken: half of it may be written. */
  #renew (file: string): void {
    try {
      this.value = this.#read()
    } catch (error) {
      // Not the error itself, whose stack says no more.
      this.#log.error({ file, cause: String(error) }, `the changed file with ${this.#what} cannot be used, what it had before still counts`)
      return
    }
    this.version++
    this.#log.info({ file }, `the changed file with ${this.#what} is in use`)
  }
}
