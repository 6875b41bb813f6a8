import type { Plan } from './configuration.js'

/** What a supervisor tells a worker: what to run, once, that files of the log are to be opened again, and that others have taken over. */
export type ToWorker = { readonly run: Plan } | 'reopen' | 'give way'

/** What a worker tells its supervisor: that it can be told what to run (what is sent before is lost), and that it serves. */
export type ToSupervisor = 'waiting' | 'listening'
