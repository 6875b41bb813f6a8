import { setTimeout } from 'node:timers/promises'
import { addressOf, Client } from './client.js'
import { startGateway } from './gateway.js'
import type { Gateway } from './gateway.js'
import { Http2Service } from './http2-service.js'
import type { Http2Host } from './http2-service.js'
import { Random } from './random.js'
import { Service } from './service.js'
import type { Host } from './service.js'
import type { Targets } from './targets.js'

/** Something to try: what a client and a service do, and what may come of it. */
export interface Case extends Host, Http2Host {
  readonly number: number
  run (client: Client): Promise<void>
  /** @param targets `host:port` of the services */
  check (targets: Targets): string[]
  /** All bytes, escaped. */
  describe (): string
}

export interface Kind {
  readonly name: string
  /** Whether its clients speak HTTP/2 over TLS. */
  readonly isHttp2?: boolean
  make (random: Random, number: number): Case
}

export interface Finding {
  readonly kind: string
  readonly number: number
  readonly complaints: string[]
  readonly bytes: string
}

/** Cases that have run and are not checked yet, as the service may hear of an aborted one later. */
const HELD = 256

/** A gateway between clients and a service that run cases. One for each process. */
export class Campaign {
  readonly findings: Finding[] = []
  /** That have run. */
  cases = 0
  readonly #held: { kind: Kind, case: Case, address: string }[] = []
  #serial = 0
  #ended = false

  private constructor (readonly seed: number, readonly gateway: Gateway, readonly service: Service, readonly http2Service: Http2Service, readonly targets: Targets) {}

  static async start (seed: number): Promise<Campaign> {
    const service = new Service()
    const http2Service = new Http2Service()
    const [http1, http2] = [await service.listen(), await http2Service.listen()]
    return new Campaign(seed, await startGateway({ http1, http2 }), service, http2Service, { http1: `127.0.0.1:${http1}`, http2: `127.0.0.1:${http2}` })
  }

  get #services (): [Service, Http2Service] {
    return [this.service, this.http2Service]
  }

  /** Runs the cases that `next` numbers, `connections` at a time. */
  async run (kind: Kind, next: () => number | undefined, connections: number): Promise<void> {
    await Promise.all(Array.from({ length: connections }, async () => {
      for (let number = next(); number !== undefined; number = next()) await this.#one(kind, number)
    }))
  }

  async #one (kind: Kind, number: number): Promise<void> {
    const made = kind.make(new Random(this.seed, kind.name.charCodeAt(0), number), number)
    const address = addressOf(this.#serial++)
    for (const service of this.#services) service.hosts.admit(address, made)
    const { port, securePort } = this.gateway
    await made.run(kind.isHttp2 === true ? new Client(securePort, address, true) : new Client(port, address))
    this.cases++
    this.#held.push({ kind, case: made, address })
    if (this.#held.length > HELD) this.#check(1)
    this.#complain(kind.name, number, [...this.#services, this.gateway].flatMap(({ complaints }) => complaints.splice(0)), 'in this case or one that ran beside it')
  }

  #check (count: number): void {
    for (const { kind, case: made, address } of this.#held.splice(0, count)) {
      for (const service of this.#services) service.hosts.dismiss(address)
      this.#complain(kind.name, made.number, made.check(this.targets), made.describe())
    }
  }

  #complain (kind: string, number: number, complaints: string[], bytes: string): void {
    if (complaints.length > 0) this.findings.push({ kind, number, complaints, bytes })
  }

  /** Judges what is not checked yet, and looks for what was not cleaned up. */
  async end (): Promise<Finding[]> {
    if (this.#ended) return this.findings
    this.#ended = true
    await this.#gone(async () => await this.gateway.connections(), 'connections of clients are open still')
    await this.gateway.close()
    await this.#gone(async () => this.service.connections.size + this.http2Service.connections.size, 'connections to the service are open still')
    this.#check(this.#held.length)
    this.#complain('end', 0, [...this.#services, this.gateway].flatMap(({ complaints }) => complaints), '')
    for (const service of this.#services) await service.close()
    await this.#gone(async () => process.getActiveResourcesInfo().filter(name => name.startsWith('TCP')).length, 'handles of connections are left')
    return this.findings
  }

  /** Clients linger 5 s at most. */
  async #gone (count: () => Promise<number>, what: string): Promise<void> {
    for (let i = 0; i < 80 && await count() > 0; i++) await setTimeout(100)
    const left = [await count()].filter(number => number > 0)
    this.#complain('end', 0, left.map(number => `${number} ${what}`), '')
  }
}
