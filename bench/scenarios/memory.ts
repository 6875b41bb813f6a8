import { setTimeout } from 'node:timers/promises'
import type { Bench, Running } from '../bench.js'
import { openIdle } from '../clients/idle.js'
import { transfer } from '../clients/transfers.js'
import type { Direction } from '../clients/transfers.js'
import type { Contender } from '../contenders/index.js'
import type { Row } from '../results.js'
import { forgetPeak, memoryOf } from '../usage.js'
import { headline, MIB } from './scenario.js'
import type { Scenario } from './scenario.js'

const TRANSFERS = 100
/** Milliseconds in which nothing is read: long enough to fill the sockets' buffers, and then the gateway's. */
const DELAY = 2_000
/** Bytes per second that are then read of each transfer: less in all than a gateway on one core can carry. */
const RATE = 6 * MIB
/** Milliseconds between the last response and the reading. */
const SETTLE = 1_000

export const uploads = transfers('uploads')
export const downloads = transfers('downloads')

/** What large bodies to slow readers cost. */
function transfers (direction: Direction): Scenario {
  return {
    id: direction,
    title: plan => `${TRANSFERS} ${direction} of ${plan.transferMiB} MiB at once, to slow readers`,
    remark: 'The highest resident size meanwhile, less that after the start: all growth of the process counts.',
    quick: direction === 'uploads',
    columns: ['memory', 'memoryEach'],
    compared: ['memoryEach'],
    measure: (bench, contenders) => eachFresh(bench, contenders, TRANSFERS, async ({ port, pid }, errors) => {
      errors.push(...await transfer(direction, port, TRANSFERS, bench.plan.transferMiB * MIB, { rate: RATE, delay: DELAY }))
      return memoryOf(pid, 'VmHWM')
    })
  }
}

/** What it costs to keep clients' connections that ask for nothing. */
export const idle: Scenario = {
  id: 'idle',
  title: plan => `${plan.idleConnections} idle connections, each after one small GET`,
  remark: 'Resident size with all of them open, less that before the first. nginx has set memory aside for its connections at its start.',
  quick: false,
  columns: ['memory', 'memoryEach'],
  compared: ['memoryEach'],
  measure: (bench, contenders) => eachFresh(bench, contenders, bench.plan.idleConnections, async ({ port, pid }, errors) => {
    const clients = await openIdle(port, bench.plan.idleConnections)
    await setTimeout(SETTLE)
    const memory = memoryOf(pid, 'VmRSS')
    const open = clients.filter(({ isOpen }) => isOpen).length
    if (open < bench.plan.idleConnections) errors.push(`only ${open} connections are open`)
    for (const client of clients) client.close()
    return memory
  })
}

/** Each in a process that has done nothing yet, one after the other: memory does not depend on a second of the machine. */
async function eachFresh (
  bench: Bench, contenders: readonly Contender[], count: number, use: (running: Running, errors: string[]) => Promise<number>
): Promise<Row[]> {
  const rows: Row[] = []
  for (const contender of headline(contenders)) {
    const running = await bench.startContender(contender)
    const errors: string[] = []
    forgetPeak(running.pid)
    const before = memoryOf(running.pid, 'VmRSS')
    const memory = await use(running, errors) - before
    rows.push({ name: contender.name, node: contender.node, rounds: [{ memory: memory / MIB, memoryEach: memory / 1024 / count }], errors })
    await running.stop()
  }
  return rows
}
