/** A request as the load generator repeats it. */
export interface Shot {
  method: 'GET' | 'POST'
  path: string
  /** Asked for in turn, instead of `path` alone. */
  paths?: readonly string[]
  headers: Record<string, string>
  body?: string
}

export interface Volley {
  shot: Shot
  port: number
  seconds: number
  connections: number
}

export interface LoadResult {
  requests: number
  /** How long it really took. */
  seconds: number
  /** Milliseconds. */
  p50: number
  p99: number
  /** Empty when every request got a 2xx. */
  errors: string[]
}

export interface Load {
  /** With its version. */
  name: string
  fire: (volley: Volley) => Promise<LoadResult>
  stop: () => Promise<void>
}

/** Names what was counted and is not zero. */
export function errorsOf (counts: Record<string, number>): string[] {
  return Object.entries(counts).filter(([, count]) => count > 0).map(([kind, count]) => `${count} ${kind}`)
}
