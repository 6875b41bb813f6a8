import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { keepFreedMemory } from '../../src/node/freed-memory.js'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

const BLOCK = 16 * 2 ** 20

/** Of memory that was not in use before. */
const faults = (): number => process.resourceUsage().minorPageFault

t.test('allocUnsafeSlow', async t => {
  collect()
  const { arrayBuffers } = process.memoryUsage()
  const before = faults()
  keepFreedMemory()
  t.ok(faults() - before < BLOCK / 4096 / 2, 'allocUnsafeSlow touches no byte of the block')
  t.ok(process.memoryUsage().arrayBuffers - arrayBuffers > BLOCK / 2, 'and takes it from no pool')
  // What is freed is freed by a thread of V8's, a moment after the collection.
  while (process.memoryUsage().arrayBuffers - arrayBuffers > BLOCK / 2) {
    collect()
    await new Promise(resolve => setImmediate(resolve))
  }
  t.pass('a collection frees it')
})
