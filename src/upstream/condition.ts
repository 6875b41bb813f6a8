/** How a target is doing, in the words of the log and of `fastify.gateway.events`. */
export type TargetState = 'available' | 'unhealthy' | 'ejected' | 'draining'

/** How a target that stands among others is doing: what active checks say of it, and what its requests do. */
export class Condition {
  /** By the active checks, where there are any. */
  isHealthy = true
  /** It left the upstream, and gets no more requests. */
  isDraining = false
  /** `probation`: its time is over, and requests go there one at a time until one succeeds. */
  ejection: 'none' | 'ejected' | 'probation' = 'none'
  /** Failures in a row. */
  failures = 0
  /** Times in a row that it was ejected, with no time in between in which it did well. */
  ejections = 0
  /** How long the last ejection was, in milliseconds, */
  lastEjection = 0
  /** and when it, or what is left of it, was over, by `performance.now()`. */
  backSince = -Infinity
  /** On probation: whether a request is on its way that will tell. */
  isProbed = false
  /** Times that it was ejected, ever. */
  ejected = 0
  /** Why its state is what it is, as the log has it; empty for the one that it began with, */
  reason = ''
  /** and when it came to be, by `Date.now()`. */
  changedAt = Date.now()
  /** Ends the ejection. */
  timer: NodeJS.Timeout | undefined

  constructor (
    /** What it has when it has its whole share. */
    public weight: number,
    /** Whether it is asked only when no other target is available. */
    public isBackup: boolean
  ) {}

  get isAvailable (): boolean {
    return this.isHealthy && this.ejection === 'none' && !this.isDraining
  }

  get isOnProbation (): boolean {
    return this.ejection === 'probation' && this.isHealthy && !this.isDraining
  }

  get state (): TargetState {
    if (this.isDraining) return 'draining'
    if (!this.isHealthy) return 'unhealthy'
    return this.ejection === 'none' ? 'available' : 'ejected'
  }
}
