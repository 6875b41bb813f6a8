import { randomBytes } from 'node:crypto'
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isFromTrusted } from './client.js'

/** Ids of requests that no other process has, before or after this one, beside it or elsewhere: `m3kq0x9f2a-1c`. */
export function requestIds (): () => string {
  const prefix = `${randomBytes(8).readBigUInt64BE().toString(36)}-`
  let count = 0
  return () => {
    count++
    return prefix + count.toString(36)
  }
}

export interface RequestIdOptions {
  /** The header that carries the ids. */
  readonly header: string
  /** Whose ids are taken over. */
  readonly trust: 'trusted' | 'always' | 'never'
}

/** What stands in logs, in JSON and in heads as it is, and is no longer than anybody needs. */
const SOUND = /^[\w.~:;/+=@-]{1,128}$/

/** In lower case, for each server whose clients are told the ids. */
const headers = new WeakMap<object, string>()

/** The header by which clients of a server are told the ids of their requests. */
export function idHeaderOf ({ server }: FastifyInstance): string | undefined {
  return headers.get(server)
}

/**
 * Makes what takes over the ids of those who are trusted, and returns each to its client, whatever becomes of the request.
 *
 * @param logOf makes the log of a request whose id was taken over; absent: logs of requests have no ids
 */
export function exchangeIds (fastify: FastifyInstance, { header, trust }: RequestIdOptions, logOf?: (request: FastifyRequest) => FastifyBaseLogger): (request: FastifyRequest, reply: FastifyReply) => void {
  const name = header.toLowerCase()
  headers.set(fastify.server, name)
  return (request, reply) => {
    const sent = request.raw.headers[name]
    if (trust !== 'never' && typeof sent === 'string' && SOUND.test(sent) && (trust === 'always' || isFromTrusted(request))) {
      request.id = sent
      if (logOf !== undefined) request.log = reply.log = logOf(request)
    }
    reply.header(name, request.id)
  }
}

/** Returns the id of a request that no hook has seen, as Fastify's router rejected it. */
export function returnId (request: FastifyRequest, reply: FastifyReply): void {
  const name = idHeaderOf(request.server)
  if (name !== undefined) reply.header(name, request.id)
}
