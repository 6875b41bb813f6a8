import { setTimeout as pass } from 'node:timers/promises'
import { EJECTION, SLOW_START } from './configurations.js'
import { startContender } from './contenders.js'
import type { Name } from './contenders.js'
import type { TargetFault } from './faults.js'
import { Load } from './load.js'
import { measure, wholeShare } from './measure.js'
import type { Figures } from './measure.js'
import { Service } from './service.js'
import type { Arrivals } from './service.js'

const TARGETS = 3
/** Requests a second. */
const RATE = 200
/** Milliseconds from one look at the shares to the next. */
const LOOK = 500
/** Milliseconds of load before anything counts: what is compiled and connected once is there then. */
const WARM_UP = 2_000
/** Milliseconds. */
export const CALM = 4_000
/** As long as two ejections, the second of which is twice the first. */
export const FAULT = 7_000
/** The longest rest of an ejection, the slow start, and room to see the share. */
export const RECOVERY = 4 * EJECTION + SLOW_START + 2_000

/** Services behind one upstream. */
export async function openServices (seed: number, posts: Arrivals): Promise<Service[]> {
  const services = Array.from({ length: TARGETS }, (_, index) => new Service(seed, index, posts))
  await Promise.all(services.map(async service => await service.open()))
  return services
}

/** One of three targets suffers the fault for a while, under load. */
export async function play (name: Name, fault: TargetFault, seed: number): Promise<Figures> {
  const posts: Arrivals = new Map()
  const services = await openServices(seed, posts)
  const contender = await startContender(name, services.map(({ authority }) => authority))
  try {
    const load = new Load(contender.port, seed)
    const stop = new AbortController()
    const loaded = load.run(RATE, stop.signal)
    await pass(WARM_UP)
    const begun = performance.now()
    await pass(CALM)
    const faulty = services.at(-1)
    faulty?.suffer(fault)
    const faultAt = performance.now()
    await pass(FAULT)
    const recovered = performance.now()
    await faulty?.recover()
    const arrivals = services.map(({ arrivedAt }) => arrivedAt)
    do await pass(LOOK)
    while (wholeShare(arrivals, recovered, performance.now()) === undefined && performance.now() < recovered + RECOVERY)
    const moments = { begun, fault: faultAt, recovered, ended: performance.now() }
    stop.abort()
    await loaded
    contender.process.assertRunning()
    return measure(fault, load.results, posts, arrivals, moments, contender.available())
  } finally {
    await contender.process.stop()
    for (const service of services) service.close()
  }
}
