import { STATUS_CODES } from 'node:http'
import { Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'
import { lingerAfterResponse } from '../node/server-connection.js'
import { errorBody } from '../proxy/errors.js'
import type { GatewayError } from '../proxy/errors.js'
import { ALLOWED_METHODS } from '../proxy/validate.js'

/** Who gets a response past Fastify: a connection that no parser reads any more, or a stream of HTTP/2. */
export type RawClient = Socket | Http2ServerResponse

/**
 * Writes an error of the gateway's own where Fastify cannot: to bytes that are no HTTP, CONNECT, upgrades. It is the
 * connection's last response.
 *
 * @param isHead whether the request was a HEAD, whose response has no body
 * @param idHeader by which clients are told the ids of their requests
 */
export function writeError (to: RawClient, { code, message, statusCode }: GatewayError, requestId: string, isHead = false, idHeader?: string): void {
  const body = JSON.stringify(errorBody(code, message, requestId))
  const head = {
    'Content-Type': 'application/json; charset=utf-8',
    ...(statusCode === 405 && { Allow: ALLOWED_METHODS }),
    ...(idHeader !== undefined && { [idHeader]: requestId })
  }
  if (to instanceof Http2ServerResponse) {
    to.writeHead(statusCode, head).end(body)
    return
  }
  const fields = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`).join('')
  lingerAfterResponse(to)
  to.write(`HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode]}\r\n${fields}` +
    `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${isHead ? '' : body}`)
  to.destroySoon()
}
