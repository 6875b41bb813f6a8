import { Client } from '../clients/client.js'
import { atRate, oneAfterAnother } from '../clients/paced.js'
import { HTTP_PROXY_MIDDLEWARE } from '../contenders/index.js'
import { SMALL_GET } from '../shots.js'
import { endLoads, measureRound, startLanes, stopLanes } from '../turns.js'
import { CONNECTIONS, headline } from './scenario.js'
import type { Scenario } from './scenario.js'

/** Of what the slowest takes at full load. */
const SHARE = 0.5
/** Milliseconds. */
const TURN = 250
const NONE: readonly number[] = []

/** How long a client waits when nobody is at the limit: the same rate for all. */
export const equalLoad: Scenario = {
  id: 'equal-load',
  title: () => `equal load: small GET at a fixed rate, ${CONNECTIONS} connections; and one request after another on one`,
  remark: `req/s is what each takes at full load; the rate is ${SHARE * 100} % of the least of these. ${HTTP_PROXY_MIDDLEWARE} stays out, since it would set a low one. ` +
    'Latency counts from when a request was due, so one that had to wait for a free connection is charged for the wait.',
  quick: true,
  columns: ['rps', 'p50', 'p99', 'p50One', 'p99One'],
  compared: ['p99', 'p99One'],

  async measure (bench, contenders) {
    const lanes = await startLanes(bench, headline(contenders)
      .filter(({ name }) => name !== HTTP_PROXY_MIDDLEWARE)
      .map(contender => ({ name: contender.name, contender, shot: SMALL_GET, connections: CONNECTIONS })))
    await measureRound(bench, lanes)
    await endLoads(lanes)
    const rate = SHARE * Math.min(...lanes.map(({ row }) => row.rounds[0]?.rps ?? NaN))
    const groups = await Promise.all(lanes.map(async ({ row, running: { port } }) => ({
      row, one: await Client.open(port), clients: await Promise.all(Array.from({ length: CONNECTIONS }, () => Client.open(port))), many: NONE, single: NONE
    })))

    for (let round = 0; round < bench.plan.rounds; round++) {
      for (const group of groups) group.many = group.single = NONE
      for (let turn = 0; turn < bench.plan.seconds * 1000 / TURN; turn++) {
        for (const group of groups) group.many = group.many.concat(await atRate(group.clients, rate, TURN))
        for (const group of groups) group.single = group.single.concat(await oneAfterAnother(group.one, TURN))
      }
      for (const { row, many, single } of groups) {
        const failed = [...many, ...single].filter(Number.isNaN).length
        if (failed > 0) row.errors.push(`${failed} requests without the upstream's response`)
        row.rounds[round] = {
          ...row.rounds[round], p50: percentile(many, 0.5), p99: percentile(many, 0.99), p50One: percentile(single, 0.5), p99One: percentile(single, 0.99)
        }
      }
    }
    for (const { one, clients } of groups) for (const client of [one, ...clients]) client.close()
    return await stopLanes(lanes)
  }
}

function percentile (latencies: readonly number[], share: number): number {
  return latencies.toSorted((a, b) => a - b)[Math.floor(latencies.length * share)] ?? NaN
}
