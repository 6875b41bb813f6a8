import type { Random } from '../fuzz/random.js'

/** What a service may do wrong, beside nothing. */
export const FAULTS = ['refuse', 'killed', 'hang', 'hang-body', 'reset', 'short', 'drip', 'garbage', 'early', 'close'] as const

export type Fault = typeof FAULTS[number] | 'none'

export const MEANINGS: Record<Fault, string> = {
  none: 'responds as it should',
  refuse: 'nothing listens',
  killed: 'its listener and connections are destroyed, and it comes back, again and again',
  hang: 'no head comes, and the rest of an upload may not be read',
  'hang-body': 'the response stops in the middle',
  reset: 'the connection is reset before the head or in the middle of the response',
  short: 'the connection is closed in order before the announced length or the last chunk',
  drip: 'the response comes in small pieces, with pauses between',
  garbage: 'what comes is not HTTP, from the start or in the middle',
  early: '413 before the upload has come, and the connection is closed',
  close: 'the connection is closed behind a whole response, without a word before'
}

/** What a target is like for a while: its fault happens to some of the requests that come meanwhile. */
export interface Mood {
  readonly fault: Fault
  readonly milliseconds: number
}

/** The next mood of a target. */
export function nextMood (random: Random, faults: readonly Fault[]): Mood {
  const isCalm = faults.length === 0 || random.chance(0.15)
  return { fault: isCalm ? 'none' : random.pick(faults), milliseconds: 300 + random.below(900) }
}

/** What a target does with a request. */
export function faultFor (random: Random, mood: Fault): Fault {
  // These happen to connections, whatever is on them.
  if (mood === 'refuse' || mood === 'killed') return 'none'
  return random.chance(0.6) ? mood : 'none'
}

/** How a target responds to a request. Those that it does not suit leave parts of it out. */
export interface Answer {
  readonly status: number
  readonly length: number
  /** `close`: the end of the connection is the end of the body. */
  readonly framing: 'length' | 'chunked' | 'close'
  readonly pieces: number
  /** How much of the body comes before the fault, from 0 to 1. */
  readonly cut: number
  /** Between pieces. */
  readonly pause: number
  /** Chooses among the ways in which a fault can happen. */
  readonly variant: number
}

export function answerFor (random: Random): Answer {
  return {
    status: random.pick([200, 200, 200, 201, 404, 500]),
    length: lengthFrom(random),
    framing: random.pick(['length', 'length', 'chunked', 'chunked', 'close']),
    pieces: 1 + random.below(6),
    cut: random.below(100) / 100,
    pause: 10 + random.below(90),
    variant: random.below(12)
  }
}

/** Most bodies are small; few are larger than what lies in sockets and buffers on the way. */
export function lengthFrom (random: Random): number {
  const limit = random.pick([10, 1_000, 1_000, 10_000, 10_000, 100_000, 300_000])
  return random.below(limit)
}

/** `body` in so many pieces, none of them empty. */
export function piecesOf (body: Buffer, count: number): Buffer[] {
  const size = Math.max(1, Math.ceil(body.length / count))
  return Array.from({ length: Math.ceil(body.length / size) }, (_, index) => body.subarray(index * size, (index + 1) * size))
}
