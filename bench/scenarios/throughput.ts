import type { Contender } from '../contenders/index.js'
import { LARGE_GET, POST, SMALL_GET } from '../shots.js'
import type { Shot } from '../shots.js'
import { measureInTurns } from '../turns.js'
import type { Case } from '../turns.js'
import { CONNECTIONS } from './scenario.js'
import type { Scenario } from './scenario.js'

export const smallGet = throughput('small-get', 'small GET: 100 bytes of JSON', SMALL_GET)
export const largeGet = throughput('large-get', '64 KiB GET', LARGE_GET)
export const post = throughput('post', '1 KiB POST: a small response', POST)

/** What a request costs where nothing else happens. */
function throughput (id: string, title: string, shot: Shot): Scenario {
  return {
    id,
    title: () => `${title}, ${CONNECTIONS} connections`,
    remark: '',
    quick: true,
    columns: ['cpu', 'rps'],
    compared: ['cpu'],
    measure: (bench, contenders) => measureInTurns(bench, contenders.map(contender => caseOf(contender, shot)))
  }
}

/** What the access log adds. */
export const log: Scenario = {
  id: 'log',
  title: () => `small GET with an access log, ${CONNECTIONS} connections`,
  remark: 'To the null device. haproxy logs to a syslog server only, so it does not take part.',
  quick: true,
  columns: ['cpu', 'rps'],
  compared: [],
  measure: (bench, contenders) => measureInTurns(bench, contenders
    .filter(({ logs, own, beside }) => logs && (own || beside !== true))
    .flatMap(contender => [
      ...(contender.own ? [caseOf(contender, SMALL_GET)] : []),
      { ...caseOf(contender, SMALL_GET), name: `${contender.name}, log`, variant: { accessLog: true } }
    ]))
}

function caseOf (contender: Contender, shot: Shot): Case {
  return { name: contender.name, contender, shot, connections: CONNECTIONS }
}
