import { installed } from '../machine.js'
import type { Cpus } from '../machine.js'
import { autocannonLoad } from './autocannon.js'
import type { Load } from './load.js'
import { wrkLoad } from './wrk.js'

export const LOADS = ['wrk', 'autocannon'] as const
export type LoadName = typeof LOADS[number]

/** wrk where it is installed: what it costs less, the service behind the contenders has more. */
export function chooseLoad (cpus: Cpus, wanted?: LoadName): Load {
  const name = wanted ?? (installed('wrk') ? 'wrk' : 'autocannon')
  return name === 'wrk' ? wrkLoad(cpus) : autocannonLoad(cpus)
}
