import t from 'tap'
import { draw } from '../../../src/upstream/balance/draw.js'
import { WeightedRandom } from '../../../src/upstream/balance/random.js'
import { chiSquared, picks, randomOf, targets } from './distribution.js'

t.test('by weight', async t => {
  for (const [seed, weights] of [[1, [1, 1, 1]], [2, [1, 2, 7]], [3, [0.5, 0.25, 3.25]], [4, [100, 1, 10]]] as const) {
    t.ok(chiSquared(picks(new WeightedRandom(randomOf(seed)), targets(...weights), 30_000), weights) < 13.8, `${weights}`)
  }
})

t.test('the ends of what is drawn from', async t => {
  const all = targets(0.1, 0.2, 0.3)
  t.equal(new WeightedRandom(() => 0).pick(all), all[0])
  t.equal(new WeightedRandom(() => 1 - 2 ** -53).pick(all), all[2])
  // As rounding may have it.
  t.equal(new WeightedRandom(() => 1).pick(all), all[2])
})

t.test('one may be left out, and none is an error', async t => {
  const [a, b] = targets(1, 1)
  t.equal(draw([a, b].flatMap(one => one ?? []), () => 0, a), b)
  t.throws(() => draw([], () => 0), RangeError)
})
