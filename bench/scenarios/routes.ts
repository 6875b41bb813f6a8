import { SMALL } from '../bodies.js'
import { ORIGIN, routePath } from '../contenders/policy.js'
import type { Shot } from '../loads/load.js'
import { checkAnswer } from '../verify.js'
import { isOursOrNginx } from './scenario.js'
import type { Scenario } from './scenario.js'
import { CONNECTIONS, fullLoad, warmUp } from './volley.js'

export const MANY = 1_000
const FEW = 4

/** Whether a request costs more where there are many to choose from. */
export const routes: Scenario = {
  id: 'routes',
  title: () => `small GET over ${FEW} and over ${MANY} routes, each to a service of its own, ${CONNECTIONS} connections`,
  remark: 'The requests go to one route after the other. The services are ports of one process.',
  columns: ['rps', 'cpu', 'p50', 'p99', 'memory', 'busy'],
  compared: [],
  fresh: false,
  rounds: plan => plan.rounds,

  cases ({ routePorts }, contenders) {
    return contenders.filter(isOursOrNginx).flatMap(contender => [FEW, MANY].map(at => ({
      name: `${contender.name}, ${at} routes`, contender, at, options: { routePorts: routePorts.slice(0, at) }
    })))
  },

  async prepare (bench, running, { at }) {
    const shot = shotAt(at)
    await checkAnswer(running.port, { ...shot, path: routePath(at - 1) }, SMALL)
    await warmUp(bench, running, shot)
  },

  async measure (bench, running, { at }, idle) {
    return await fullLoad(bench, running, idle, shotAt(at))
  }
}

function shotAt (routes: number): Shot {
  const paths = Array.from({ length: routes }, (_, index) => routePath(index))
  return { method: 'GET', path: routePath(0), paths, headers: { Origin: ORIGIN } }
}
