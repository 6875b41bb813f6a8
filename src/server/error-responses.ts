import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Http2ServerResponse } from 'node:http2'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { logAnswered } from '../observe/access-log.js'
import { closeAfter, refusalOfMalformed } from './malformed.js'
import { errorBody, GatewayError } from '../proxy/errors.js'
import { ALLOWED_METHODS } from '../proxy/validate.js'
import { isLingering, lingerAfterAnswer } from '../proxy/linger.js'
import { inTurn } from '../proxy/turn.js'
import type { Answering } from '../proxy/turn.js'

/** The service's last word on an error: Fastify's own (a path that cannot be decoded) and what nobody expected. */
export function answerAnyError (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const answer = error instanceof GatewayError ? error : gatewayError(error)
  if (answer.code === 'INTERNAL_ERROR') request.log.error(error)
  reply.code(answer.statusCode).send(errorBody(answer.code, answer.message, request.id))
}

/** What Fastify's router refuses runs no hook, and so would leave no line in the log. */
export function answerUnrouted (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  closeAfter(request.raw, reply)
  answerAnyError(error, request, reply)
  logAnswered(request.log, request.id, request.raw, reply.statusCode, reply.elapsedTime)
}

export function answerNotFound ({ raw }: FastifyRequest, reply: FastifyReply): void {
  reply.send(refusalOfMalformed(raw, reply) ?? new GatewayError('NOT_FOUND'))
}

function gatewayError (error: FastifyError): GatewayError {
  const isTheClients = error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500
  return new GatewayError(isTheClients ? 'BAD_REQUEST' : 'INTERNAL_ERROR', undefined, error)
}

const kRefused = Symbol('refused')

/** Node's server notes on a connection which request is being read, too. */
type Refused = Answering & {
  [kRefused]?: true
  parser?: { incoming?: IncomingMessage | null } | null
}

/** Bytes that Node's parser refuses: one answer in the gateway's words, and the connection is closed. */
export function answerMalformed (this: FastifyInstance, error: NodeJS.ErrnoException, socket: Refused): void {
  const { code = '' } = error
  if (code.startsWith('HPE_') || code.startsWith('ERR_HTTP_')) {
    answerInTurn(socket, () => refuse(this, socket, malformed(code), { err: error }))
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
export function answerConnect (this: FastifyInstance, { method, url }: IncomingMessage, to: Refused | Http2ServerResponse): void {
  const answer = (): void => refuse(this, to, new GatewayError('METHOD_NOT_ALLOWED'), { method, url })
  if (to instanceof Http2ServerResponse) answer()
  else answerInTurn(to, answer)
}

/** The requests before the bad bytes were well, and have their answers first. */
function answerInTurn (socket: Refused, answer: () => void): void {
  if (socket[kRefused] === true || isLingering(socket)) return
  socket[kRefused] = true
  // Node listens no more on a connection that asked to be a tunnel, and an error that nobody hears ends the process.
  socket.on('error', ignore)
  const half = unfinished(socket)
  inTurn(socket, ({ req }) => !req.complete, () => {
    if (socket._httpMessage != null || half === undefined) {
      answer()
      return
    }
    // The request had its answer before its body turned out to be bad.
    lingerAfterAnswer(socket)
    socket.destroySoon()
  })
}

/** Node's server notes the request whose body it reads, and keeps a note of the one before it. */
function unfinished ({ parser }: Refused): IncomingMessage | undefined {
  const request = parser?.incoming
  return request?.complete === false ? request : undefined
}

function refuse ({ log }: FastifyInstance, to: Refused | Http2ServerResponse, { code, message, statusCode }: GatewayError, line: object): void {
  const isHttp2 = to instanceof Http2ServerResponse
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
  // Of a head that could not be read nobody knows the method, and the connection's end is the end of any answer.
  const isHead = unfinished(to)?.method === 'HEAD'
  lingerAfterAnswer(to)
  to.write(`HTTP/1.1 ${statusCode} ${code}\r\n${Object.entries(head).map(field => `${field.join(': ')}\r\n`).join('')}` +
    `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${isHead ? '' : body}`)
  to.destroySoon()
}

function ignore (): void {}

function malformed (code: string): GatewayError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW': return new GatewayError('REQUEST_HEADER_FIELDS_TOO_LARGE')
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW': return new GatewayError('PAYLOAD_TOO_LARGE')
    case 'HPE_INVALID_VERSION': return new GatewayError('HTTP_VERSION_NOT_SUPPORTED')
    case 'ERR_HTTP_REQUEST_TIMEOUT': return new GatewayError('REQUEST_TIMEOUT')
    default: return new GatewayError('BAD_REQUEST', 'The request is not valid HTTP')
  }
}
