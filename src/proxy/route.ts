import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Target } from '../upstream/target.js'
import type { GatewayError } from './errors.js'
import type { AnswerHeads, HookFields, RequestHeads } from './heads.js'
import type { RequestRules } from './validate.js'
import type { Rewrite } from './path.js'
import type { UploadLimits } from './request-body.js'
import type { Origins } from './upgrade.js'

/** A mounted prefix, prepared at start. */
export interface Route extends RequestRules, UploadLimits {
  readonly prefix: string
  readonly target: Target
  readonly rewrite: Rewrite
  /** Milliseconds of silence. */
  readonly timeout: number
  /** Milliseconds of silence in a tunnel. */
  readonly upgradeTimeout: number
  /** Of the pages that may open a tunnel; `undefined`: any, the service decides. */
  readonly origins: Origins | undefined
  readonly requestHeads: RequestHeads
  readonly answerHeads: AnswerHeads
  /** Called once per exchange, when nothing more can happen in it. */
  readonly onSettled: (exchange: Settled) => void
}

/** A request as the server has it; Fastify's is one. */
export interface Request {
  readonly id: string
  readonly raw: IncomingMessage
  readonly method: string
  readonly url: string
}

/** The server's side of it; Fastify's reply is one. */
export interface Reply {
  readonly raw: ServerResponse
  getHeaders (): HookFields
  header (name: string, value: string): unknown
  /** From here on the exchange alone writes the answer. */
  hijack (): unknown
  /** Answers with an error, through whatever formats errors. */
  send (error: GatewayError): unknown
}

export type Outcome = 'completed' | 'refused' | 'client aborted' | 'upstream error' | 'timeout'

/** What is known of an exchange in which nothing more can happen. */
export interface Settled {
  readonly route: Route
  readonly request: Request
  readonly reply: Reply
  readonly outcome: Outcome | undefined
  readonly error: GatewayError | undefined
  /** By `performance.now()`. */
  readonly startedAt: number
  /** When the service's head arrived; 0 when it did not. */
  readonly answeredAt: number
  /** Bytes of the answer's body that were sent, or of the tunnel that came in its place. */
  readonly bytes: number
}
