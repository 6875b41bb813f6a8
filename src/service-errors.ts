import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { logAnswered } from './access-log.js'
import { errorBody, GatewayError } from './proxy/errors.js'
import { ALLOWED_METHODS } from './proxy/judge.js'
import { isLingering, lingerAfterAnswer } from './proxy/linger.js'

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
  const { code = '' } = error
  if (code.startsWith('HPE_') || code.startsWith('ERR_HTTP_')) {
    refuse(this, socket, malformed(code), { err: error })
    return
  }
  // The connection broke, or under TLS never came to be.
  if (code !== 'ECONNRESET') this.log.info({ outcome: 'refused', err: error }, 'no connection')
  socket.destroy()
}

/**
 * CONNECT asks for a tunnel to a place of the client's choice (RFC 9110 section 9.3.6), which no gateway gives. Where
 * nobody listens for it, Node breaks the connection off without a word.
 */
export function answerConnect (this: FastifyInstance, { method, url }: IncomingMessage, to: Answering | Http2ServerResponse): void {
  refuse(this, to, new GatewayError('METHOD_NOT_ALLOWED'), { method, url })
}

function refuse ({ log }: FastifyInstance, to: Answering | Http2ServerResponse, { code, message, statusCode }: GatewayError, line: object): void {
  const isHttp2 = to instanceof Http2ServerResponse
  // The request has its refusal already: that answer closes the connection.
  if (!isHttp2 && isLingering(to)) return
  // In the midst of another answer these bytes would become part of it.
  if (!isHttp2 && (!to.writable || to._httpMessage?.headersSent)) {
    to.destroy()
    return
  }
  const id = randomUUID()
  const body = JSON.stringify(errorBody(code, message, id))
  log.info({ reqId: id, ...line, status: statusCode, outcome: 'refused' }, 'refused')
  const head = { 'Content-Type': 'application/json; charset=utf-8', ...(statusCode === 405 && { Allow: ALLOWED_METHODS }) }
  if (isHttp2) {
    to.writeHead(statusCode, head).end(body)
    return
  }
  lingerAfterAnswer(to)
  to.write(`HTTP/1.1 ${statusCode} ${code}\r\n${Object.entries(head).map(field => `${field.join(': ')}\r\n`).join('')}` +
    `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`)
  to.destroySoon()
}

function malformed (code: string): GatewayError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW': return new GatewayError('REQUEST_HEADER_FIELDS_TOO_LARGE')
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW': return new GatewayError('PAYLOAD_TOO_LARGE')
    case 'HPE_INVALID_VERSION': return new GatewayError('HTTP_VERSION_NOT_SUPPORTED')
    case 'ERR_HTTP_REQUEST_TIMEOUT': return new GatewayError('REQUEST_TIMEOUT')
    default: return new GatewayError('BAD_REQUEST', 'The request is not valid HTTP')
  }
}
