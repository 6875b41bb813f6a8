import { cluster } from './cluster.js'
import { connections } from './connections.js'
import { equalLoad } from './equal-load.js'
import { idle } from './idle.js'
import { routes } from './routes.js'
import type { Scenario } from './scenario.js'
import { largeGet, post, smallGet } from './throughput.js'
import { downloads, uploads } from './transfers.js'

/** In the order in which they run and are printed. */
export const scenarios: readonly Scenario[] = [
  smallGet, largeGet, post, equalLoad, uploads, downloads, idle, routes, connections, cluster
]
