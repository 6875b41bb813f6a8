import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { SlowStart } from '../../src/upstream/slow-start.js'
import { Target } from '../../src/upstream/target.js'

t.test('a target has its share step by step, and then the whole of it', async t => {
  const target = new Target({ protocol: 'http', host: '127.0.0.1', port: 1 })
  const shares: number[] = []
  const slowStart = new SlowStart(10)
  slowStart.begin(target, 20)
  while (target.weight < 20) {
    if (shares.at(-1) !== target.weight) shares.push(target.weight)
    await wait(1)
  }
  t.equal(shares[0], 2)
  t.strictSame(shares, [...shares].sort((a, b) => a - b), 'never less than before')
  await wait(5)
  t.equal(target.weight, 20, 'and no more')
})

t.test('it ends where it is, when the target is taken out again, and begins anew', t => {
  const target = new Target({ protocol: 'http', host: '127.0.0.1', port: 1 })
  const slowStart = new SlowStart(60_000)
  slowStart.begin(target, 5)
  slowStart.end(target)
  t.equal(target.weight, 0.5)
  slowStart.begin(target, 10)
  t.equal(target.weight, 1)
  slowStart.end(target)
  new SlowStart(0).begin(target, 10)
  t.equal(target.weight, 10, 'at once')
  t.end()
})
