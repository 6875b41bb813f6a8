import type { IncomingMessage, ServerResponse } from 'node:http'
import { constants, Http2ServerResponse } from 'node:http2'
import type { Http2ServerRequest, ServerHttp2Stream } from 'node:http2'
import { groupFields } from '../upstream/http2-fields.js'
import { eachField, isSame } from './fields.js'
import { isHttp2 } from './client-protocol.js'
import type { Wire } from './client-protocol.js'

/** A client that speaks HTTP/2. Its connection carries other requests, so that only the stream is ever broken off. */
export const http2: Wire = {
  closing: [],

  /**
   * Without the pseudo fields, `:authority` as Host, and the crumbs of a cookie joined: a service that
   * speaks HTTP/1 reads one Cookie field (RFC 9113 sections 8.2.3 and 8.3.1).
   */
  fields (client) {
    const fields: string[] = []
    const { authority } = asRequest(client)
    if (authority) fields.push('Host', authority)
    let cookie: string | undefined
    eachField(client.rawHeaders, (name, value) => {
      if (name.startsWith(':') || (isSame(name, 'host') && value === authority)) return
      if (isSame(name, 'cookie')) cookie = cookie === undefined ? value : `${cookie}; ${value}`
      else fields.push(name, value)
    })
    if (cookie !== undefined) fields.push('cookie', cookie)
    return fields
  },

  hasBody: client => !asRequest(client).stream.endAfterHeaders,

  isGone: client => asRequest(client).stream.destroyed,

  inform (raw, status, _reason, head) {
    const stream = streamOf(raw)
    if (stream.headersSent || stream.closed || stream.destroyed) return
    stream.additionalHeaders({ ...groupFields(head), ':status': status })
  },

  /**
   * There is no reason phrase (RFC 9113 section 8.3.2). What ends with its head says so in the head itself: a gRPC
   * client looks for the call's status there or in trailers.
   */
  writeHead (raw, status, _reason, head, isWhole) {
    for (const name of raw.getHeaderNames()) raw.removeHeader(name)
    for (const [name, value] of Object.entries(groupFields(head))) raw.setHeader(name, value)
    if (isWhole) {
      raw.statusCode = status
      raw.end()
    } else {
      raw.writeHead(status)
    }
  },

  flushHead: raw => raw.flushHeaders(),

  takesTrailers: () => true,

  addTrailers (raw, trailers) {
    asResponse(raw).addTrailers(groupFields(trailers.flat()))
  },

  /** A stream that the client resets is finished, too, but was not ended. */
  isWritten (raw) {
    const { writableFinished, rstCode } = streamOf(raw)
    return raw.writableEnded && writableFinished && rstCode === constants.NGHTTP2_NO_ERROR
  },

  flushed: (raw, written) => written - streamOf(raw).bufferSize,

  breakOff (raw) {
    streamOf(raw).close(constants.NGHTTP2_INTERNAL_ERROR)
  },

  /**
   * The client is told to stop, behind the end of the answer (RFC 9113 section 8.1). Node sends that end a turn after
   * it was asked for trailers; a stream that was closed before would lack it.
   */
  abandonBody (client) {
    const { stream } = asRequest(client)
    client.resume()
    const stop = (): void => stream.close(constants.NGHTTP2_NO_ERROR)
    if (stream.writableEnded) stop()
    else stream.once('wantTrailers', () => setImmediate(stop))
  }
}

/** Fastify's types know HTTP/1 only; this is where they are left. */
function asResponse (raw: ServerResponse): Http2ServerResponse {
  const response: object = raw
  if (!(response instanceof Http2ServerResponse)) throw new TypeError('not a response over HTTP/2')
  return response
}

function streamOf (raw: ServerResponse): ServerHttp2Stream {
  return asResponse(raw).stream
}

function asRequest (client: IncomingMessage): Http2ServerRequest {
  const request: object = client
  if (!isHttp2(request)) throw new TypeError('not a request over HTTP/2')
  return request
}
