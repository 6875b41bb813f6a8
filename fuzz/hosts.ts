import { values } from './grammar.js'
import type { Message } from './grammar.js'

/** Who plays the service, for each client by its address. */
export class Hosts<Host> {
  readonly #hosts = new Map<string, Host>()
  readonly #left = new Set<string>()

  /** From here on the requests of the client with that address are `host`'s. */
  admit (address: string, host: Host): void {
    this.#hosts.set(address, host)
  }

  dismiss (address: string): void {
    this.#hosts.delete(address)
    this.#left.add(address)
  }

  of (message: Message): Host | undefined {
    return this.#hosts.get(clientOf(message) ?? '')
  }

  /**
   * Whether it is a request of a client that has left and was dismissed. A gateway that has to wait for a processor may
   * begin an exchange long after its client went away, of which it hears behind the request.
   */
  isLate (message: Message): boolean {
    return this.#left.has(clientOf(message) ?? '')
  }
}

/** The address of the client whose request it is, by what the gateway says and no client can change. */
function clientOf ({ fields }: Message): string | undefined {
  const [address, ...others] = values(fields, 'x-forwarded-for')
  return others.length === 0 ? address : undefined
}
