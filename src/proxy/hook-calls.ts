import type { AsyncResource } from 'node:async_hooks'
import type { UpstreamResponse } from '../upstream/pool.js'
import type { Upstream } from '../upstream/upstream.js'
import type { OutgoingRequest } from './attempt.js'
import type { GatewayError } from './errors.js'
import type { HeldBody, StreamedBody } from './held-body.js'
import type { ObservedExchange } from './observers.js'

/** What hooks need of their exchange. */
export interface HookedExchange {
  /** Milliseconds that a hook may take. */
  readonly timeout: number
  /** Whether nobody is there any more to respond to, or the response is that of somebody else. */
  isOver (): boolean
  send (outgoing: OutgoingRequest): void
  /** Holds the body of the response, which comes from now on. */
  hold (scope: AsyncResource): HeldBody
  /** The head of the response that the client would get. */
  responseHead (response: UpstreamResponse): string[]
  /** Whether a response is one that never has a body. */
  isBodiless (response: UpstreamResponse): boolean
  /** @param isOther whether the body is another one than the response's */
  pass (response: UpstreamResponse, head: string[], body: StreamedBody | undefined, isOther: boolean): void
  hookFailed (error: GatewayError): void
}

/** A connection that goes over to another protocol. */
export interface Switch {
  /** The head of the 101 that the client would get. */
  head (): string[]
  /** Goes over, with that head. */
  pass (head: string[]): void
  /** Nobody is there to go over. */
  drop (): void
}

/** Hooks as an exchange calls them. */
export interface HookCalls {
  /** That `getTarget` has chosen. */
  readonly upstream: Upstream | undefined
  /** Before the first attempt. */
  prepare (outgoing: OutgoingRequest, exchange: HookedExchange): void
  /** The head of the upstream's response has arrived. Nobody reads its body yet. */
  responded (response: UpstreamResponse, exchange: HookedExchange): void
  switched (response: UpstreamResponse, exchange: HookedExchange, to: Switch): void
  ended (exchange: ObservedExchange): void
}
