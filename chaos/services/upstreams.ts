import type { Fault } from '../faults.js'
import type { UpstreamAddress } from '../routes.js'
import { Http1Target } from './http1-target.js'
import { Http2Target } from './http2-target.js'
import { Journal } from './journal.js'
import type { Target } from './target.js'

/** What stands behind the gateway: how many targets each upstream has. */
export const UPSTREAMS = [
  { name: 'a', protocol: 'http1', targets: 1 },
  { name: 'b', protocol: 'http1', targets: 1 },
  { name: 'c', protocol: 'http2', targets: 1 }
] as const

/** All services of a run. */
export class Upstreams {
  readonly journal = new Journal()
  readonly #targets: Target[] = []
  readonly #upstreams: { name: string, protocol: 'http1' | 'http2', targets: Target[] }[] = []

  constructor (seed: number, upstreams: readonly { name: string, protocol: 'http1' | 'http2', targets: number }[] = UPSTREAMS) {
    for (const { name, protocol, targets } of upstreams) {
      const made = Array.from({ length: targets }, (_, nth) => this.#make(seed, `${name}${nth}`, protocol))
      this.#upstreams.push({ name, protocol, targets: made })
    }
  }

  #make (seed: number, name: string, protocol: 'http1' | 'http2'): Target {
    const index = this.#targets.length
    const address = process.platform === 'linux' ? `127.90.0.${index + 1}` : '127.0.0.1'
    const target = new (protocol === 'http1' ? Http1Target : Http2Target)(name, seed, index, address, this.journal)
    this.#targets.push(target)
    return target
  }

  async open (): Promise<void> {
    await Promise.all(this.#targets.map(async target => await target.open()))
  }

  async live (faults: readonly Fault[], signal: AbortSignal): Promise<void> {
    await Promise.all(this.#targets.map(async target => await target.live(faults, signal)))
  }

  close (): void {
    for (const target of this.#targets) target.close('end')
  }

  get addresses (): UpstreamAddress[] {
    return this.#upstreams.map(({ name, protocol, targets }) => ({ name, protocol, targets: targets.map(({ url }) => url) }))
  }

  /** Whether upgrades reach it. */
  nameFor (number: number, isUpgrade: boolean): string {
    const fitting = this.#upstreams.filter(({ protocol }) => !isUpgrade || protocol === 'http1')
    return fitting[number % fitting.length]?.name ?? ''
  }

  /** Of the moment, for a request that arrived at none of them. */
  moodsOf (upstream: string): Fault[] {
    return this.#upstreams.filter(({ name }) => name === upstream).flatMap(({ targets }) => targets.map(({ mood }) => mood))
  }

  get connections (): number {
    return this.#targets.reduce((sum, { sockets }) => sum + sockets.size, 0)
  }
}
