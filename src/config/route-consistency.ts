import type { Mistake } from './config-error.js'
import { show } from './explain.js'
import { formats } from './formats.js'
import { normalizeHost } from './hosts.js'
import { below } from './json-path.js'
import { nearest } from './nearest.js'
import { isSection, type RawSection } from './raw-section.js'

// Which requests a route takes, and what it does with them: what the keys say about one another.

/** Two routes of one prefix must differ in their hosts or methods: for each request one of them counts. */
export function checkTaken (routes: unknown[]): Mistake[] {
  const first = new Map<string, string>()
  return routes.flatMap((route, index) => {
    if (!isSection(route) || typeof route.prefix !== 'string') return []
    const path = below('routes', index)
    const taken = requestsOf(route).find(({ key }) => first.has(key))
    if (taken !== undefined) {
      const other = first.get(taken.key)
      return [{ path: `${path}.prefix`, message: `found ${show(route.prefix)}, which ${other} has already${taken.words}: ${other} and ${path} must differ` }]
    }
    for (const { key } of requestsOf(route)) first.set(key, path)
    return []
  })
}

/** What a route takes, told apart from what others take, and in words. */
function requestsOf ({ prefix, hosts, methods }: RawSection): Array<{ key: string, words: string }> {
  const names = texts(hosts).filter(host => formats['route-host'](host) === undefined).map(normalizeHost)
  const taken = texts(methods).flatMap(method => method === 'GET' ? ['GET', 'HEAD'] : [method])
  return orAny(names).flatMap(host => orAny(taken).map(method => ({
    key: JSON.stringify([prefix, host, method]),
    words: `${method === '' ? '' : ` for ${method}`}${host === '' ? '' : ` at ${host}`}`
  })))
}

function texts (list: unknown): string[] {
  return Array.isArray(list) ? list.filter(item => typeof item === 'string') : []
}

function orAny (names: string[]): string[] {
  return names.length === 0 ? [''] : names
}

const KINDS = ['target', 'upstream', 'respond', 'redirect']
/** Of a route that forwards. */
const OF_TARGETS = ['pathRewrite', 'stripPrefix', 'host', 'http2', 'retry', 'mirror', 'concurrency']

/** A route forwards, or responds itself. */
export function checkKind (route: RawSection, path: string): Mistake[] {
  const [kind, second] = KINDS.filter(key => route[key] !== undefined)
  if (kind === undefined) {
    // A mistyped key is told already.
    if (Object.keys(route).some(key => nearest(key, KINDS) !== undefined)) return []
    return [{
      path: `${path}.target`,
      message: 'is missing, must be a URL such as "http://localhost:3001" or an object such as { "host": "localhost", "port": 3001 }, or upstream, respond or redirect in its place'
    }]
  }
  if (second !== undefined) return [{ path: `${path}.${second}`, message: `found ${show(route[second])}, must be left out: the route has ${kind}` }]
  if (kind !== 'target' && kind !== 'upstream') {
    return OF_TARGETS.filter(key => route[key] !== undefined)
      .map(key => ({ path: `${path}.${key}`, message: `found ${show(route[key])}, must be left out: the route has no target` }))
  }
  return route.stripPrefix === true && route.pathRewrite !== undefined
    ? [{ path: `${path}.stripPrefix`, message: 'found true, must be left out: the route has pathRewrite' }]
    : []
}

/** Those that the server sets, from what it sends. */
const FRAMING = ['connection', 'content-length', 'keep-alive', 'trailer', 'transfer-encoding', 'upgrade']

/** Says what is wrong with a response that Node could not send, or that no client would read. */
export function checkRespond ({ respond }: RawSection, path: string): Mistake[] {
  if (!isSection(respond)) return []
  const { status, headers, body } = respond
  return [
    ...(isSection(headers) ? Object.entries(headers).flatMap(([name, value]) => checkHeader(name, value, `${path}.headers`)) : []),
    ...checkBody(status, body, `${path}.body`)
  ]
}

function checkHeader (name: string, value: unknown, path: string): Mistake[] {
  const place = below(path, name)
  if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name)) return [{ path: place, message: 'must have the name of a header' }]
  if (FRAMING.includes(name.toLowerCase())) return [{ path: place, message: 'must be left out: the server sets it' }]
  return typeof value === 'string' && /[^\t\x20-\x7e\x80-\xff]/.test(value) ? [{ path: place, message: `found ${show(value)}, must be text without control characters or letters beyond Latin-1` }] : []
}

function checkBody (status: unknown, body: unknown, path: string): Mistake[] {
  if (body === undefined) return []
  if (status === 204 || status === 304) return [{ path, message: `found ${show(body)}, must be left out: a ${status} has no body` }]
  return isJson(body) ? [] : [{ path, message: `found ${show(body)}, must be text or a JSON value` }]
}

function isJson (value: unknown): boolean {
  try {
    return JSON.stringify(value) !== undefined
  } catch {
    return false
  }
}
