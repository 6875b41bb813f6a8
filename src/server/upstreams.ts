import { setTimeout as pass } from 'node:timers/promises'
import { readTarget } from '../config/index.js'
import type { Connecting, RouteSettings, Settings, Target as Address } from '../config/index.js'
import type { TargetChange } from '../upstream/balanced-upstream.js'
import { ChosenUpstreams } from '../upstream/chosen-upstreams.js'
import { Target } from '../upstream/target.js'
import { SingleUpstream } from '../upstream/upstream.js'
import type { Upstream } from '../upstream/upstream.js'
import { connectingOf, NamedUpstream } from './named-upstream.js'
import type { Logger } from './log-target.js'

/** Milliseconds for which the first checks may hold up the start; Fastify waits for ten seconds. */
const LONGEST_START = 5_000

/** Where a route's requests go. */
export interface RouteUpstream {
  readonly upstream: Upstream
  /** As they are known at start. */
  readonly addresses: readonly Address[]
  /** Where copies of them go. */
  readonly mirror: Upstream | undefined
  /** The upstream that a program names: by its name, or as a target. @throws TypeError for what is neither */
  choose (choice: unknown): Upstream
}

/** All upstreams of one registration: those that routes name, those that are one route's own, and those that programs choose. */
export class Upstreams {
  readonly #named: ReadonlyMap<string, NamedUpstream>
  readonly #own: Upstream[] = []
  readonly #chosen: ChosenUpstreams<Address>[] = []

  /** @param listener is told of each change of a target, beside the log */
  constructor (settings: Settings['upstreams'], log: Logger, listener: (change: TargetChange) => void) {
    this.#named = new Map(Object.entries(settings).map(([name, upstream]) => [name, new NamedUpstream(name, upstream, log, listener)]))
  }

  find (name: string): NamedUpstream | undefined {
    return this.#named.get(name)
  }

  /** `undefined` for a route that the gateway responds to itself. */
  of ({ target, upstream: name, mirror: copies }: RouteSettings): RouteUpstream | undefined {
    const mirror = copies && this.find(copies.upstream)?.upstream
    if (target !== undefined) {
      const upstream = new SingleUpstream(new Target(target))
      this.#own.push(upstream)
      return { upstream, addresses: [target], mirror, choose: this.#choice(target) }
    }
    const named = name === undefined ? undefined : this.find(name)
    return named && { upstream: named.upstream, addresses: named.settings.targets, mirror, choose: this.#choice(named.settings) }
  }

  /** How a route finds what its program chooses; made when that is asked first, as most never do. */
  #choice (connecting: Connecting): RouteUpstream['choose'] {
    let chosen: ChosenUpstreams<Address> | undefined
    return choice => {
      const named = typeof choice === 'string' ? this.find(choice) : undefined
      if (named !== undefined) return named.upstream
      chosen ??= this.#choices(connectingOf(connecting))
      return chosen.find(choice)
    }
  }

  #choices (common: Connecting): ChosenUpstreams<Address> {
    const chosen = new ChosenUpstreams<Address>({ read: readTarget, options: address => ({ ...common, ...address }) })
    this.#chosen.push(chosen)
    return chosen
  }

  /** Those that the configuration has: as many as at start, whatever programs choose. */
  get configured (): Upstream[] {
    return [...this.#own, ...[...this.#named.values()].map(({ upstream }) => upstream)]
  }

  [Symbol.iterator] (): Iterator<Upstream> {
    return [...this.configured, ...this.#chosen.flatMap(chosen => [...chosen])].values()
  }

  /** Resolves when every target was checked once, or when that takes too long: one that does not respond must not hold up the start. */
  async start (): Promise<void> {
    const started = Promise.all([...this.#named.values()].map(async named => await named.start()))
    const timer = new AbortController()
    await Promise.race([started, pass(LONGEST_START, undefined, { ref: false, signal: timer.signal }).catch(() => {})])
    timer.abort()
  }

  /** The names of those whose targets are all out of order. */
  get unavailable (): string[] {
    return [...this.#named].filter(([, { upstream }]) => !upstream.isAvailable).map(([name]) => name)
  }

  close (): void {
    for (const named of this.#named.values()) named.close()
    for (const upstream of this) upstream.close()
  }
}
