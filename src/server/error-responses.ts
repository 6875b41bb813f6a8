import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Http2ServerResponse } from 'node:http2'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { afterEarlierResponses, currentResponse, isLingering, lingerAfterResponse, unfinishedRequest } from '../node/server-connection.js'
import type { ServerConnection } from '../node/server-connection.js'
import { linesOf, logLocal } from '../observe/access-log.js'
import { addressIn } from './client.js'
import { withoutDetails } from '../observe/reason.js'
import { errorBody, GatewayError } from '../proxy/errors.js'
import { rejectBodyOf } from '../proxy/request-body.js'
import { muteResponse } from './counted-response.js'
import { closeAfter, rejectMalformed } from './malformed.js'
import { writeError } from './raw-response.js'
import { idHeaderOf, returnId } from './request-ids.js'

/** The service's last word on an error: Fastify's own (a path that cannot be decoded) and what nobody expected. */
export function respondToError (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const known = error instanceof GatewayError ? error : gatewayError(error)
  if (known.code === 'INTERNAL_ERROR') request.log.error(error)
  returnId(request, reply)
  reply.code(known.statusCode).send(errorBody(known.code, known.message, request.id))
}

/** What Fastify's router rejects runs no hook, and so would leave no line in the log. */
export function respondToUnrouted (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  closeAfter(request.raw, reply)
  respondToError(error, request, reply)
  logLocal(linesOf(request.server.log), { reqId: request.id, ...addressIn(request), method: request.raw.method, url: request.raw.url }, reply.statusCode, reply.elapsedTime, request.raw)
}

export function respondNotFound ({ raw }: FastifyRequest, reply: FastifyReply): void {
  reply.send(rejectMalformed(raw, reply) ?? new GatewayError('NOT_FOUND'))
}

function gatewayError (error: FastifyError): GatewayError {
  const isTheClients = error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500
  return new GatewayError(isTheClients ? 'BAD_REQUEST' : 'INTERNAL_ERROR', undefined, error)
}

const kRejected = Symbol('rejected')

type Rejected = ServerConnection & { [kRejected]?: true }

/** What Node's parser adds to its errors. */
type ParserError = Error & {
  readonly code?: string
  readonly reason?: string
  /** A buffer of the bytes that were being parsed; Fastify's types say otherwise. */
  readonly rawPacket?: unknown
  /** How many of them were well. */
  readonly bytesParsed?: number
}

/** Bytes that Node's parser rejects: one response in the gateway's words, and the connection is closed. */
export function respondToMalformed (this: FastifyInstance, error: ParserError, socket: Rejected): void {
  const { code = '' } = error
  if (code.startsWith('HPE_') || code.startsWith('ERR_HTTP_')) {
    const known = malformed(error)
    const half = unfinishedRequest(socket)
    // An exchange that forwards the body ends at once, or its upstream would wait for the rest until the timeout.
    if (half !== undefined && rejectBodyOf(half, known)) return
    respondInTurn(socket, () => reject(this, socket, known, { err: withoutDetails(error) }))
    return
  }
  // The connection broke, or under TLS never came to be.
  if (code !== 'ECONNRESET') this.log.info({ outcome: 'rejected', err: withoutDetails(error) }, 'no connection')
  socket.destroy()
}

/**
 * CONNECT asks for a tunnel to a place of the client's choice (RFC 9110 section 9.3.6), which no gateway gives. Where
 * nobody listens for it, Node breaks the connection off without a word.
 */
export function respondToConnect (this: FastifyInstance, { method, url }: IncomingMessage, to: Rejected | Http2ServerResponse): void {
  const respond = (): void => reject(this, to, new GatewayError('METHOD_NOT_ALLOWED'), { method, url })
  if (to instanceof Http2ServerResponse) respond()
  else respondInTurn(to, respond)
}

/** An upgrade that could not even become an ordinary request. */
export function respondToUpgrade (fastify: FastifyInstance, { method, url }: IncomingMessage, connection: ServerConnection, error: GatewayError): void {
  reject(fastify, connection, error, { method, url })
}

/** A method that HTTP/2 carries and Node does not know (RFC 9110 section 9.1). */
export function respondToUnknownMethod (this: FastifyInstance, { method, url }: IncomingMessage, response: Http2ServerResponse): void {
  reject(this, response, new GatewayError('NOT_IMPLEMENTED'), { method, url })
}

