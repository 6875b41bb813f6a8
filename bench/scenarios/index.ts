import { cluster, connections, routes, targets } from './growth.js'
import { equalLoad } from './latency.js'
import { downloads, idle, uploads } from './memory.js'
import type { Scenario } from './scenario.js'
import { largeGet, log, post, smallGet } from './throughput.js'

/** In the order in which they run and are printed. */
export const scenarios: readonly Scenario[] = [
  smallGet, largeGet, post, log, equalLoad, uploads, downloads, idle, routes, connections, targets, cluster
]
