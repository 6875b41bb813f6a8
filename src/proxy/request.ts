import type { IncomingMessage, ServerResponse } from 'node:http'
import type { GatewayError } from './errors.js'
import type { HookFields } from './heads.js'

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
  /** From here on the exchange alone writes the response. */
  hijack (): unknown
  /** Responds with an error, through whatever formats errors. */
  send (error: GatewayError): unknown
}
