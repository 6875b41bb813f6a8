import type { Arrival, Origin, Seen } from './observations.js'

/** What must never happen to a request. */
export const REQUEST_FAULTS = ['wrong', 'doubled', 'truncated-as-whole', 'hung', 'unlogged'] as const

export type RequestFault = typeof REQUEST_FAULTS[number]

/** `failed`: a whole response that tells of an error of the gateway's own. */
export type Outcome = 'fine' | 'failed' | 'broken' | 'left' | 'hung'

export interface Complaint {
  readonly fault: RequestFault
  readonly why: string
}

export interface Verdict {
  readonly outcome: Outcome
  readonly complaints: Complaint[]
}

/**
 * @param arrivals at all services
 * @param lines how many access lines the gateway wrote for it
 */
export function verdictOn (seen: Seen, arrivals: readonly Arrival[], lines: number): Verdict {
  const complaints = [...ofResponse(seen), ...arrivals.flatMap(arrival => ofUpload(seen, arrival)), ...ofCount(seen, arrivals), ...ofLines(seen, arrivals, lines)]
  return { outcome: outcomeOf(seen), complaints }
}

function outcomeOf ({ end, origin }: Seen): Outcome {
  if (end !== 'whole') return end
  return origin === undefined ? 'failed' : 'fine'
}

function ofResponse (seen: Seen): Complaint[] {
  const { end, status, origin, code } = seen
  if (end === 'hung') return [{ fault: 'hung', why: `no end: ${seen.note}` }]
  if (origin !== undefined) return ofOrigin(seen, origin)
  if (end !== 'whole') return []
  const isHonest = status !== undefined && status >= 400 && code !== undefined
  return isHonest ? [] : [{ fault: 'wrong', why: `a response that no service sent (${status}) and that is no error of the gateway's` }]
}

function ofOrigin ({ number, end, status, bytes, sum, isSpoilt }: Seen, origin: Origin): Complaint[] {
  if (origin.id !== String(number)) return [{ fault: 'wrong', why: `the response to ${origin.id}` }]
  if (origin.status !== status) return [{ fault: 'wrong', why: `the service's status ${origin.status} became ${status}` }]
  if (isSpoilt || bytes > origin.length) return [{ fault: 'wrong', why: `${bytes} bytes came of ${origin.length}, and not the right ones` }]
  if (end !== 'whole' || sum === origin.sum) return []
  return [{ fault: 'truncated-as-whole', why: `${bytes} bytes of ${origin.length} came, as if they were all` }]
}

function ofUpload ({ method }: Seen, arrival: Arrival): Complaint[] {
  const { target, upload, bytes, sum, declared } = arrival
  if (arrival.method !== method) return [{ fault: 'wrong', why: `${method} became ${arrival.method} at ${target}` }]
  if (upload !== 'whole' || sum === declared.sum) return []
  if (bytes < declared.length) return [{ fault: 'truncated-as-whole', why: `${target} got ${bytes} bytes of ${declared.length}, as if they were all` }]
  return [{ fault: 'wrong', why: `${target} got ${bytes} bytes of ${declared.length}, and not the right ones` }]
}

function ofCount ({ method }: Seen, arrivals: readonly Arrival[]): Complaint[] {
  if (method !== 'POST' || arrivals.length < 2) return []
  return [{ fault: 'doubled', why: `a POST arrived ${arrivals.length} times: ${arrivals.map(({ target }) => target).join(', ')}` }]
}

function ofLines ({ status, isCertain }: Seen, arrivals: readonly Arrival[], lines: number): Complaint[] {
  if (lines > 1) return [{ fault: 'unlogged', why: `${lines} access lines` }]
  const hasReached = isCertain || status !== undefined || arrivals.length > 0
  return hasReached && lines === 0 ? [{ fault: 'unlogged', why: 'no access line' }] : []
}
