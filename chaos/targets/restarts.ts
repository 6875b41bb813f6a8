import { setTimeout as pass } from 'node:timers/promises'
import { gatewayConfig } from './configurations.js'
import { startGateway } from './contenders.js'
import { Load } from './load.js'
import { openServices } from './scenario.js'
import type { Arrivals } from './service.js'

/** Requests a second. */
const RATE = 200
/** Milliseconds that the service is away, and there again: long enough to get requests again. */
const DOWN = 300
const UP = 1_500
/** Milliseconds. */
const EJECTION = 400
/** That a try may take: on a busy machine services stand still for a while, which is not what is tried here. */
export const PER_TRY = 5_000

export interface Restarted {
  readonly requests: number
  /** Idempotent requests without their response, and why. */
  readonly lost: readonly string[]
  /** POSTs that arrived more than once. */
  readonly doubled: number
  /** POSTs without their response. */
  readonly failedPosts: number
  /** How often the service had requests again after it came back. */
  readonly wasBack: number
}

/** Restarts one of three services again and again, under load. */
export async function restartService (seed: number, times: number): Promise<Restarted> {
  const posts: Arrivals = new Map()
  const services = await openServices(seed, posts)
  const gateway = await startGateway(gatewayConfig(services.map(({ authority }) => authority), false, { ejection: EJECTION, slowStart: 0, perTry: PER_TRY }))
  try {
    const load = new Load(gateway.port, seed)
    const stop = new AbortController()
    const loaded = load.run(RATE, stop.signal)
    const restarted = services.at(-1)
    let wasBack = 0
    await pass(UP)
    for (let count = 0; count < times; count++) {
      restarted?.suffer('dead')
      await pass(DOWN)
      await restarted?.recover()
      const before = restarted?.arrivedAt.length
      await pass(UP)
      if (restarted?.arrivedAt.length !== before) wasBack++
    }
    stop.abort()
    await loaded
    gateway.process.assertRunning()
    const failed = load.results.filter(({ failure }) => failure !== undefined)
    return {
      requests: load.results.length,
      lost: failed.filter(({ method }) => method !== 'POST').map(({ method, number, failure }) => `${method} ${number}: ${failure}`),
      doubled: [...posts.values()].filter(count => count > 1).length,
      failedPosts: failed.filter(({ method }) => method === 'POST').length,
      wasBack
    }
  } finally {
    await gateway.process.stop()
    for (const service of services) service.close()
  }
}
