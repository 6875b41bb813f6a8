import type { Scenario } from './scenario.js'
import { largeGet, post, smallGet } from './throughput.js'
import { uploads } from './uploads.js'

/** In the order in which they run and are printed. */
export const scenarios: readonly Scenario[] = [smallGet, largeGet, post, uploads]
