import { setTimeout } from 'node:timers/promises'
import { SMALL } from '../bodies.js'
import { openFiles } from '../machine.js'
import { checkAnswer, checkDuties } from '../verify.js'
import { isOursOrNginx, MIB } from './scenario.js'
import type { Scenario } from './scenario.js'
import { SMALL_GET } from './throughput.js'
import { CONNECTIONS, warmUp } from './volley.js'

const MANY = 4_096
/** Seconds in which the load opens its connections, before anything is counted. */
const OPENING = 2
/** Of a gateway, which has one to a client and one to the service. */
const FILES = 2 * MANY + 200

/** Whether a request costs more where many are under way. */
export const connections: Scenario = {
  id: 'connections',
  title: () => `small GET, ${CONNECTIONS} and ${MANY} connections`,
  remark: 'All of them busy. CPU and req/s are taken when all are open, and requests are counted at the service; p50 and p99 hold the opening, too.',
  columns: ['rps', 'cpu', 'p50', 'p99', 'memory', 'busy'],
  compared: [],
  fresh: false,
  rounds: plan => plan.rounds,
  missing () {
    const files = openFiles()
    return files === undefined || files >= FILES ? undefined : `a process may open ${files} files, see ulimit -n`
  },

  cases (_bench, contenders) {
    return contenders.filter(isOursOrNginx).flatMap(contender => [CONNECTIONS, MANY].map(at => ({ name: `${contender.name}, ${at} connections`, contender, at })))
  },

  async prepare (bench, running, { at }) {
    await checkAnswer(running.port, SMALL_GET, SMALL)
    await checkDuties(running)
    await warmUp(bench, running, SMALL_GET, at)
  },

  async measure ({ plan, load, served }, { port, begin, end }, { at }, idle) {
    const volley = load.fire({ shot: SMALL_GET, port, connections: at, seconds: OPENING + plan.seconds + 1 })
    await setTimeout(OPENING * 1000)
    const [start, before, first] = [performance.now(), await begin(), await served()]
    await setTimeout(plan.seconds * 1000)
    const [stop, after, last] = [performance.now(), await end(), await served()]
    const { p50, p99, errors } = await volley
    const [seconds, requests] = [(stop - start) / 1000, last - first]
    if (requests === 0) errors.push('no request was answered')
    const values = { rps: requests / seconds, p50, p99 }
    if (before === undefined || after === undefined) return { values, errors }
    const cpu = after.cpu - before.cpu
    return { values: { ...values, cpu: cpu / requests, busy: cpu / (seconds * 1e6) * 100, memory: (after.peak - idle) / MIB }, errors }
  }
}
