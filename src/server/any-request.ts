import { METHODS } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { forgetHeader } from './arrived-headers.js'

// What a route of the gateway's takes, which is everything: its methods and the types of its bodies.

/** Methods under which Fastify never looks at Content-Type. */
export const WITHOUT_PARSER = ['GET', 'HEAD']

/** All others that are forwarded. */
export const OTHER_METHODS = METHODS.filter(method => method !== 'CONNECT' && !WITHOUT_PARSER.includes(method))

/** Node parses more methods than Fastify knows. `hasBody: false` only means that Fastify leaves the body alone. */
export function acceptEveryMethod (fastify: FastifyInstance): void {
  for (const method of METHODS) {
    if (method !== 'CONNECT' && !fastify.supportedMethods.includes(method)) fastify.addHttpMethod(method, { hasBody: false })
  }
}

/** The parser for every content type: the body stays in `request.raw`. */
export function leaveBodyAlone (_request: FastifyRequest, _payload: unknown, done: (error: null) => void): void {
  done(null)
}

/**
 * Fastify responds with 415 to a Content-Type that is not well formed before any parser is asked. What the type is worth
 * is for the upstream to say, which gets the field from `rawHeaders`. Only a QUERY without a type is still rejected,
 * as RFC 10008 section 2 demands of every server.
 */
export function tolerateContentType (request: FastifyRequest, _reply: FastifyReply, _payload: unknown, done: () => void): void {
  const { headers } = request.raw
  if (headers['content-type'] !== undefined && request.mediaType === undefined) {
    delete headers['content-type']
    forgetHeader(request.raw, 'content-type')
  }
  done()
}
