import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { logAnswered } from './access-log.js'
import { errorBody, GatewayError } from './proxy/errors.js'
import { lingerAfterAnswer } from './proxy/linger.js'

/** The service's last word on an error: Fastify's own (a path that cannot be decoded) and what nobody expected. */
export function answerAnyError (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const answer = error instanceof GatewayError ? error : gatewayError(error)
  if (answer.statusCode >= 500) request.log.error(error)
  reply.code(answer.statusCode).send(errorBody(answer.code, answer.message, request.id))
}

/** What Fastify's router refuses runs no hook, and so would leave no line in the log. */
export function answerUnrouted (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  answerAnyError(error, request, reply)
  logAnswered(request.log, request.id, request.raw, reply.statusCode, reply.elapsedTime)
}

function gatewayError (error: FastifyError): GatewayError {
  const isTheClients = error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500
  return new GatewayError(isTheClients ? 'BAD_REQUEST' : 'INTERNAL_ERROR', undefined, error)
}

/** Node's server notes on a connection which answer is being written. */
type Answering = Socket & { _httpMessage?: ServerResponse | null }

/** Bytes that Node's parser refuses: one answer in the gateway's words, and the connection is closed. */
export function answerMalformed (this: FastifyInstance, error: NodeJS.ErrnoException, socket: Answering): void {
  // In the midst of another answer these bytes would become part of it.
  if (error.code === 'ECONNRESET' || !socket.writable || socket._httpMessage?.headersSent) {
    socket.destroy()
    return
  }
  const answer = malformed(error.code)
  const id = randomUUID()
  const body = JSON.stringify(errorBody(answer.code, answer.message, id))
  this.log.info({ reqId: id, status: answer.statusCode, outcome: 'refused', err: error }, 'malformed request')
  lingerAfterAnswer(socket)
  socket.write(`HTTP/1.1 ${answer.statusCode} ${answer.code}\r\n` +
    'Content-Type: application/json; charset=utf-8\r\n' +
    `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`)
  socket.destroySoon()
}

function malformed (code: string | undefined): GatewayError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW': return new GatewayError('REQUEST_HEADER_FIELDS_TOO_LARGE')
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW': return new GatewayError('PAYLOAD_TOO_LARGE')
    case 'ERR_HTTP_REQUEST_TIMEOUT': return new GatewayError('REQUEST_TIMEOUT')
    default: return new GatewayError('BAD_REQUEST', 'The request is not valid HTTP')
  }
}
