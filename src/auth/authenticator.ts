import type { IncomingMessage } from 'node:http'
import type { ErrorCode } from '../proxy/errors.js'
import type { Identity } from '../proxy/identity.js'

/** A request as it is authenticated; Fastify's is one. */
export interface AuthRequest {
  readonly raw: IncomingMessage
  readonly method: string
  readonly url: string
}

/** A method of authentication, or several together. */
export interface Authenticator<Asked extends AuthRequest = AuthRequest> {
  /** Decides on a request: at once where nobody has to be asked. */
  authenticate (request: Asked): Decision | Promise<Decision>
  /** Gets ready, without waiting for anybody who may be away. */
  start? (): Promise<void>
  close? (): void
}

export type Decision = Accepted | Rejection

/** A field of a response; a list for several of one name. */
export type ResponseField = readonly [name: string, value: string | string[]]

/** Who sends a request. */
export interface Accepted extends Identity {
  /** What the client gets beside the response of the service. */
  readonly told?: readonly ResponseField[]
}

/** A response that another service has made. */
export interface PassedResponse {
  readonly status: number
  readonly headers: readonly ResponseField[]
}

interface Details {
  /** For `WWW-Authenticate`. */
  readonly challenges?: readonly string[]
  readonly passed?: PassedResponse
}

/** Why a request is not forwarded. Most are made at start, one for all requests. */
export class Rejection {
  readonly challenges: readonly string[]
  /** Goes to the client, as far as it is one of the statuses that do. */
  readonly passed: PassedResponse | undefined

  /**
   * @param reason for the log, without anything that the client sent
   * @param message for the client; absent: the one of the code
   */
  constructor (readonly code: ErrorCode, readonly reason: string, readonly message?: string, { challenges = [], passed }: Details = {}) {
    this.challenges = challenges
    this.passed = passed
  }
}

export const UNCHECKED = 'The credentials cannot be checked at the moment'
