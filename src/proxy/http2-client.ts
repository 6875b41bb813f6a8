import type { IncomingMessage, ServerResponse } from 'node:http'
import { constants, Http2ServerResponse } from 'node:http2'
import type { Http2ServerRequest, ServerHttp2Stream } from 'node:http2'
import { outsideReads } from '../node/http2-reads.js'
import { hasVanished } from '../node/server-connection.js'
import { groupFields } from '../upstream/http2-fields.js'
import { isHttp2 } from './client-protocol.js'
import type { ClientProtocol } from './client-protocol.js'
import { eachField, isSame } from './fields.js'
import { readStream, stopReading } from './stream-body.js'

/** Frames that may wait for the client to read; beyond them interim responses are left out, which would pile up. */
const MAX_QUEUED_FRAMES = 256

/** A client that speaks HTTP/2. Its connection carries other requests, so that only the stream is ever broken off. */
export const http2Client: ClientProtocol = {
  closing: [],

  /**
   * Without the pseudo fields, `:authority` as Host, and the crumbs of a cookie joined: an upstream that
   * speaks HTTP/1 reads one Cookie field (RFC 9113 sections 8.2.3 and 8.3.1).
   */
  fields (request) {
    const fields: string[] = []
    const { authority } = asRequest(request)
    if (authority) fields.push('Host', authority)
    let cookie: string | undefined
    eachField(request.rawHeaders, (name, value) => {
      if (name.startsWith(':') || (isSame(name, 'host') && value === authority)) return
      if (isSame(name, 'cookie')) cookie = cookie === undefined ? value : `${cookie}; ${value}`
      else fields.push(name, value)
    })
    if (cookie !== undefined) fields.push('cookie', cookie)
    return fields
  },

  connection (request) {
    const { stream } = asRequest(request)
    // A stream that has lost its session is closed with it.
    return stream.session ?? stream
  },

  hasBody: request => !asRequest(request).stream.endAfterHeaders,

  /** A stream that the client reset with NO_ERROR is closed and not destroyed while some of its body is unread. */
  isGone: request => asRequest(request).stream.closed || hasVanished(request.socket),

  sharedConnection: request => asRequest(request).stream.session,

  /** Node reads the end of such a stream by itself. */
  expectNoBody () {},

  deliverBody (request, receiver) {
    // Before the receiver's own listener.
    if (request.method === 'HEAD') request.on('end', abortIfReset)
    readStream(request, receiver)
  },

  resumeBody: request => request.resume(),

  stopBody: stopReading,

  release () {},

  inform (response, status, _reason, head) {
    const stream = streamOf(response)
    if (stream.headersSent || stream.closed || stream.destroyed || queuedFrames(stream) > MAX_QUEUED_FRAMES) return
    stream.additionalHeaders({ ...groupFields(head), ':status': status })
  },

  /**
   * There is no reason phrase (RFC 9113 section 8.3.2). What ends with its head says so in the head itself: a gRPC
   * client looks for the call's status there or in trailers.
   */
  writeHead (response, status, _reason, head, isWhole) {
    for (const name of response.getHeaderNames()) response.removeHeader(name)
    for (const [name, value] of Object.entries(groupFields(head))) response.setHeader(name, value)
    if (isWhole) {
      response.statusCode = status
      response.end()
    } else {
      response.writeHead(status)
    }
  },

  flushHead: response => response.flushHeaders(),

  /** HTTP/2 knows no Upgrade (RFC 9113 section 8.6). */
  addRequiredProtocol () {},

  takesTrailers: () => true,

  addTrailers (response, trailers) {
    asResponse(response).addTrailers(groupFields(trailers.flat()))
  },

  /** A stream that the client resets is finished, too, but was not ended. */
  isWritten (response) {
    const { writableFinished, rstCode } = streamOf(response)
    return response.writableEnded && writableFinished && rstCode === constants.NGHTTP2_NO_ERROR
  },

  flushed: (response, written) => written - streamOf(response).bufferSize,

  hasLeft: () => false,

  breakOff (response) {
    outsideReads(reset, streamOf(response))
  },

  /**
   * The client is told to stop, behind the end of the response (RFC 9113 section 8.1). Node sends that end a turn after
   * it was asked for trailers; a stream that was closed before would lack it. A client may be the first to reset it,
   * with NO_ERROR: Node then waits for the end of a response that can no longer leave, and would keep the stream.
   */
  abandonBody (request) {
    const { stream } = asRequest(request)
    const leave = (): void => { if (stream.closed) stream.destroy() }
    stream.once('end', leave)
    request.resume()
    const stop = (): void => {
      stream.off('end', leave)
      stream.close(constants.NGHTTP2_NO_ERROR)
    }
    if (stream.writableEnded) outsideReads(stop)
    else stream.once('wantTrailers', () => outsideReads(stop))
  }
}

/**
 * Node has ended the response to a HEAD before anybody sees the request, and so tells of no `aborted` when the client
 * resets the stream or is gone: the body of the request comes to an end, as if it were whole.
 */
function abortIfReset (this: IncomingMessage): void {
  if (asRequest(this).stream.closed) this.emit('aborted')
}

/** The stream is closed when its last frame has left, and to a client that reads nothing none leaves. */
function reset (stream: ServerHttp2Stream): void {
  stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  stream.destroy()
}

/** Fastify's types know HTTP/1 only; this is where they are left. */
function asResponse (raw: ServerResponse): Http2ServerResponse {
  const response: object = raw
  if (!(response instanceof Http2ServerResponse)) throw new TypeError('not a response over HTTP/2')
  return response
}

function streamOf (response: ServerResponse): ServerHttp2Stream {
  return asResponse(response).stream
}

function queuedFrames ({ session }: ServerHttp2Stream): number {
  return Number(session?.state.outboundQueueSize)
}

function asRequest (raw: IncomingMessage): Http2ServerRequest {
  const request: object = raw
  if (!isHttp2(request)) throw new TypeError('not a request over HTTP/2')
  return request
}
