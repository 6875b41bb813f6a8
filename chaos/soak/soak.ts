import { readFileSync } from 'node:fs'
import { setTimeout as pass } from 'node:timers/promises'
import { Gateway } from '../gateway.js'
import { LONG, pipelining, streaming, talking, Tally, uploading } from '../targets/clients.js'
import { gatewayConfig } from '../targets/configurations.js'
import { Load } from '../targets/load.js'
import { LongService } from '../targets/long-service.js'
import { openServices } from '../targets/scenario.js'
import { PER_TRY } from '../targets/restarts.js'
import type { Counted } from './report.js'
import type { Sample } from './samples.js'

/** Requests a second, beside those of the other clients. */
const RATE = 60
/** For these. A look at the heap stops the gateway for a while; without a bound that would show as connections. */
const CONNECTIONS = 16
const CLIENTS = [pipelining, streaming, streaming, talking, talking]
const UPLOADS = 2
/** Milliseconds between two restarts of a target, and for which it is away. */
const RESTART = 20_000
const DOWN = 1_000

/** @param interval milliseconds between two samples */
export async function soak (seed: number, minutes: number, interval: number, sampled: (sample: Sample) => void): Promise<Counted> {
  const posts = new Map<number, number>()
  const services = await openServices(seed, posts)
  const long = new LongService()
  await long.open()
  const common = gatewayConfig(services.map(({ authority }) => authority), true, { perTry: PER_TRY })
  const gateway = await Gateway.start('soak', { ...common, routes: [...common.routes, { prefix: LONG, target: long.url }] })
  process.on('exit', () => gateway.kill('SIGKILL'))
  const stop = new AbortController()
  const load = new Load(gateway.port, seed, CONNECTIONS)
  const tally = new Tally()
  const uploads = new Tally()
  const begun = performance.now()
  const loaded = Promise.all([
    load.run(RATE, stop.signal),
    ...CLIENTS.map(async client => await client(gateway.port, stop.signal, tally)),
    ...Array.from({ length: UPLOADS }, async () => await uploading(gateway.port, stop.signal, uploads))
  ])
  let restarts = 0
  const restarting = (async () => {
    while (await waited(RESTART, stop.signal)) {
      const service = services[restarts++ % services.length]
      service?.suffer('dead')
      await pass(DOWN)
      await service?.recover()
    }
  })()
  while (await waited(Math.min(interval, begun + minutes * 60_000 - performance.now()), stop.signal)) {
    sampled({ minute: (performance.now() - begun) / 60_000, ...await gateway.state(), resident: residentOf(gateway.pid) })
    if (performance.now() - begun >= minutes * 60_000) stop.abort()
  }
  await Promise.all([loaded, restarting])
  await gateway.stop()
  for (const service of services) service.close()
  long.close()
  const failed = load.results.filter(({ failure }) => failure !== undefined)
  return {
    requests: load.results.length + [tally, uploads].reduce((sum, { fine, lost }) => sum + fine + lost.length, 0),
    restarts,
    lost: [...tally.lost, ...failed.filter(({ method }) => method !== 'POST').map(({ method, number, failure, milliseconds }) => `${method} ${number}: ${failure} after ${Math.round(milliseconds)} ms`)],
    failedPosts: failed.filter(({ method }) => method === 'POST').length + uploads.lost.length
  }
}

/** @returns `false` where it is over */
async function waited (milliseconds: number, signal: AbortSignal): Promise<boolean> {
  await pass(Math.max(0, milliseconds), undefined, { signal }).catch(() => {})
  return !signal.aborted
}

function residentOf (pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? NaN) * 1024
}
