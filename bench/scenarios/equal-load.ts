import { SMALL } from '../bodies.js'
import { Child } from '../children.js'
import { fastifyHttpProxy, HTTP_PROXY_MIDDLEWARE, startContender } from '../contenders/index.js'
import { checkAnswer, checkDuties } from '../verify.js'
import type { PacedOrder, PacedReport } from './paced-client.js'
import { each, isSilentGateway } from './scenario.js'
import type { Bench, Scenario } from './scenario.js'
import { SMALL_GET } from './throughput.js'
import { CONNECTIONS, warmUp } from './volley.js'

/** Of what @fastify/http-proxy can take. */
const SHARE = 0.5

/** What a client waits for when nobody is at the limit: the same rate for all. */
export const equalLoad: Scenario = {
  id: 'equal-load',
  title: () => `equal load: small GET at a fixed rate, ${CONNECTIONS} connections`,
  remark: `The rate is ${SHARE * 100} % of what ${fastifyHttpProxy.name} took at full load just before. Latency counts from when a request was due, ` +
    'so one that had to wait for a free connection is charged for the wait.',
  columns: ['offered', 'rps', 'p50', 'p99', 'cpu', 'busy'],
  compared: ['p50', 'p99'],
  fresh: false,
  rounds: plan => plan.rounds,

  async cases (bench, contenders) {
    const rate = Math.floor(await capacity(bench) * SHARE)
    // http-proxy-middleware is at its own limit there.
    return each(contenders.filter(contender => isSilentGateway(contender) && contender.name !== HTTP_PROXY_MIDDLEWARE), rate)
  },

  async prepare (bench, running) {
    await checkAnswer(running.port, SMALL_GET, SMALL)
    await checkDuties(running)
    await warmUp(bench, running, SMALL_GET)
  },

  async measure ({ plan, cpus }, { port, begin, end }, { at: rate }) {
    const before = await begin()
    const order: PacedOrder = { port, rate, seconds: plan.seconds, connections: CONNECTIONS, shot: SMALL_GET }
    const client = Child.start('paced client', new URL('./paced-client.js', import.meta.url), { cpu: cpus.load, options: order })
    const { requests, seconds, p50, p99, errors } = await client.next<PacedReport>()
    await client.stop()
    const after = await end()
    const values = { offered: rate, rps: requests / seconds, p50, p99 }
    if (before === undefined || after === undefined) return { values, errors }
    const cpu = after.cpu - before.cpu
    return { values: { ...values, cpu: cpu / requests, busy: cpu / (seconds * 1e6) * 100 }, errors }
  }
}

async function capacity (bench: Bench): Promise<number> {
  const running = await startContender(fastifyHttpProxy, bench.upstreamPort, bench.cpus)
  await warmUp(bench, running, SMALL_GET)
  const { requests, seconds } = await bench.load.fire({
    shot: SMALL_GET, port: running.port, connections: CONNECTIONS, seconds: bench.plan.seconds
  })
  await running.stop()
  return requests / seconds
}
