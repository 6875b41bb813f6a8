import type { Contender, Running } from '../contenders/index.js'
import type { Shot } from '../loads/load.js'
import { MIB } from './scenario.js'
import type { Bench, Sample } from './scenario.js'

/** How many clients at once, where nothing else is said. */
export const CONNECTIONS = 64

/** So that what is hot is compiled. */
export async function warmUp ({ plan, load }: Bench, { contender, port }: Running, shot: Shot, connections = CONNECTIONS): Promise<void> {
  const { errors } = await load.fire({ shot, port, connections, seconds: isCompiled(contender) ? 1 : plan.warmUp })
  if (errors.length > 0) throw new Error(`warm-up: ${errors.join(', ')}`)
}

/** Has nothing to warm up but its connections. */
function isCompiled ({ file, keeper, own }: Contender): boolean {
  return file === undefined || (keeper === true && own !== true)
}

/** As many requests as go through on so many connections, and what they cost. */
export async function fullLoad (
  { plan, load }: Bench, { port, begin, end }: Running, idle: number, shot: Shot, connections = CONNECTIONS
): Promise<Sample> {
  const before = await begin()
  const result = await load.fire({ shot, port, connections, seconds: plan.seconds })
  const after = await end()
  const { requests, seconds, p50, p99, errors } = result
  if (requests === 0) errors.push('no request was answered')
  const values = { rps: requests / seconds, p50, p99 }
  if (before === undefined || after === undefined) return { values, errors }
  const cpu = after.cpu - before.cpu
  return {
    values: { ...values, cpu: cpu / requests, busy: cpu / (seconds * 1e6) * 100, memory: (after.peak - idle) / MIB },
    errors
  }
}
