import { LARGE, POSTED, SMALL } from '../bodies.js'
import type { Contender } from '../contenders/index.js'
import { ORIGIN } from '../contenders/policy.js'
import type { Shot } from '../loads/load.js'
import { checkAnswer, checkDuties } from '../verify.js'
import { MIB } from './scenario.js'
import type { Scenario } from './scenario.js'

const CONNECTIONS = 64

export const smallGet = throughput('small-get', 'small GET: 100 bytes of JSON',
  { method: 'GET', path: '/api/small', headers: {} }, SMALL)

export const largeGet = throughput('large-get', '64 KiB GET',
  { method: 'GET', path: '/api/large', headers: {} }, LARGE)

export const post = throughput('post', '1 KiB POST: a small answer',
  { method: 'POST', path: '/api/count', headers: { 'Content-Type': 'application/json' }, body: POSTED.toString() },
  Buffer.from(JSON.stringify({ received: POSTED.length })))

/** Has nothing to warm up but its connections. */
function isCompiled ({ file, keeper }: Contender): boolean {
  return file === undefined || keeper === true
}

/** As many requests as go through on so many connections. */
function throughput (id: string, title: string, request: Shot, answer: Buffer): Scenario {
  const shot = { ...request, headers: { ...request.headers, Origin: ORIGIN } }
  return {
    id,
    title: () => `${title}, ${CONNECTIONS} connections`,
    columns: ['rps', 'cpu', 'p50', 'p99', 'memory', 'busy'],
    compared: ['rps', 'cpu', 'p99'],
    fresh: false,
    rounds: plan => plan.rounds,
    admits: () => true,

    async prepare ({ plan, load }, { contender, port }) {
      await checkAnswer(port, shot, answer)
      await checkDuties(contender, port)
      const { errors } = await load.fire({ shot, port, connections: CONNECTIONS, seconds: isCompiled(contender) ? 1 : plan.warmUp })
      if (errors.length > 0) throw new Error(`warm-up: ${errors.join(', ')}`)
    },

    async measure ({ plan, load }, { port, begin, end }, idle) {
      const before = await begin()
      const result = await load.fire({ shot, port, connections: CONNECTIONS, seconds: plan.seconds })
      const after = await end()
      const { requests, seconds, p50, p99, errors } = result
      const values = { rps: requests / seconds, p50, p99 }
      if (before === undefined || after === undefined) return { values, errors }
      const cpu = after.cpu - before.cpu
      return {
        values: { ...values, cpu: cpu / requests, busy: cpu / (seconds * 1e6) * 100, memory: (after.peak - idle) / MIB },
        errors
      }
    }
  }
}
