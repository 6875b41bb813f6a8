import type { FastifyReply, FastifyRequest } from 'fastify'
import { http1Client } from '../proxy/http1-client.js'
import { isHttp2 } from '../proxy/client-protocol.js'
import type { LocalResponse } from '../proxy/local-response.js'
import { closeAfter, rejectMalformed } from './malformed.js'

/**
 * Responds with what a route has in place of a target. The body of the request is not waited for, and nobody reads it.
 *
 * @returns whether the request was one to respond to
 */
export function replyLocally ({ raw }: FastifyRequest, reply: FastifyReply, { status, headers, body }: LocalResponse): boolean {
  const malformed = rejectMalformed(raw, reply)
  if (malformed !== undefined) {
    reply.send(malformed)
    return false
  }
  if (!isHttp2(raw) && http1Client.hasBody(raw)) closeAfter(raw, reply)
  reply.code(status).headers(headers).send(raw.method === 'HEAD' ? undefined : body)
  return true
}
