import { ORIGIN, routePath } from './contenders/duties.js'

/** A request as the load repeats it. */
export interface Shot {
  method: 'GET' | 'POST'
  path: string
  /** Asked for in turn, instead of `path` alone. */
  paths?: readonly string[]
  headers: Record<string, string>
  body?: string
  /** The body of its response. */
  expected: string
}

export const SMALL_GET: Shot = { method: 'GET', path: '/api/small', headers: { Origin: ORIGIN }, expected: json({ id: 4711, name: 'Ada Lovelace' }, 100) }
export const LARGE_GET: Shot = { ...SMALL_GET, path: '/api/large', expected: 'abcdefghijklmnopqrstuvwxyz012345'.repeat(2048) }
export const POST: Shot = {
  method: 'POST',
  path: '/api/post',
  headers: { Origin: ORIGIN, 'Content-Type': 'application/json' },
  body: json({ id: 4711 }, 1024),
  expected: '{"received":1024}'
}

/** A small GET to each of so many routes in turn. */
export function smallGetOver (routes: number): Shot {
  const paths = Array.from({ length: routes }, (_, index) => routePath(index))
  return { ...SMALL_GET, path: routePath(routes - 1), paths }
}

function json (object: object, bytes: number): string {
  const text = JSON.stringify({ ...object, note: '' })
  return text.replace('""', `"${'x'.repeat(bytes - text.length)}"`)
}
