import { Random } from '../../fuzz/random.js'

/** What all contenders are asked for, under this prefix. */
export const PREFIX = '/a'
export const HEALTH = '/health'

export interface PlannedRequest {
  readonly number: number
  readonly method: 'GET' | 'PUT' | 'POST'
  readonly path: string
  /** Bytes; 0: no body. */
  readonly length: number
}

/** The nth request of a seed. One in four is a POST with a small body, one in seven a PUT without one. */
export function requestFor (seed: number, number: number): PlannedRequest {
  const random = new Random(seed, 6, number)
  const drawn = random.below(28)
  const method = drawn < 7 ? 'POST' : drawn < 11 ? 'PUT' : 'GET'
  return { number, method, path: `${PREFIX}/thing?id=${number}`, length: method === 'POST' ? 1 + random.below(1_000) : 0 }
}

/** Milliseconds that a service takes for it, when it does well. */
export function workFor (seed: number, number: number): number {
  return 10 + new Random(seed, 7, number).below(20)
}
