import { constants, PerformanceObserver } from 'node:perf_hooks'
import t from 'tap'
import { collectBodies, countBody } from '../../src/node/body-memory.js'

// What V8 lets a process ask for at run time. Each message names the internal.

const MIB = 2 ** 20

t.test('--expose-gc at run time, and gc({ type: \'minor\' })', async t => {
  const collections: string[] = []
  const observer = new PerformanceObserver(list => {
    for (const entry of list.getEntries()) {
      const { flags }: { flags: number } = Reflect.get(entry, 'detail')
      // Not those that V8 sees fit to make.
      if ((flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) !== 0) collections.push(entry.name)
    }
  })
  observer.observe({ entryTypes: ['gc'] })
  t.teardown(() => observer.disconnect())
  countBody(100 * MIB)
  await turn()
  const before = collections.length
  collectBodies()
  countBody(7 * MIB)
  await turn()
  t.equal(collections.length, before, 'below the budget nothing is collected, nor where nobody asked for it')
  countBody(MIB)
  countBody(9 * MIB)
  await turn()
  while (collections.length === before) await turn()
  t.equal(collections.length, before + 1, 'gc collects at once, and once a turn')
})

/** Behind the collection that this one's `setImmediate` follows, and its observers. */
async function turn (): Promise<void> {
  await new Promise(resolve => setImmediate(() => setImmediate(resolve)))
}
