import type { IncomingMessage } from 'node:http'
import type { FastifyReply } from 'fastify'
import { lingerAfterResponse } from '../node/server-connection.js'
import { isHttp2 } from '../proxy/client-protocol.js'
import { GatewayError } from '../proxy/errors.js'
import { http1Client } from '../proxy/http1-client.js'
import { isRequestTarget } from '../proxy/path.js'
import { validateRequest } from '../proxy/validate.js'

const NO_RULES = { via: undefined, maxBodySize: Infinity }

/**
 * That there is no route, or a limit is reached, is no reason to take a malformed request for a well-formed one, and
 * what is behind it for the next.
 *
 * @returns the error to respond with, behind which the connection is closed
 */
export function rejectMalformed (request: IncomingMessage, reply: FastifyReply): GatewayError | undefined {
  const wrong = isHttp2(request) ? undefined : validateTarget(request) ?? validateRequest(request, request.rawHeaders, NO_RULES)
  if (wrong !== undefined) closeAfter(request, reply)
  return wrong
}

function validateTarget ({ url = '' }: IncomingMessage): GatewayError | undefined {
  return isRequestTarget(url) ? undefined : new GatewayError('BAD_REQUEST', 'The path cannot be forwarded')
}

/** The response that is still to be sent is the connection's last. */
export function closeAfter (request: IncomingMessage, reply: FastifyReply): void {
  if (isHttp2(request)) return
  reply.header('connection', 'close')
  lingerAfterResponse(request.socket)
}

/** Nobody waits for the body of a request that is rejected, and what is behind it is not looked for. */
export function closeAfterUpload (request: IncomingMessage, reply: FastifyReply): void {
  if (http1Client.hasBody(request)) closeAfter(request, reply)
}
