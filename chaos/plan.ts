import { Random } from '../fuzz/random.js'
import { lengthFrom } from './faults.js'

export const CLIENTS = ['http1', 'https1', 'http2', 'pipeline', 'websocket'] as const

export type ClientKind = typeof CLIENTS[number]

export interface Upload {
  readonly length: number
  readonly framing: 'length' | 'chunked'
  readonly pieces: number
  /** Milliseconds between them. */
  readonly pause: number
}

/** How a client goes away in the middle. */
export interface Leaving {
  readonly when: 'at once' | 'upload' | 'response'
  readonly how: 'reset' | 'end' | 'cancel'
}

/** What a client does: the same for the same seed and number. */
export interface Plan {
  readonly number: number
  readonly client: ClientKind
  /** Which of the upstreams is asked: a number that is taken by their count. */
  readonly upstream: number
  readonly method: 'GET' | 'PUT' | 'POST'
  readonly upload: Upload | undefined
  readonly leaving: Leaving | undefined
  /** Reads with pauses. */
  readonly isSlow: boolean
  /** Asks for an event stream. */
  readonly wantsEvents: boolean
  /** How many messages a WebSocket carries, or how many requests stand in one pipeline. */
  readonly count: number
}

export function planFor (seed: number, number: number, clients: readonly ClientKind[] = CLIENTS): Plan {
  const random = new Random(seed, 1, number)
  const client = random.pick(clients)
  const hasUpload = client !== 'pipeline' && client !== 'websocket' && random.chance(0.5)
  const upload: Upload | undefined = hasUpload
    ? { length: lengthFrom(random), framing: random.pick(['length', 'chunked']), pieces: 1 + random.below(5), pause: random.pick([0, 0, 5, 50]) }
    : undefined
  const leaving: Leaving | undefined = random.chance(0.15)
    ? { when: random.pick(upload === undefined ? ['at once', 'response'] : ['upload', 'upload', 'response']), how: random.pick(['reset', 'end', 'cancel']) }
    : undefined
  return {
    number,
    client,
    upstream: random.below(0x10000),
    method: upload === undefined ? 'GET' : random.pick(['POST', 'POST', 'PUT']),
    upload,
    leaving,
    isSlow: random.chance(0.1),
    wantsEvents: upload === undefined && client !== 'websocket' && random.chance(0.1),
    count: 2 + random.below(5)
  }
}
