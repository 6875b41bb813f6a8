import { readFileSync } from 'node:fs'
import { setTimeout as pass } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Random } from '../fuzz/random.js'
import type { Client } from './clients/client.js'
import { Http1Client } from './clients/http1.js'
import { Http2Client } from './clients/http2.js'
import { PipelineClient } from './clients/pipeline.js'
import { WebSocketClient } from './clients/websocket.js'
import type { Fault } from './faults.js'
import { Gateway } from './gateway.js'
import { pathOf } from './id.js'
import { leaksOf, strayFiles } from './leaks.js'
import type { State } from './leaks.js'
import type { Seen } from './observations.js'
import { planFor } from './plan.js'
import type { ClientKind, Plan } from './plan.js'
import { Report } from './report.js'
import { configFor } from './routes.js'
import { Upstreams } from './services/upstreams.js'

const TLS = new URL('../../test/fixtures/tls/', import.meta.url)
/** Requests in a row before the gateways' state is read for the first time. */
const WARM_UP = 300
/** Milliseconds in which everything must be given back. */
const SETTLING = 10_000

export interface Wanted {
  readonly seed: number
  readonly faults: readonly Fault[]
  readonly clients: readonly ClientKind[]
  /** Clients at a time. */
  readonly connections: number
}

/** What is known of a request but what the services and the log say. */
interface Case {
  readonly seen: Seen
  readonly gateway: Gateway
  /** Of the targets, before and after. */
  readonly moods: readonly Fault[]
}

/** Two gateways, one of them with TLS and HTTP/2, between clients and services that fail. */
export class Chaos {
  readonly #cases: Case[] = []
  #number = 1
  #before: State[] = []

  private constructor (readonly wanted: Wanted, readonly upstreams: Upstreams, readonly plain: Gateway, readonly secure: Gateway, readonly clients: Record<ClientKind, Client>) {}

  static async start (wanted: Wanted): Promise<Chaos> {
    const upstreams = new Upstreams(wanted.seed)
    await upstreams.open()
    const pem = (name: string): string => fileURLToPath(new URL(name, TLS))
    const [plain, secure] = await Promise.all([
      Gateway.start('http', configFor(upstreams.addresses, undefined)),
      Gateway.start('https', configFor(upstreams.addresses, { cert: pem('localhost.pem'), key: pem('localhost.key') }))
    ])
    const ca = readFileSync(pem('ca.pem'), 'utf8')
    return new Chaos(wanted, upstreams, plain, secure, {
      http1: new Http1Client(plain.port),
      pipeline: new PipelineClient(plain.port),
      websocket: new WebSocketClient(plain.port),
      https1: new Http1Client(secure.port, ca),
      http2: new Http2Client(secure.port, ca)
    })
  }

  get count (): number {
    return this.#cases.length
  }

  get #gateways (): Gateway[] {
    return [this.plain, this.secure]
  }

  /** A few requests while all is calm, so that what is loaded and opened once is there before the first look. */
  async warmUp (): Promise<void> {
    await this.#load(() => this.#number < WARM_UP)
    await this.#quiet()
    this.upstreams.close()
    await pass(1_000)
    this.#before = await this.#states()
    await this.upstreams.open()
  }

  async run (seconds: number): Promise<void> {
    const stop = new AbortController()
    const life = this.upstreams.live(this.wanted.faults, stop.signal)
    const end = performance.now() + seconds * 1000
    await this.#load(() => performance.now() < end)
    stop.abort()
    await life
  }

  async #load (goesOn: () => boolean): Promise<void> {
    await Promise.all(Array.from({ length: this.wanted.connections }, async () => {
      while (goesOn()) await this.#one()
    }))
  }

  async #one (): Promise<void> {
    const plan = planFor(this.wanted.seed, this.#number, this.wanted.clients)
    const random = new Random(this.wanted.seed, 5, plan.number)
    const upstream = this.upstreams.nameFor(plan.upstream, plan.client === 'websocket')
    const numbers = Array.from({ length: plan.client === 'pipeline' ? plan.count : 1 }, (_, nth) => plan.number + nth)
    this.#number += numbers.length
    const before = this.upstreams.moodsOf(upstream)
    const seen = await this.clients[plan.client].run(plan, numbers.map(number => pathOf(upstream, number)))
    const moods = [...before, ...this.upstreams.moodsOf(upstream)]
    this.#cases.push(...seen.map(seen => ({ seen, gateway: this.#gatewayOf(plan), moods })))
    await pass(random.below(40))
  }

  #gatewayOf ({ client }: Plan): Gateway {
    return client === 'http2' || client === 'https1' ? this.secure : this.plain
  }

  /** Waits until clients are gone, and with them all but what is kept for later. */
  async #quiet (): Promise<string[]> {
    for (const client of Object.values(this.clients)) client.close()
    return await settled(async () => {
      const { connections, journal } = this.upstreams
      const states = await this.#states()
      if (this.#before.length === 0) return []
      const stray = strayFiles(total(this.#before), total(states), connections)
      return [...stray, ...journal.open.map(upload => `an upload is still open at its service: ${upload}`)]
    })
  }

  async #states (): Promise<State[]> {
    return await Promise.all(this.#gateways.map(async gateway => await gateway.state()))
  }

  /** Waits until all has been given back, and tells what was seen. */
  async end (): Promise<Report> {
    const report = new Report(this.wanted.seed)
    for (const complaint of await this.#quiet()) report.leak(complaint)
    this.upstreams.close()
    for (const [nth, gateway] of this.#gateways.entries()) {
      const before = this.#before[nth]
      if (before === undefined) continue
      const complaints = await settled(async () => leaksOf(before, await gateway.state(), this.count))
      for (const complaint of complaints) report.leak(`${gateway.name}: ${complaint}`)
    }
    await Promise.all(this.#gateways.map(async gateway => await gateway.stop()))
    for (const { seen, gateway, moods } of this.#cases) {
      report.add(seen, this.upstreams.journal.of(seen.number), gateway.lines.get(seen.number) ?? 0, moods)
    }
    for (const stray of this.upstreams.journal.strays) report.stray(stray)
    for (const { name, errors } of this.#gateways) for (const error of errors) report.error(`${name}: ${error}`)
    return report
  }

  /** However it stands. */
  kill (): void {
    for (const gateway of this.#gateways) gateway.kill('SIGKILL')
  }
}

/** Looks until there is nothing to complain of, or the time is over. */
async function settled (look: () => Promise<string[]>): Promise<string[]> {
  const end = performance.now() + SETTLING
  while (true) {
    const complaints = await look()
    if (complaints.length === 0 || performance.now() > end) return complaints
    await pass(250)
  }
}

function total (states: readonly State[]): State {
  const sum = (field: keyof State): number => states.reduce((all, state) => all + state[field], 0)
  return { files: sum('files'), sockets: sum('sockets'), timers: sum('timers'), heap: sum('heap') }
}
