import type { FastifyReply, FastifyRequest } from 'fastify'
import { isHttp2 } from '../proxy/client-protocol.js'
import { GatewayError } from '../proxy/errors.js'
import { eachField } from '../proxy/fields.js'
import { MAX_RAW_FIELDS } from '../proxy/validate.js'

/** A line of HTTP/1 has so many beside name and value: colon, space, line end. */
const FIELD_OVERHEAD = 4

/** `:method`, `:path`, `:scheme` and `:authority`, names and values. */
const PSEUDO_FIELDS = 8

/**
 * Holds heads over HTTP/2 to the bounds that Node's parser has for HTTP/1. nghttp2 knows them only when the client has
 * said that it saw the settings, and a stream that it rejects tells its client nothing.
 */
export function boundHead (maxHeaderSize: number) {
  return function rejectLargeHead ({ raw }: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void {
    if (isHttp2(raw) && isTooLarge(raw.rawHeaders, maxHeaderSize)) done(new GatewayError('REQUEST_HEADER_FIELDS_TOO_LARGE'))
    else done()
  }
}

function isTooLarge (rawHeaders: string[], maxHeaderSize: number): boolean {
  if (rawHeaders.length >= MAX_RAW_FIELDS + PSEUDO_FIELDS) return true
  let size = 0
  eachField(rawHeaders, (name, value) => { size += name.length + value.length + FIELD_OVERHEAD })
  return size > maxHeaderSize
}
