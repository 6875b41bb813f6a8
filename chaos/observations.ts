import type { Fault } from './faults.js'
import type { ClientKind, Plan } from './plan.js'

/** Said by a service of its own response, in fields of it. */
export interface Origin {
  readonly id: string
  readonly status: number
  readonly length: number
  readonly sum: string
}

/** What a client saw of its request's end. */
export interface Seen {
  readonly number: number
  readonly client: ClientKind
  readonly method: Plan['method']
  readonly path: string
  /**
   * `whole`: a response that the client has to take for one. `broken`: it could see that there was none, or not all of
   * it. `left`: it went away itself. `hung`: it lost patience.
   */
  readonly end: 'whole' | 'broken' | 'left' | 'hung'
  readonly status: number | undefined
  /** Undefined for a response that no service sent. */
  readonly origin: Origin | undefined
  /** The code of an error of the gateway's own, in the JSON body that it has. */
  readonly code: string | undefined
  readonly bytes: number
  readonly sum: string
  /** A byte came that is not the one of this request's response. */
  readonly isSpoilt: boolean
  /** The gateway must have got the head: it stood alone on a connection that was open, and the client waited for the end. */
  readonly isCertain: boolean
  /** For people. */
  readonly note: string
}

/** A request as it arrived at a service. */
export interface Arrival {
  readonly target: string
  readonly method: string
  readonly fault: Fault
  /** `whole`: as far as the service can tell. `open`: it still waits for more. */
  readonly upload: 'open' | 'whole' | 'broken'
  readonly bytes: number
  readonly sum: string
  /** What the client says of its body, in fields of the request. */
  readonly declared: { readonly length: number, readonly sum: string }
  /** For people. */
  readonly did: readonly string[]
}
