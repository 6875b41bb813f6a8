import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RouteSettings } from '../config/index.js'
import { GatewayError } from '../proxy/errors.js'
import { closeAfterUpload, rejectMalformed } from './malformed.js'

/** What a route has in place of a target, prepared at start. */
export interface LocalResponse {
  readonly prefix: string
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | undefined
}

/** Why none of the routes of a prefix takes a request. */
export interface Rejection {
  readonly code: 'NOT_FOUND' | 'METHOD_NOT_ALLOWED'
  /** The methods that are taken. */
  readonly allow?: string
}

const kResponder = Symbol('responder')

/** Knows the route that responded to it itself. */
type LocalRequest = FastifyRequest & { [kResponder]?: { readonly route: string } }

/** @param prefix where the route is mounted */
export function localResponse (prefix: string, { respond, redirect }: RouteSettings): LocalResponse {
  if (redirect !== undefined) return { prefix, status: redirect.status, headers: { location: redirect.to }, body: undefined }
  const { status, headers, body } = { status: 200, headers: {}, body: undefined, ...respond }
  const given = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  if (body === undefined) return { prefix, status, headers: given, body }
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  return { prefix, status, headers: { 'content-type': typeOf(body), ...given, 'content-length': String(bytes.length) }, body: bytes }
}

function typeOf (body: unknown): string {
  if (typeof body !== 'string') return 'application/json; charset=utf-8'
  return /^\s*<(?:!doctype html|html)\b/i.test(body) ? 'text/html; charset=utf-8' : 'text/plain; charset=utf-8'
}

/** Responds to a request that no route forwards. */
export function respondUnforwarded (mount: { readonly local?: LocalResponse, readonly rejection?: Rejection } | undefined, request: FastifyRequest, reply: FastifyReply): void {
  if (mount?.local !== undefined) {
    respondLocally(mount.local, request, reply)
  } else if (mount?.rejection !== undefined) {
    const { code, allow } = mount.rejection
    if (allow !== undefined) reply.header('allow', allow)
    reply.send(new GatewayError(code))
  } else {
    reply.callNotFound()
  }
}

/** The body of the request is not waited for, and nobody reads it. Node leaves the one of the response out for a HEAD. */
function respondLocally ({ prefix, status, headers, body }: LocalResponse, request: LocalRequest, reply: FastifyReply): void {
  const { raw } = request
  const malformed = rejectMalformed(raw, reply)
  if (malformed !== undefined) {
    reply.send(malformed)
    return
  }
  closeAfterUpload(raw, reply)
  request[kResponder] = { route: prefix }
  reply.code(status).headers(headers).send(body)
}

/** The route that responded to a request itself, for its access line. */
export function responderOf (request: LocalRequest): { readonly route: string } | undefined {
  return request[kResponder]
}
