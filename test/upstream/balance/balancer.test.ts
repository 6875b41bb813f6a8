import t from 'tap'
import { balancerOf } from '../../../src/upstream/balance/balancer.js'
import { ConsistentHash } from '../../../src/upstream/balance/consistent-hash.js'
import { LeastRequests } from '../../../src/upstream/balance/least-requests.js'
import { WeightedRandom } from '../../../src/upstream/balance/random.js'
import { RoundRobin } from '../../../src/upstream/balance/round-robin.js'
import { picks, randomOf, targets } from './distribution.js'

t.test('what is configured', async t => {
  for (const [settings, kind] of [['round-robin', RoundRobin], ['least-requests', LeastRequests], ['random', WeightedRandom], [{ hash: 'ip' }, ConsistentHash]] as const) {
    t.type(balancerOf(settings), kind)
  }
})

t.test('the bound of a hash, and where chance comes from', async t => {
  const [a, b] = targets(1, 1)
  const both = [a, b].flatMap(one => one ?? [])
  for (const one of both) one.inFlight = one === balancerOf({ hash: 'ip' }).pick(both, 'k') ? 10 : 0
  t.not(balancerOf({ hash: 'ip', maxLoad: 1.5 }).pick(both, 'k'), balancerOf({ hash: 'ip' }).pick(both, 'k'))
  for (const settings of ['random', 'least-requests'] as const) {
    t.strictSame(picks(balancerOf(settings, randomOf(1)), targets(1, 1, 1), 100), picks(balancerOf(settings, randomOf(1)), targets(1, 1, 1), 100))
    t.equal(picks(balancerOf(settings), targets(1, 1, 1), 1_000).length, 3)
  }
})
