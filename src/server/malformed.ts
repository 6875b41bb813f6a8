import type { IncomingMessage } from 'node:http'
import type { FastifyReply } from 'fastify'
import type { GatewayError } from '../proxy/errors.js'
import { judgeRequest } from '../proxy/validate.js'
import { lingerAfterAnswer } from '../proxy/linger.js'
import { isHttp2 } from '../proxy/client-protocol.js'

const NO_RULES = { via: undefined, maxBodySize: Infinity }

/**
 * That there is no route, or a limit is reached, is no reason to take a malformed request for a well-formed one, and
 * what is behind it for the next.
 *
 * @returns the refusal, behind which the connection is closed
 */
export function refusalOfMalformed (raw: IncomingMessage, reply: FastifyReply): GatewayError | undefined {
  const wrong = isHttp2(raw) ? undefined : judgeRequest(raw, raw.rawHeaders, NO_RULES)
  if (wrong !== undefined) closeAfter(raw, reply)
  return wrong
}

/** The answer that is still to be sent is the connection's last. */
export function closeAfter (raw: IncomingMessage, reply: FastifyReply): void {
  if (isHttp2(raw)) return
  reply.header('connection', 'close')
  lingerAfterAnswer(raw.socket)
}
