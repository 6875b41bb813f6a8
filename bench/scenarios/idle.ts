import { setTimeout } from 'node:timers/promises'
import { Child } from '../children.js'
import { openFiles } from '../machine.js'
import { checkDuties } from '../verify.js'
import type { IdleOrder, IdleReport } from './idle-client.js'
import { each, isSilentGateway, MIB } from './scenario.js'
import type { Scenario } from './scenario.js'

/** Milliseconds between the last answer and the reading. */
const SETTLE = 1_000
/** Files of a process beside its clients' connections. */
const OTHER_FILES = 200

/** What it costs to keep clients' connections that ask for nothing. */
export const idle: Scenario = {
  id: 'idle',
  title: plan => `${plan.idleConnections} idle connections, each after one small GET`,
  remark: 'Resident size with all of them open, less that before the first. nginx has set memory aside for its connections at its start.',
  columns: ['memory', 'memoryEach'],
  compared: ['memoryEach'],
  fresh: true,
  rounds: plan => plan.memoryRounds,
  missing ({ idleConnections }) {
    const files = openFiles()
    return files === undefined || files >= idleConnections + OTHER_FILES ? undefined : `a process may open ${files} files, see ulimit -n`
  },
  cases: (_bench, contenders) => each(contenders.filter(isSilentGateway)),

  async prepare (_bench, running) {
    await checkDuties(running)
  },

  async measure ({ plan, cpus }, { port, begin, end }, _of, idle) {
    const order: IdleOrder = { port, connections: plan.idleConnections }
    await begin()
    const client = Child.start('idle clients', new URL('./idle-client.js', import.meta.url), { cpu: cpus.load, options: order })
    const { errors } = await client.next<IdleReport>()
    await setTimeout(SETTLE)
    const after = await end()
    const { open } = await client.ask<IdleReport>('open')
    await client.stop()
    if (open < plan.idleConnections) errors.push(`only ${open} connections were still open`)
    if (after === undefined) return { values: {}, errors }
    const memory = (after.rss - idle) / MIB
    return { values: { memory, memoryEach: memory * 1024 / plan.idleConnections }, errors }
  }
}
