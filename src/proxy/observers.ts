import type { AttemptResult, Target } from '../upstream/target.js'
import type { GatewayError } from './errors.js'
import type { Reply, Request } from './request.js'

export type Outcome = 'completed' | 'rejected' | 'client aborted' | 'upstream error' | 'timeout'

/** What observers see of one try of an exchange at one target. */
export interface ObservedAttempt {
  readonly target: Target
  readonly method: string
  /** With the target's base path. */
  readonly path: string
  /** Name, value, name, value. Until `attempted` returns, fields may be added. */
  readonly head: string[]
  /** Of the response; 0 until it has come, and where its connection went over to another protocol. */
  readonly status: number
  readonly hasSwitched: boolean
  /** Whether what it came to had its target ejected. */
  readonly hasEjected: boolean
}

/** How an attempt ended. */
export interface AttemptEnd {
  readonly result: AttemptResult
  /** In words, for a failure. */
  readonly reason: string
  /** What went wrong, where that is not the response. */
  readonly error: Error | undefined
}

/** What observers see of an exchange. */
export interface ObservedExchange {
  readonly route: { readonly prefix: string }
  readonly request: Request
  readonly reply: Reply
  /** The client's address; empty where it was gone before it could be told. */
  readonly ip: string
  /** Of the latest attempt. */
  readonly target: Target | undefined
  /** The latest one. */
  readonly attempt: ObservedAttempt | undefined
  /** How many there were. */
  readonly attempts: number
  /** `undefined` until the exchange has ended. */
  readonly outcome: Outcome | undefined
  readonly error: GatewayError | undefined
  /** By `performance.now()`. */
  readonly startedAt: number
  /** When the upstream's head arrived; 0 when it did not. */
  readonly respondedAt: number
  /** Bytes of the response's body that were sent, or of the tunnel that came in its place. */
  readonly bytes: number
  /** Bytes of the request's body that came, or into the tunnel. */
  readonly received: number
}

/** Is told of every exchange. Each method is optional, and costs nothing where it is left out. */
export interface Observer {
  /** It begins. */
  began? (exchange: ObservedExchange): void
  /** An attempt begins: nothing of it was sent. */
  attempted? (exchange: ObservedExchange): void
  /** It has ended, whichever way; another one may follow. */
  attemptEnded? (exchange: ObservedExchange, attempt: ObservedAttempt, end: AttemptEnd): void
  /** What follows the response's head is no HTTP. */
  tunnelled? (exchange: ObservedExchange): void
  /** Nothing more can happen in it. Called once. */
  ended? (exchange: ObservedExchange): void
}

type Listener = (exchange: ObservedExchange) => void
type AttemptListener = NonNullable<Observer['attemptEnded']>

/** Made at start, from the observers in their order. */
export class Observers {
  readonly began: readonly Listener[]
  readonly attempted: readonly Listener[]
  readonly attemptEnded: readonly AttemptListener[]
  readonly tunnelled: readonly Listener[]
  readonly ended: readonly Listener[]

  constructor (observers: readonly Observer[]) {
    this.began = listeners(observers, 'began')
    this.attempted = listeners(observers, 'attempted')
    this.attemptEnded = observers.flatMap(observer => observer.attemptEnded?.bind(observer) ?? [])
    this.tunnelled = listeners(observers, 'tunnelled')
    this.ended = listeners(observers, 'ended')
  }
}

function listeners (observers: readonly Observer[], event: 'began' | 'attempted' | 'tunnelled' | 'ended'): Listener[] {
  return observers.flatMap(observer => {
    const listener = observer[event]
    return listener === undefined ? [] : [listener.bind(observer)]
  })
}
