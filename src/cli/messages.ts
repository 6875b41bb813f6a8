import type { Metric, ProcessState } from '../admin/source.js'
import type { AdminSettings } from '../config/index.js'
import type { Explained, GivenRequest } from '../explain/given.js'
import type { Plan } from './configuration.js'

/** For the admin listener: what a worker is asked, and by which number its response is known. */
export type Question = { readonly nth: number } & ({ readonly ask: 'state' | 'metrics' } | { readonly ask: 'explain', readonly given: GivenRequest })

export type Told = { readonly nth: number } & ({ readonly state: ProcessState } | { readonly metrics: readonly Metric[] } | { readonly explained: Explained })

/** The admin listener that a configuration asks for. */
export interface AdminPlan {
  readonly settings: AdminSettings
  /** All of it, with its secrets hidden. */
  readonly configuration: unknown
}

/**
 * What a supervisor tells a worker: what to run, once, that files of the log are to be opened again, and that others have
 * taken over; and what it asks.
 */
export type ToWorker = { readonly run: Plan } | 'reopen' | 'give way' | Question

/**
 * What a worker tells its supervisor: that it can be told what to run (what is sent before is lost), that it serves, what
 * it was asked, and at its end what it has counted.
 */
export type ToSupervisor = 'waiting' | { readonly listening: AdminPlan | null } | Told | { readonly last: readonly Metric[] }
