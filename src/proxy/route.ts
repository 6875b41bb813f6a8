import type { Upstream } from '../upstream/upstream.js'
import type { BodyBuffer } from './body-buffer.js'
import type { BodyRate } from './body-rate.js'
import type { Concurrency } from './concurrency.js'
import type { RequestHeads, ResponseHeads } from './heads.js'
import type { Observers } from './observers.js'
import type { OriginTest } from './origins.js'
import type { Rewrite } from './path.js'
import type { RequestBodyLimits } from './request-body.js'
import type { Mirror } from './mirror.js'
import type { RetryPolicy } from './retry.js'
import type { RequestRules } from './validate.js'

/** A mounted prefix, prepared at start. */
export interface Route extends RequestRules, RequestBodyLimits {
  readonly prefix: string
  readonly upstream: Upstream
  /** When a request is tried at another target; `undefined`: never. */
  readonly retry: RetryPolicy | undefined
  /** Where copies of its requests go. */
  readonly mirror: Mirror | undefined
  /** Whether the service gets the host that the client asked for, and not that of its target. */
  readonly preservesHost: boolean
  /** The host that the service gets instead of that of its target. */
  readonly hostField: string | undefined
  /** How fast a client must read its response. */
  readonly responseRate: BodyRate
  readonly concurrency: Concurrency
  /** Where bodies are collected before they are sent on. */
  readonly bodyBuffer: BodyBuffer | undefined
  readonly rewrite: Rewrite
  /** Milliseconds of silence. */
  readonly timeout: number
  /** Milliseconds of silence in a tunnel. */
  readonly upgradeTimeout: number
  /** Of the pages that may open a tunnel; `undefined`: any, the upstream decides. */
  readonly origins: OriginTest | undefined
  readonly requestHeads: RequestHeads
  readonly responseHeads: ResponseHeads
  readonly observers: Observers
}
