import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Bench } from '../bench.js'
import { NGINX } from '../contenders/index.js'
import type { Contender } from '../contenders/index.js'
import { temporaryDirectory } from '../machine.js'
import { SMALL_GET, smallGetOver } from '../shots.js'
import { measureInTurns } from '../turns.js'
import { CONNECTIONS, headline } from './scenario.js'
import type { Scenario } from './scenario.js'

const FEW_ROUTES = 4
export const MANY_ROUTES = 1_000
const MANY_CONNECTIONS = 4_096
/** Milliseconds of a turn with many connections: all of them have a request under way at its end. */
const LONG_TURN = 500

/** Whether a request costs more where there are many routes to choose from. */
export const routes: Scenario = {
  id: 'routes',
  title: () => `small GET over ${FEW_ROUTES} and over ${MANY_ROUTES} routes, each to an upstream of its own, ${CONNECTIONS} connections`,
  remark: 'The requests go to one route after the other. The upstreams are ports of one process. The heap is that of ours after a collection, less that with few routes.',
  quick: true,
  columns: ['cpu', 'rps', 'heapEach'],
  compared: [],

  async measure (bench, contenders) {
    const rows = await measureInTurns(bench, headline(contenders).filter(isOursOrNginx).flatMap(contender => [FEW_ROUTES, MANY_ROUTES].map(count => ({
      name: `${contender.name}, ${count} routes`,
      contender,
      shot: smallGetOver(count),
      connections: CONNECTIONS,
      variant: { routePorts: bench.routePorts.slice(0, count) }
    }))))
    for (const contender of headline(contenders).filter(({ own }) => own)) {
      const heap = await heapOf(bench, contender, MANY_ROUTES) - await heapOf(bench, contender, FEW_ROUTES)
      const first = rows.find(({ name }) => name === `${contender.name}, ${MANY_ROUTES} routes`)?.rounds[0]
      if (first !== undefined) first.heapEach = heap / 1024 / (MANY_ROUTES - FEW_ROUTES)
    }
    return rows
  }
}

/** Bytes of a process that has only started. */
async function heapOf (bench: Bench, contender: Contender, count: number): Promise<number> {
  const file = join(temporaryDirectory(), 'heap')
  const { pid, stop } = await bench.startContender(contender, {
    routePorts: bench.routePorts.slice(0, count),
    env: { NODE_OPTIONS: `--import=${new URL('../heap.js', import.meta.url).href}`, HEAP_FILE: file }
  })
  process.kill(pid, 'SIGUSR2')
  await setTimeout(1_000)
  await stop()
  return Number(readFileSync(file, 'latin1'))
}

/** Whether a request costs more where many are under way. */
export const connections: Scenario = {
  id: 'connections',
  title: () => `small GET, ${CONNECTIONS} and ${MANY_CONNECTIONS} connections`,
  remark: `All of them busy. Turns take ${LONG_TURN / 1000} s here.`,
  quick: false,
  columns: ['cpu', 'rps'],
  compared: [],

  measure: (bench, contenders) => measureInTurns(bench, headline(contenders).filter(isOursOrNginx).flatMap(contender => {
    return [CONNECTIONS, MANY_CONNECTIONS].map(count => ({ name: `${contender.name}, ${count} connections`, contender, shot: SMALL_GET, connections: count }))
  }), LONG_TURN)
}

const SEVERAL_TARGETS = 3

/** Whether a request costs more where there are several targets to choose from. */
export const targets: Scenario = {
  id: 'targets',
  title: () => `small GET to one target and to ${SEVERAL_TARGETS}, ${CONNECTIONS} connections`,
  remark: 'All defaults: ours chooses the target with fewer requests in progress and ejects one that fails, nginx takes each in turn and counts failures.',
  quick: true,
  columns: ['cpu', 'rps'],
  compared: [],

  measure: (bench, contenders) => measureInTurns(bench, headline(contenders).filter(isOursOrNginx).flatMap(contender => [1, SEVERAL_TARGETS].map(count => ({
    name: `${contender.name}, ${count} ${count === 1 ? 'target' : 'targets'}`,
    contender,
    shot: SMALL_GET,
    connections: CONNECTIONS,
    variant: { targetPorts: bench.routePorts.slice(0, count - 1) }
  }))))
}

/** Whether twice the processes carry twice the requests. */
export const cluster: Scenario = {
  id: 'cluster',
  title: () => `small GET, one and two processes (start --workers), ${CONNECTIONS} connections`,
  remark: 'The processes may run on all cores. On two cores the second process shares one with the load and the upstream, so req/s is bounded by what these leave. ' +
    'CPU per request, of all processes together, says what two would carry with a core each.',
  quick: false,
  columns: ['cpu', 'rps'],
  compared: [],

  measure: (bench, contenders) => measureInTurns(bench, headline(contenders).filter(({ clusters }) => clusters).flatMap(contender => [1, 2].map(workers => ({
    name: `${contender.name}, ${workers} ${workers === 1 ? 'process' : 'processes'}`, contender, shot: SMALL_GET, connections: CONNECTIONS, variant: { workers }
  }))))
}

/** Ours, and what there is to compare its growth with. */
function isOursOrNginx ({ own, name }: Contender): boolean {
  return own || name === NGINX
}
