import type { Mistake } from './config-error.js'
import { show } from './explain.js'
import { below } from './json-path.js'

// What one key says about another. These checks read a value that may be wrong
// elsewhere, so that every mistake is told at once; what is not of the right
// shape is the schema's to tell.

type Section = Record<string, unknown>

/** Finds what the schema cannot see: keys that contradict or need one another. */
export function checkConsistency (config: unknown): Mistake[] {
  if (!isSection(config)) return []
  const routes: unknown[] = Array.isArray(config.routes) ? config.routes : []
  return [
    ...checkPrefixes(routes),
    ...checkOrigin(config.cors, 'cors'),
    ...routes.flatMap((route, index) => isSection(route) ? checkRoute(config, route, below('routes', index)) : [])
  ]
}

function checkPrefixes (routes: unknown[]): Mistake[] {
  const first = new Map<string, string>()
  return routes.flatMap((route, index) => {
    if (!isSection(route) || typeof route.prefix !== 'string') return []
    const path = below('routes', index)
    const taken = first.get(route.prefix)
    if (taken !== undefined) {
      return [{ path: `${path}.prefix`, message: `found ${show(route.prefix)}, which ${taken} has already: ${taken} and ${path} must differ` }]
    }
    first.set(route.prefix, path)
    return []
  })
}

function checkRoute (config: Section, route: Section, path: string): Mistake[] {
  return [
    ...checkComplete(config.cors, route.cors, 'origin', `${path}.cors`, 'cors'),
    ...checkComplete(config.rateLimit, route.rateLimit, 'max', `${path}.rateLimit`, 'rateLimit'),
    ...checkLaidOverOrigin(config.cors, route.cors, `${path}.cors`)
  ]
}

/** A route may leave out a key only where there is a global section that has it. */
function checkComplete (global: unknown, own: unknown, key: string, path: string, name: string): Mistake[] {
  const isGlobal = global !== undefined && global !== false
  if (isGlobal || !isSection(own) || own[key] !== undefined) return []
  const why = global === false ? `the global ${name} is false` : `there is no global ${name}`
  return [{ path: `${path}.${key}`, message: `is missing, must be given here: ${why}` }]
}

function checkLaidOverOrigin (global: unknown, own: unknown, path: string): Mistake[] {
  if (!isSection(own)) return []
  // Inherited as it is, the contradiction is told once, where it was written.
  if (own.origin === undefined && own.credentials === undefined) return []
  const under = isSection(global) ? global : {}
  return checkOrigin({ origin: own.origin ?? under.origin, credentials: own.credentials ?? under.credentials }, path)
}

function checkOrigin (cors: unknown, path: string): Mistake[] {
  if (!isSection(cors) || cors.credentials !== true) return []
  const isAny = cors.origin === '*' || (Array.isArray(cors.origin) && cors.origin.includes('*'))
  return isAny
    ? [{
        path,
        message: 'found the origin "*" together with credentials, which browsers refuse: ' +
          'list the origins, or write true to allow every origin by reflecting it'
      }]
    : []
}

function isSection (value: unknown): value is Section {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
