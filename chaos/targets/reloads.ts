import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pass } from 'node:timers/promises'
import { LONG, pipelining, streaming, streamingOn, talking, talkingOn, Tally, uploading } from './clients.js'
import type { Client } from './clients.js'
import { gatewayConfig } from './configurations.js'
import { startGateway } from './contenders.js'
import { Load } from './load.js'
import { LongService } from './long-service.js'
import { temporaryFolder } from './process.js'
import { PER_TRY } from './restarts.js'
import { openServices } from './scenario.js'

/** Kept-alive requests a second. */
const RATE = 50
/** Clients of each other kind. */
const CLIENTS = 3
/** Milliseconds that a reload may take, */
const RELOAD = 20_000
/** between two of them, */
const PAUSE = 300
/** and until the old workers have ended, when their clients are gone. */
const DRAIN = 15_000

const CLIENTS_BY_KIND: Record<string, { client: Client, count: number }> = {
  pipelining: { client: pipelining, count: CLIENTS },
  uploading: { client: uploading, count: CLIENTS },
  'short event streams': { client: streaming, count: CLIENTS },
  'event streams that live through all': { client: streamingOn, count: CLIENTS },
  'short WebSockets': { client: talking, count: CLIENTS },
  'WebSockets that live through all': { client: talkingOn, count: CLIENTS }
}

export interface Reloaded {
  /** By the kind of client. */
  readonly tallies: ReadonlyMap<string, Tally>
  /** Whether all old workers ended when their clients were gone. */
  readonly drained: boolean
}

/**
 * Reloads the gateway again and again under clients of every kind.
 *
 * @param changes whether its file says something else each time; without, it is a rolling restart
 */
export async function reload (seed: number, times: number, workers: number, changes: boolean): Promise<Reloaded> {
  const services = await openServices(seed, new Map())
  const long = new LongService()
  await long.open()
  const file = join(temporaryFolder(), 'routes.json')
  const common = gatewayConfig(services.map(({ authority }) => authority), false, { perTry: PER_TRY })
  const config = (nth: number): object => ({ ...common, routes: [...common.routes, { prefix: LONG, target: long.url, timeout: 5_000 + nth }] })
  const gateway = await startGateway(config(0), ['--workers', `${workers}`], file)
  try {
    const stop = new AbortController()
    const load = new Load(gateway.port, seed)
    const tallies = new Map(Object.keys(CLIENTS_BY_KIND).map(kind => [kind, new Tally()]))
    const ended = [
      load.run(RATE, stop.signal),
      ...Object.entries(CLIENTS_BY_KIND).flatMap(([kind, { client, count }]) => Array.from({ length: count }, async () => await client(gateway.port, stop.signal, tallies.get(kind) ?? new Tally())))
    ]
    await pass(PAUSE)
    for (let count = 1; count <= times; count++) {
      if (changes) writeFileSync(file, JSON.stringify(config(count)))
      gateway.process.kill('SIGHUP')
      if (!await gateway.process.wrote('"reloaded"', count, RELOAD)) throw new Error(`reload ${count} did not come about: ${gateway.process.lines.join('\n')}`)
      await pass(PAUSE)
    }
    stop.abort()
    await Promise.all(ended)
    const kept = new Tally()
    for (const { method, number, failure } of load.results) kept.add(failure && `${method} ${number}: ${failure}`)
    return { tallies: new Map([['kept connections', kept], ...tallies]), drained: await gateway.process.wrote('"drained"', times, DRAIN) }
  } finally {
    await gateway.process.stop()
    for (const service of services) service.close()
    long.close()
  }
}
