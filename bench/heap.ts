import { writeFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

// Preloaded into a process of ours of which nothing else is measured: at SIGUSR2 it writes how much heap is in use.

setFlagsFromString('--expose-gc')
const collect: unknown = runInNewContext('gc')

process.on('SIGUSR2', () => {
  if (typeof collect === 'function') collect()
  writeFileSync(process.env.HEAP_FILE ?? '', `${process.memoryUsage().heapUsed}`)
})
