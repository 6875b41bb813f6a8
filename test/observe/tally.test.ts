import t from 'tap'
import type { ObservedExchange, Outcome } from '../../src/proxy/observers.js'
import { GatewayError, rejectedBy } from '../../src/proxy/errors.js'
import { quantile } from '../../src/admin/pace.js'
import { RecentFailures } from '../../src/observe/recent-failures.js'
import { BUCKETS, Tally } from '../../src/observe/tally.js'
import type { RouteTally } from '../../src/observe/tally.js'

function tallyOf (): { tally: Tally, route: RouteTally } {
  const tally = new Tally(new RecentFailures())
  return { tally, route: tally.of('/api', 'app') }
}

/** As much of an exchange as is looked at. */
function ended (route: RouteTally, { method = 'GET', status = 200, outcome = 'completed' as Outcome, error, url = '/x', headersSent = true }: { method?: string, status?: number, outcome?: Outcome, error?: GatewayError, url?: string, headersSent?: boolean } = {}): void {
  const exchange: object = {
    request: { id: 'r1', method, url }, reply: { raw: { headersSent, statusCode: status } }, outcome, error, startedAt: performance.now(), respondedAt: 0, attempts: 1, received: 0, bytes: 0, target: undefined
  }
  route.ended(exchange as ObservedExchange)
}

t.test('labels are bounded, whatever a client makes up and a service responds', async t => {
  const { route } = tallyOf()
  for (const method of ['GET', 'BREW', 'PROPFIND', 'get']) ended(route, { method })
  for (const status of [100, 999]) ended(route, { status })
  ended(route, { headersSent: false, outcome: 'client aborted' })
  t.strictSame(route.cells.map(({ method, status, outcomes }) => `${method} ${status} ${outcomes.join()}`), [
    'GET 1xx 1,0,0,0,0', 'GET 2xx 1,0,0,0,0', 'GET 4xx 0,0,1,0,0', 'GET 5xx 1,0,0,0,0', 'OTHER 2xx 3,0,0,0,0'
  ])
})

t.test('one prefix that goes to one upstream is one, however many routes it has', async t => {
  const { tally, route } = tallyOf()
  t.equal(tally.of('/api', 'app'), route)
  t.not(tally.of('/api', 'other'), route)
  t.equal(tally.routes.length, 3)
  t.match(tally.routes.at(-1), { prefix: 'none', upstream: 'none' })
})

t.test('a hundred failures are kept, the latest first, without what may be secret', async t => {
  const { tally, route } = tallyOf()
  for (let nth = 0; nth < 150; nth++) ended(route, { status: 502, url: `/x${nth}?token=confidential` })
  t.equal(route.failures, 150)
  t.equal(tally.recent.list.length, 100)
  t.match(tally.recent.list[0], { id: 'r1', path: '/x149', status: 502, reason: 'status 502', cause: undefined, target: undefined })
  ended(route, { outcome: 'upstream error', url: 'http://user:confidential@x/y?z', error: new GatewayError('BAD_GATEWAY', 'broken', Object.assign(new Error('lost'), { code: 'ECONNRESET' })) })
  t.match(tally.recent.list[0], { path: '/y', reason: 'broken: lost', cause: 'ECONNRESET' })
  ended(route, { outcome: 'timeout', url: `/${'a'.repeat(500)}`, error: new GatewayError('GATEWAY_TIMEOUT', 'late', new Error('no code')) })
  t.match(tally.recent.list[0], { path: /^\/a{199}…$/, cause: 'no code' })
  t.notMatch(JSON.stringify(tally.recent.list), 'confidential')
})

t.test('what is no failure of the gateway or a service is none', async t => {
  const { tally, route } = tallyOf()
  ended(route, { status: 404 })
  ended(route, { status: 429, outcome: 'rejected', error: rejectedBy('concurrency', new GatewayError('TOO_MANY_REQUESTS')) })
  ended(route, { outcome: 'client aborted', headersSent: false })
  route.endedLocally({ method: 'GET', status: 500, duration: 1, outcome: 'rejected', rejecter: undefined })
  t.equal(route.requests, 4)
  t.equal(route.failures, 1)
  t.equal(tally.recent.list.length, 0)
  t.equal(route.rejected.reduce((sum, value) => sum + value), 1)
})

t.test('percentiles, as far as buckets tell', async t => {
  const counts = (...given: Array<[bucket: number, count: number]>): number[] => {
    const all = new Array(BUCKETS.length + 2).fill(0)
    for (const [bucket, count] of given) all[bucket] = count
    return all
  }
  t.equal(quantile(counts(), 0.5), null)
  t.equal(quantile(counts([0, 10]), 0.5), 0.5)
  t.equal(quantile(counts([3, 10]), 0.5), 7.5)
  t.equal(quantile(counts([3, 98], [8, 2]), 0.99), 750 - 250 - 125 + 0)
  t.equal(quantile(counts([BUCKETS.length, 1]), 0.5), 60_000, 'above all of them')
})