/** One more request than a connection may carry, behind the response that said so. Node goes on to write a bare 503. */
export function respondToDropped (this: FastifyInstance, request: IncomingMessage, socket: Rejected): void {
  muteResponse(request)
  const { method, url } = request
  respondInTurn(socket, () => reject(this, socket, new GatewayError('SERVICE_UNAVAILABLE', 'The connection carries no more requests'), { method, url }), ({ req }) => req === request)
}

/** What Node tells of a session of HTTP/2 that it ended: its client broke the protocol, of which no request is left. */
export function logSessionError (this: FastifyInstance, error: NodeJS.ErrnoException): void {
  if (error.code !== 'ECONNRESET') this.log.info({ outcome: 'rejected', err: withoutDetails(error) }, 'no HTTP/2')
}

/** The requests before the bad bytes were well, and have their responses first. */
function respondInTurn (socket: Rejected, respond: () => void, isTurn = isHalfRead): void {
  if (socket[kRejected] === true || isLingering(socket)) return
  socket[kRejected] = true
  // Node listens no more on a connection that asked to be a tunnel, and an error that nobody hears ends the process.
  socket.on('error', ignore)
  const half = unfinishedRequest(socket)
  afterEarlierResponses(socket, isTurn, () => {
    if (currentResponse(socket) !== undefined || half === undefined) {
      respond()
      return
    }
    // The request had its response before its body turned out to be bad.
    lingerAfterResponse(socket)
    socket.destroySoon()
  })
}

function isHalfRead ({ req }: ServerResponse): boolean {
  return !req.complete
}

function reject (fastify: FastifyInstance, to: ServerConnection | Http2ServerResponse, error: GatewayError, line: { method?: string | undefined, url?: string | undefined, err?: Error }): void {
  const isHttp2 = to instanceof Http2ServerResponse
  // In the midst of another response these bytes would become part of it.
  if (!isHttp2 && (!to.writable || currentResponse(to)?.headersSent === true)) {
    to.destroy()
    return
  }
  const reqId = randomUUID()
  const ip = (isHttp2 ? to.stream.session?.socket : to)?.remoteAddress
  logLocal(linesOf(fastify.log), { reqId, ...(ip !== undefined && { ip }), ...line }, error.statusCode)
  // Of a head that could not be read nobody knows the method, and the connection's end is the end of any response.
  writeError(to, error, reqId, line.method === 'HEAD' || (!isHttp2 && unfinishedRequest(to)?.method === 'HEAD'), idHeaderOf(fastify))
}

function ignore (): void {}

function malformed (error: ParserError): GatewayError {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW': return new GatewayError('REQUEST_HEADER_FIELDS_TOO_LARGE')
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW': return new GatewayError('PAYLOAD_TOO_LARGE')
    case 'ERR_HTTP_REQUEST_TIMEOUT': return new GatewayError('REQUEST_TIMEOUT')
    case 'HPE_INVALID_METHOD': return isOfHttp(error) ? new GatewayError('NOT_IMPLEMENTED') : notHttp()
    // The version may be right, and what follows it no end of the line.
    case 'HPE_INVALID_VERSION': return error.reason?.includes('CRLF') === true ? notHttp() : new GatewayError('HTTP_VERSION_NOT_SUPPORTED')
    default: return notHttp()
  }
}

function notHttp (): GatewayError {
  return new GatewayError('BAD_REQUEST', 'The request is not valid HTTP')
}

/** A request line, whose method is any token (RFC 9112 section 3). */
const REQUEST_LINE = /^[!#$%&'*+.^_`|~\w-]+ [!-~]+ HTTP\/1\.[01]\r\n/
/** Bytes of it that are looked at. */
const LONGEST_LINE = 8_192

/** Whether the line that the parser stopped in is one of HTTP, but for its method. */
function isOfHttp ({ rawPacket, bytesParsed = 0 }: ParserError): boolean {
  if (!(rawPacket instanceof Buffer)) return false
  const start = rawPacket.lastIndexOf('\n', bytesParsed - 1 - rawPacket.length) + 1
  return REQUEST_LINE.test(rawPacket.toString('latin1', start, start + LONGEST_LINE))
}
