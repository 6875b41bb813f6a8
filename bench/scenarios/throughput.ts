import { LARGE, POSTED, SMALL } from '../bodies.js'
import { LOGGING } from '../contenders/index.js'
import { ORIGIN } from '../contenders/policy.js'
import type { Shot } from '../loads/load.js'
import { checkAnswer, checkDuties } from '../verify.js'
import { each } from './scenario.js'
import type { Scenario } from './scenario.js'
import { CONNECTIONS, fullLoad, warmUp } from './volley.js'

export const SMALL_GET: Shot = { method: 'GET', path: '/api/small', headers: { Origin: ORIGIN } }
const LARGE_GET: Shot = { ...SMALL_GET, path: '/api/large' }
const POST: Shot = {
  method: 'POST', path: '/api/count', headers: { Origin: ORIGIN, 'Content-Type': 'application/json' }, body: POSTED.toString()
}

export const smallGet = throughput('small-get', 'small GET: 100 bytes of JSON', SMALL_GET, SMALL)
export const largeGet = withoutLog(throughput('large-get', '64 KiB GET', LARGE_GET, LARGE))
export const post = withoutLog(throughput('post', '1 KiB POST: a small answer', POST, Buffer.from(JSON.stringify({ received: POSTED.length }))))

function throughput (id: string, title: string, shot: Shot, answer: Buffer): Scenario {
  return {
    id,
    title: () => `${title}, ${CONNECTIONS} connections`,
    columns: ['rps', 'cpu', 'p50', 'p99', 'memory', 'busy'],
    compared: ['rps', 'cpu', 'p99'],
    fresh: false,
    rounds: plan => plan.rounds,
    cases: (_bench, contenders) => each(contenders),

    async prepare (bench, running) {
      await checkAnswer(running.port, shot, answer)
      await checkDuties(running)
      await warmUp(bench, running, shot)
    },

    async measure (bench, running, _of, idle) {
      return await fullLoad(bench, running, idle, shot)
    }
  }
}

/** A line costs the same whatever it tells of. */
function withoutLog (scenario: Scenario): Scenario {
  return { ...scenario, cases: (_bench, contenders) => each(contenders.filter(({ name }) => name !== LOGGING)) }
}
