import { executionAsyncResource } from 'node:async_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { keepTickShape, keptTick } from '../../src/node/tick-shape.js'

setFlagsFromString('--allow-natives-syntax')
setFlagsFromString('--expose-gc')
const isOfOneShape: (one: object, other: object) => boolean = runInNewContext('(one, other) => %HaveSameMap(one, other)')
const isFast: (tick: object) => boolean = runInNewContext('tick => %HasFastProperties(tick)')
const collect: () => void = runInNewContext('gc')

async function nextTick (): Promise<object> {
  return await new Promise(resolve => process.nextTick(() => resolve(executionAsyncResource())))
}

t.test('the objects of nextTick', async t => {
  keepTickShape()
  t.equal(keptTick(), undefined, 'not before the tick')
  const another = await nextTick()
  const kept = keptTick()
  if (kept === undefined) throw new Error('process.nextTick makes no object that executionAsyncResource tells of')
  t.type(Reflect.get(kept, 'callback'), 'function', 'executionAsyncResource is the object of the tick, with its callback')
  t.ok(isOfOneShape(kept, another), 'nextTick makes all its objects of one shape')
  collect()
  collect()
  const later = await nextTick()
  t.ok(isFast(later), 'and of a fast one')
  t.ok(isOfOneShape(kept, later), 'which outlives a collection as long as one of them is kept')
})
