import t from 'tap'
import { LeastRequests } from '../../../src/upstream/balance/least-requests.js'
import { chiSquared, picks, randomOf, shares, target, targets } from './distribution.js'

t.test('of two the one with fewer in flight, of more never the one with the most', async t => {
  const balancer = new LeastRequests(randomOf(1))
  const [a, b, c] = [target('a'), target('b'), target('c')]
  a.inFlight = 2
  b.inFlight = 1
  t.strictSame(picks(balancer, [a, b], 1_000), [0, 1_000])
  t.strictSame(picks(balancer, [b, a], 1_000), [1_000, 0])
  c.inFlight = 1
  t.ok(chiSquared(picks(balancer, [a, b, c], 10_000).slice(1), [1, 1]) < 10.8)
  t.equal(picks(balancer, [a, b, c], 1_000)[0], 0)
})

t.test('while nothing is in flight, by weight', async t => {
  for (const [seed, weights] of [[2, [1, 1, 1]], [3, [1, 2, 7]], [4, [8, 0.5, 0.5]]] as const) {
    t.ok(chiSquared(picks(new LeastRequests(randomOf(seed)), targets(...weights), 30_000), weights) < 13.8, `${weights}`)
  }
})

t.test('where all requests take equally long, the shares are those of the weights', async t => {
  for (const weights of [[1, 1], [1, 3], [1, 1, 1], [1, 2, 5], [10, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1, 1, 10]]) {
    const all = weights.reduce((sum, weight) => sum + weight)
    for (const clients of [1, 4 * all, 20 * all]) {
      const found = shares(new LeastRequests(randomOf(5)), targets(...weights), clients, 60_000)
      for (const [index, share] of found.entries()) {
        const expected = (weights[index] ?? NaN) / all
        t.ok(Math.abs(share - expected) < 0.15 * expected, `${weights} with ${clients} clients: ${found}`)
      }
    }
  }
})

t.test('the lighter one of two gets some, and no more than its share, also while there are few requests', async t => {
  for (const clients of [2, 3, 5, 8]) {
    const [light = NaN] = shares(new LeastRequests(randomOf(6)), targets(1, 9), clients, 60_000)
    t.ok(light > 0.05 && light < 0.12, `${clients} clients: ${light}`)
  }
})

t.test('one that holds on to its requests gets no more', async t => {
  const [slow, fast] = [target('slow', 3), target('fast')]
  slow.inFlight = 6
  fast.inFlight = 1
  t.strictSame(picks(new LeastRequests(randomOf(7)), [slow, fast], 1_000), [0, 1_000])
})

t.test('an only target, and none', async t => {
  const balancer = new LeastRequests(randomOf(8))
  const only = target('a')
  t.equal(balancer.pick([only]), only)
  t.throws(() => balancer.pick([]), RangeError)
})
