import type { State } from '../leaks.js'
import { slopeOf } from './slope.js'
import type { Slope } from './slope.js'

export interface Sample extends State {
  /** Since the load began. */
  readonly minute: number
  /** Bytes in memory. */
  readonly resident: number
}

export interface Series {
  readonly name: string
  readonly unit: string
  readonly values: readonly number[]
  readonly slope: Slope
  /** What the slope may be without the gateway holding on to anything, a minute. */
  readonly margin: number
}

const MIB = 1024 * 1024

const KINDS = [
  { name: 'heap after a collection', unit: 'MiB', margin: 0.1, of: ({ heap }: Sample) => heap / MIB },
  { name: 'resident size', unit: 'MiB', margin: 1, of: ({ resident }: Sample) => resident / MIB },
  { name: 'open files', unit: '', margin: 0.5, of: ({ files }: Sample) => files },
  { name: 'socket objects', unit: '', margin: 0.5, of: ({ sockets }: Sample) => sockets },
  { name: 'timer objects', unit: '', margin: 0.5, of: ({ timers }: Sample) => timers }
]

/** @param samples those of the begin, in which code is compiled and connections are made, left out */
export function seriesOf (samples: readonly Sample[]): Series[] {
  const minutes = samples.map(({ minute }) => minute)
  return KINDS.map(({ name, unit, margin, of }) => {
    const values = samples.map(of)
    return { name, unit, values, margin, slope: slopeOf(minutes, values) }
  })
}

/** Whether it grows: by more than noise makes of nothing, and by more than what matters. */
export function grows ({ slope: { perMinute, noise }, margin }: Series): boolean {
  return perMinute > noise && perMinute > margin
}
