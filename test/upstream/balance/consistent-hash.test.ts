import t from 'tap'
import { ConsistentHash } from '../../../src/upstream/balance/consistent-hash.js'
import { hash, mix } from '../../../src/upstream/balance/hash.js'
import { chiSquared, picks, target } from './distribution.js'
import type { Target } from './distribution.js'

const KEYS = 20_000

function keyOf (nth: number): string {
  return `10.${nth >> 16}.${nth >> 8 & 255}.${nth & 255}`
}

/** Named as targets are: they differ by one digit. */
function fleet (...weights: number[]): Target[] {
  return weights.map((weight, index) => target(`http://10.0.0.${index + 1}:3002`, weight))
}

/** Whose each key is. */
function owners (all: readonly Target[], balancer = new ConsistentHash<Target>()): string[] {
  return Array.from({ length: KEYS }, (_, nth) => balancer.pick(all, keyOf(nth)).name)
}

/** From whom to whom keys moved, and how many. */
function moves (before: string[], after: string[]): Map<string, number> {
  const counted = new Map<string, number>()
  for (const [nth, name] of before.entries()) {
    if (after[nth] === name) continue
    const move = `${name} ${after[nth]}`
    counted.set(move, (counted.get(move) ?? 0) + 1)
  }
  return counted
}

function all (counted: Map<string, number>): number {
  return [...counted.values()].reduce((sum, count) => sum + count, 0)
}

t.test('keys are spread by weight', async t => {
  for (const [weights, most] of [[[1, 1, 1], 13.8], [[1, 2, 7], 13.8], [[0.1, 1, 1], 13.8], [[1, 1, 1, 1, 1], 18.5], [[3, 1, 4, 1, 5], 18.5]] as const) {
    t.ok(chiSquared(picks(new ConsistentHash(), fleet(...weights), KEYS, keyOf), weights) < most, `${weights}`)
  }
})

t.test('the same key goes to the same target, in whatever order they stand, and in another gateway', async t => {
  const some = fleet(1, 2, 3)
  t.strictSame(owners(some), owners([...some].reverse()))
  t.strictSame(owners(fleet(1, 2, 3).slice(1)), owners(some.slice(1)))
})

t.test('a target that goes moves its own keys alone, to all others; one that comes takes as many from all', async t => {
  const five = fleet(1, 1, 1, 1, 1)
  const goes = five[2]?.name
  const moved = moves(owners(five), owners(five.filter(({ name }) => name !== goes)))
  t.ok([...moved.keys()].every(move => move.startsWith(`${goes} `)))
  t.equal(all(moved), owners(five).filter(name => name === goes).length)
  t.ok(chiSquared([...moved.values()], [1, 1, 1, 1]) < 16.3)
  const back = moves(owners(five.filter(({ name }) => name !== goes)), owners(five))
  t.ok([...back.keys()].every(move => move.endsWith(` ${goes}`)))
  t.equal(all(back), all(moved))
})

t.test('a weight that changes moves the difference alone', async t => {
  const some = fleet(1, 1, 1)
  const [first] = some
  const before = owners(some)
  if (first !== undefined) first.weight = 2
  const after = owners(some)
  const moved = moves(before, after)
  t.ok([...moved.keys()].every(move => move.endsWith(` ${first?.name}`)))
  // From a third to a half.
  t.ok(Math.abs(all(moved) / KEYS - 1 / 6) < 0.01, `${all(moved)}`)
  if (first !== undefined) first.weight = 1
  t.strictSame(owners(some), before)
})

t.test('a bound: one with more than its share is passed over for the next of its keys', async t => {
  const balancer = new ConsistentHash<Target>(1.25)
  const some = fleet(1, 1, 2)
  for (const one of some) one.inFlight = 50 * one.weight
  t.strictSame(owners(some, balancer), owners(some), 'while all have the same, nobody is passed over')
  const full = some[0]
  if (full !== undefined) full.inFlight = 70
  const without = owners(some.slice(1))
  t.strictSame(owners(some, balancer), owners(some).map((name, nth) => name === full?.name ? without[nth] : name))
  t.strictSame(owners(some), owners(fleet(1, 1, 2)), 'without a bound it keeps them')
})

t.test('a bound is kept, also where every request has one key', async t => {
  const balancer = new ConsistentHash<Target>(1.25)
  const some = fleet(1, 1, 2)
  for (let nth = 1; nth <= 400; nth++) balancer.pick(some, 'one').inFlight++
  for (const { inFlight, weight } of some) t.ok(inFlight <= 1.25 * 100 * weight + 1, `${inFlight} of ${weight}`)
})

t.test('a list without targets is an error', async t => {
  t.throws(() => new ConsistentHash().pick([], ''), RangeError)
})

t.test('the hashes are those that are known by their names', async t => {
  // Of the reference code: FNV-1a with 32 bits, and fmix32 of MurmurHash3.
  t.equal(hash(''), 0x811c9dc5)
  t.equal(hash('a'), 0xe40c292c)
  t.equal(hash('foobar'), 0xbf9cf968)
  t.equal(mix(0), 0)
  t.equal(mix(1), 0x514e28b7)
  t.equal(mix(0xffffffff), 0x81f16f39)
})
