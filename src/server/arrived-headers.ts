import type { IncomingMessage } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { copyHeaders, FIXED_IN_HOST } from '../proxy/field-changes.js'
import type { HeaderChanges, Headers } from '../proxy/field-changes.js'

const kArrived = Symbol('arrived')

type Noted = IncomingMessage & { [kArrived]?: Headers }

/** Notes the headers of a request that hooks of a host may change. Called before the first of them. */
export function noteHeaders (request: Noted): void {
  request[kArrived] = copyHeaders(request.headers)
}

/** A header that was taken away without a hook of the host having a part in it. */
export function forgetHeader (request: Noted, name: string): void {
  if (request[kArrived] !== undefined) delete request[kArrived][name]
}

/**
 * What became of a request's headers since they were noted; `undefined` where nobody could change them. What they may
 * not change, how the request is framed and who its client is, is again what the client sent.
 */
export function headerChanges (request: FastifyRequest): HeaderChanges | undefined {
  const { headers, [kArrived]: before }: Noted = request.raw
  if (before === undefined) return undefined
  for (const name of new Set([...Object.keys(before), ...Object.keys(headers)])) {
    if (headers[name] !== before[name] && FIXED_IN_HOST.has(name)) Object.assign(headers, { [name]: before[name] })
  }
  return { before, after: request.headers }
}
