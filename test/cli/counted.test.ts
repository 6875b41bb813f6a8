import type { Worker } from 'node:cluster'
import t from 'tap'
import type { Metric } from '../../src/admin/source.js'
import type { Question, ToWorker } from '../../src/cli/messages.js'
import { Workers } from '../../src/cli/workers.js'

/** As much of a worker as is used: it is asked, and tells nothing by itself. */
function fakeWorker (): { worker: Worker, asked: Question[] } {
  const asked: Question[] = []
  const worker: object = { send: (message: ToWorker) => { if (typeof message === 'object' && 'ask' in message) asked.push(message) } }
  return { worker: worker as Worker, asked }
}

function metrics (requests: number): Metric[] {
  const labels = { route: '/', upstream: 'app' }
  return [
    { name: 'gateway_requests_in_flight', help: '', type: 'gauge', aggregator: 'sum', values: [{ labels, value: 1 }] },
    { name: 'gateway_requests_total', help: '', type: 'counter', aggregator: 'sum', values: [{ labels, value: requests }] }
  ]
}

function total (processes: readonly (readonly Metric[])[], name: string): number {
  return processes.flat().filter(metric => metric.name === name).flatMap(({ values }) => values).reduce((sum, { value }) => sum + value, 0)
}

t.test('a worker that ends while it is asked is counted once', async t => {
  const [one, two] = [fakeWorker(), fakeWorker()]
  const workers = new Workers()
  workers.sum = async processes => processes.flat()
  for (const { worker } of [one, two]) workers.add(worker)
  const first = workers.metrics()
  for (const { worker, asked } of [one, two]) workers.told(worker, { nth: Number(asked[0]?.nth), metrics: metrics(10) })
  t.equal(total((await first).processes, 'gateway_requests_total'), 20)

  const second = workers.metrics()
  workers.told(one.worker, { nth: Number(one.asked[1]?.nth), metrics: metrics(12) })
  workers.told(two.worker, { last: metrics(15) })
  workers.remove(two.worker)
  const { processes, silent } = await second
  t.equal(total(processes, 'gateway_requests_total'), 27)
  t.equal(total(processes, 'gateway_requests_in_flight'), 1, 'what goes up and down is gone with it')
  t.equal(silent, 0)
  workers.remove(two.worker)
  workers.told(two.worker, { last: metrics(100) })
  workers.leaving(two.worker)
  t.equal(total((await Promise.all([workers.metrics(), workers.told(one.worker, { nth: Number(one.asked[2]?.nth), metrics: metrics(12) })]))[0].processes, 'gateway_requests_total'), 27)
})

t.test('one that does not tell is silent, is not asked without end, and is heard when it tells', async t => {
  const { worker, asked } = fakeWorker()
  const workers = new Workers()
  workers.add(worker)
  for (let nth = 0; nth < 6; nth++) t.equal((await workers.metrics()).silent, 1)
  t.equal(asked.length, 4)
  t.match(await workers.states(), { processes: [], silent: 1 })
  for (const { nth } of asked) workers.told(worker, { nth, metrics: metrics(1) })
  const reading = workers.metrics()
  workers.told(worker, { nth: Number(asked[4]?.nth), metrics: metrics(3) })
  t.equal(total((await reading).processes, 'gateway_requests_total'), 3)
})
