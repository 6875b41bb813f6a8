import { SMALL } from '../bodies.js'
import { clusterOf } from '../contenders/index.js'
import { checkAnswer, checkDuties } from '../verify.js'
import { isSilentGateway } from './scenario.js'
import type { Scenario } from './scenario.js'
import { SMALL_GET } from './throughput.js'
import { CONNECTIONS, fullLoad, warmUp } from './volley.js'

/** Whether twice the processes carry twice the requests. */
export const cluster: Scenario = {
  id: 'cluster',
  title: () => `small GET, one and two processes (npm run start:cluster), ${CONNECTIONS} connections`,
  remark: 'The processes may run on all cores, and the load and the service keep to theirs: on two cores the second process has to share one with them, ' +
    'so req/s is bounded by what these leave. CPU per request, of all processes together, says what two would carry with a core each.',
  columns: ['rps', 'cpu', 'p50', 'p99', 'memory', 'busy'],
  compared: [],
  fresh: false,
  rounds: plan => plan.rounds,
  missing: () => process.platform === 'linux' ? undefined : 'read from /proc, so only on Linux',

  cases (_bench, contenders) {
    const own = contenders.filter(contender => contender.own && isSilentGateway(contender))
    return own.flatMap(clusterOf).flatMap(contender => [1, 2].map(at => ({
      name: `${contender.name}, ${at} ${at === 1 ? 'process' : 'processes'}`, contender, at, options: { processes: at }
    })))
  },

  async prepare (bench, running) {
    await checkAnswer(running.port, SMALL_GET, SMALL)
    await checkDuties(running)
    await warmUp(bench, running, SMALL_GET)
  },

  async measure (bench, running, _of, idle) {
    return await fullLoad(bench, running, idle, SMALL_GET)
  }
}
