import { Target } from './target.js'
import type { TargetOptions } from './target.js'
import { SingleUpstream } from './upstream.js'
import type { Upstream } from './upstream.js'

/** As many are kept. Of the one that was chosen longest ago the connections are closed when there is one more. */
const MAX_UPSTREAMS = 256

export interface Choices<Address> {
  /** @throws TypeError for what is no target */
  read (choice: unknown): Address
  /** How connections to it are made, and what requests to it have. */
  options (address: Address): TargetOptions
}

/** The upstreams that a program chooses among while it runs, made when they are first chosen. */
export class ChosenUpstreams<Address> {
  readonly #choices: Choices<Address>
  readonly #limit: number
  /** By address, the one that was chosen last at the end. */
  readonly #upstreams = new Map<string, Upstream>()
  /** The addresses of texts, which take longer to read than all the rest. */
  readonly #addresses = new Map<string, string>()

  constructor (choices: Choices<Address>, limit = MAX_UPSTREAMS) {
    this.#choices = choices
    this.#limit = limit
  }

  /** @throws TypeError for what is no target */
  find (choice: unknown): Upstream {
    const known = typeof choice === 'string' ? this.#addresses.get(choice) : undefined
    const upstream = known === undefined ? undefined : this.#upstreams.get(known)
    if (known === undefined || upstream === undefined) return this.#read(choice)
    this.#keep(known, upstream)
    return upstream
  }

  #read (choice: unknown): Upstream {
    const address = this.#choices.read(choice)
    const key = JSON.stringify(address)
    const upstream = this.#upstreams.get(key) ?? new SingleUpstream(new Target(this.#choices.options(address)))
    if (typeof choice === 'string') {
      // There are many ways to write one address.
      if (this.#addresses.size >= this.#limit) this.#addresses.clear()
      this.#addresses.set(choice, key)
    }
    this.#keep(key, upstream)
    return upstream
  }

  #keep (key: string, upstream: Upstream): void {
    this.#upstreams.delete(key)
    this.#upstreams.set(key, upstream)
    const [oldest] = this.#upstreams
    if (oldest === undefined || this.#upstreams.size <= this.#limit) return
    this.#upstreams.delete(oldest[0])
    oldest[1].close()
  }

  [Symbol.iterator] (): Iterator<Upstream> {
    return this.#upstreams.values()
  }
}
