import t from 'tap'
import { RoundRobin } from '../../../src/upstream/balance/round-robin.js'
import { picks, target, targets } from './distribution.js'
import type { Target } from './distribution.js'

function names (balancer: RoundRobin<Target>, candidates: readonly Target[], times: number): string {
  return Array.from({ length: times }, () => balancer.pick(candidates).name).join('')
}

t.test('in turn, and smoothly by weight', async t => {
  t.equal(names(new RoundRobin(), targets(1, 1, 1), 7), 'abcabca')
  t.equal(names(new RoundRobin(), targets(5, 1, 1), 14), 'aabacaaaabacaa')
  t.equal(names(new RoundRobin(), targets(3), 3), 'aaa')
  t.strictSame(picks(new RoundRobin(), targets(0.25, 1, 2.75), 4_000), [250, 1_000, 2_750])
})

t.test('a weight that grows counts from the next request on', async t => {
  const balancer = new RoundRobin<Target>()
  const all = targets(1, 1, 0.1)
  t.strictSame(picks(balancer, all, 210), [100, 100, 10])
  for (const one of all) one.weight = 1
  const counts = picks(balancer, all, 300)
  for (const count of counts) t.ok(Math.abs(count - 100) <= 1, `${counts}`)
})

t.test('who is left out for a request loses nothing and catches nothing up', async t => {
  const balancer = new RoundRobin<Target>()
  const [a, b, c] = [target('a'), target('b'), target('c')]
  t.equal(names(balancer, [a, b, c], 3), 'abc')
  t.equal(names(balancer, [b, c], 40), 'bc'.repeat(20))
  t.equal(names(balancer, [a, b, c], 6), 'abcabc')
  t.equal(names(balancer, [b], 1), 'b', 'the retry of a request whose first target was another')
  t.equal(names(balancer, [a, b, c], 6), 'abcabc')
})

t.test('a new one gets its share from the second request on, however many went before it', async t => {
  const balancer = new RoundRobin<Target>()
  const stays = target('stays')
  const also = target('also')
  for (let nth = 0; nth < 300; nth++) {
    // It joins, is chosen at once for its weight, and goes while it still owes for that.
    const goes = target('goes', 100)
    balancer.pick([stays, also, goes])
    balancer.pick([stays, also, goes])
    balancer.pick([stays, also])
  }
  const comes = target('comes')
  t.strictSame(picks(balancer, [stays, also, comes], 31).map(count => Math.round(count / 10)), [1, 1, 1])
})

t.test('a list without targets is an error', async t => {
  t.throws(() => new RoundRobin().pick([]), RangeError)
})
