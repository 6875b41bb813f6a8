import { isPreflight } from '../proxy/choice.js'
import type { AskedRequest } from './asked-request.js'
import type { Candidate, TriedOut } from './try-out.js'

// Why a request is not forwarded, in words.

/** A route takes it, and does not forward it. */
export function whyNot ({ body }: TriedOut, { method, fields }: AskedRequest, [index, { cors, redirect }]: Candidate): string {
  const message = messageIn(body)
  if (message !== undefined) return `routes[${index}] rejects it: ${message}`
  if (cors && isPreflight({ method, headers: Object.fromEntries(fields.map(([name, value]) => [name.toLowerCase(), value])) })) return `cors of routes[${index}] responds to a preflight`
  return `routes[${index}] has ${redirect === undefined ? 'respond' : 'redirect'} in place of a service`
}

/** No route of its prefix takes it. */
export function whyUnmatched ({ headers: { allow } }: TriedOut, prefix: string): string {
  return allow === undefined ? `no route for ${prefix} takes this host` : `the routes for ${prefix} take ${String(allow)} alone`
}

/** It belongs to no prefix. */
export function whyUnrouted ({ status, body }: TriedOut): string {
  if (status === 404) return 'no route has a prefix of this path'
  return messageIn(body) ?? 'here the gateway says itself how it is (server.health)'
}

export function whyElsewhere (): string {
  return 'no route of the gateway has a prefix of this path: it is for the app around it'
}

/** Of an error of the gateway's own. */
function messageIn (body: string): string | undefined {
  if (!body.startsWith('{"success":false,"error":')) return undefined
  const { error }: { error: { message: string } } = JSON.parse(body)
  return error.message
}
