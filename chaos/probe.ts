import { readdirSync } from 'node:fs'
import { Socket } from 'node:net'
import { queryObjects, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { State } from './leaks.js'

// Loaded into a gateway's process beside it: tells the process that started it, when that asks, what is held.

const { constructor: Timeout } = setTimeout(() => {}, 0).unref()

process.on('message', () => process.send?.(state()))
process.channel?.unref()
// Whoever started it has died without a word.
process.on('disconnect', () => process.exit(1))

function state (): State {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect === 'function') collect()
  const { heapUsed, external } = process.memoryUsage()
  return { files: openFiles(), sockets: count(Socket), timers: count(Timeout), heap: heapUsed + external }
}

/** Collects garbage first. */
function count (constructor: Function): number {
  return Number(queryObjects(constructor, { format: 'count' }))
}

/** Where the system does not tell: those of libuv that are connections. */
function openFiles (): number {
  if (process.platform === 'linux') return readdirSync('/proc/self/fd').length
  return process.getActiveResourcesInfo().filter(name => name.startsWith('TCP')).length
}
