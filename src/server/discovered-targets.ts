import type { UpstreamSettings } from '../config/index.js'
import { Discovery } from '../upstream/discovery/discovery.js'
import type { Address } from '../upstream/discovery/address.js'
import type { PlacedTarget } from '../upstream/balanced-upstream.js'
import type { TcpEndpoint } from '../upstream/dial.js'
import type { DnsResolver } from '../upstream/discovery/look-up.js'
import type { Logger } from './log-target.js'

export interface DiscoveredOptions {
  /** The upstream's name, for the log. */
  readonly name: string
  readonly targets: readonly PlacedTarget[]
  readonly dns: NonNullable<UpstreamSettings['dns']>
  /** Makes what DNS is asked by. */
  readonly resolver?: () => DnsResolver
}

/** The targets that the names of an upstream stand for. A name of which nothing is known yet stands for itself. */
export class DiscoveredTargets {
  readonly #options: DiscoveredOptions
  readonly #changed: (targets: readonly PlacedTarget[]) => void
  readonly #found = new Map<PlacedTarget, readonly PlacedTarget[]>()
  readonly #discoveries: readonly Discovery[]

  /** @param changed is given all of them, whenever one came or went */
  constructor (options: DiscoveredOptions, log: Logger, changed: (targets: readonly PlacedTarget[]) => void) {
    this.#options = options
    this.#changed = changed
    this.#discoveries = options.targets.flatMap(target => 'host' in target ? this.#discover(target, log) : [])
  }

  #discover (target: PlacedTarget & TcpEndpoint, log: Logger): Discovery {
    const { name: upstream, dns, resolver } = this.#options
    const { host, port } = target
    return new Discovery({ host, port, ...dns, ...(resolver && { resolver }) }, {
      found: addresses => this.#learn(target, addresses),
      failed: err => log.warn({ upstream, host, err }, 'a name could not be looked up; its addresses stay as they are'),
      recovered: () => log.info({ upstream, host }, 'a name is looked up again')
    })
  }

  #learn (target: PlacedTarget & TcpEndpoint, addresses: readonly Address[]): void {
    this.#found.set(target, addresses.map(({ address, port, weight, backup }) => (
      { ...target, address, port, weight: target.weight * weight, backup: target.backup || backup }
    )))
    this.#changed(this.#options.targets.flatMap(configured => this.#found.get(configured) ?? [configured]))
  }

  /** Looks all names up, now and from now on. Resolves when each was looked up once, whichever way. */
  async start (): Promise<void> {
    await Promise.all(this.#discoveries.map(async discovery => await discovery.start()))
  }

  close (): void {
    for (const discovery of this.#discoveries) discovery.close()
  }
}
