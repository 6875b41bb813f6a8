import { checkAdmin } from './admin-consistency.js'
import type { Mistake } from './config-error.js'
import { show } from './explain.js'
import { formats } from './formats.js'
import { spelledAlike } from './header-names.js'
import { below } from './json-path.js'
import { compileReplacement } from './pattern.js'
import { HEALTH_PATHS } from './server-schema.js'
import { checkStore } from './rate-limit-consistency.js'
import { isSection, type RawSection } from './raw-section.js'
import { checkKind, checkRespond, checkTaken } from './route-consistency.js'
import { checkPair } from './tls-consistency.js'
import { checkNamed, checkUpstreams } from './upstream-consistency.js'

// What one key says about another. These checks read a value that may be wrong
// elsewhere, so that every mistake is told at once; what is not of the right
// shape is the schema's to tell.

/** Finds what the schema cannot see: keys that contradict or need one another. */
export function checkConsistency (config: unknown): Mistake[] {
  if (!isSection(config)) return []
  const routes: unknown[] = Array.isArray(config.routes) ? config.routes : []
  return [
    ...checkTaken(routes),
    ...(isSection(config.server) ? [...checkServer(config.server), ...checkHealth(config.server.health, routes)] : []),
    ...checkAdmin(config.admin),
    ...checkOrigin(config.cors, 'cors'),
    ...checkStore(config.rateLimit, 'rateLimit'),
    ...checkHeaders(config.headers, 'headers'),
    ...checkUpstreams(config.upstreams),
    ...routes.flatMap((route, index) => isSection(route) ? checkRoute(config, route, below('routes', index)) : [])
  ]
}

function checkRoute (config: RawSection, route: RawSection, path: string): Mistake[] {
  return [
    ...checkKind(route, path),
    ...checkRespond(route, `${path}.respond`),
    ...checkNamed(route, config.upstreams, path),
    ...checkComplete(config.cors, route.cors, 'origin', `${path}.cors`, 'cors'),
    ...checkComplete(config.rateLimit, route.rateLimit, 'max', `${path}.rateLimit`, 'rateLimit'),
    ...checkStore(route.rateLimit, `${path}.rateLimit`, config.rateLimit),
    ...checkLaidOverOrigin(config.cors, route.cors, `${path}.cors`),
    ...checkRewrite(route, `${path}.pathRewrite`),
    ...checkRouteTls(route, `${path}.tls`),
    ...checkHeaders(route.headers, `${path}.headers`),
    ...checkCookies(route.cookies, `${path}.cookies`)
  ]
}

/** Health checks win over a route for `/`, but hide none without a word. */
function checkHealth (health: unknown, routes: unknown[]): Mistake[] {
  if (health !== true && !isSection(health)) return []
  const { alive, ready } = { ...HEALTH_PATHS, ...health === true ? {} : health }
  const same = alive === ready ? [{ path: 'server.health', message: `found ${show(alive)} twice: alive and ready must differ` }] : []
  return [...same, ...routes.flatMap((route, index) => {
    const { prefix } = isSection(route) ? route : {}
    return prefix !== undefined && (prefix === alive || prefix === ready)
      ? [{ path: `${below('routes', index)}.prefix`, message: `found ${show(prefix)}, which server.health has: name another path for one of them` }]
      : []
  })]
}

function checkServer ({ http2, tls, accessLog }: RawSection): Mistake[] {
  return [
    ...checkAccessLog(accessLog),
    ...checkPair(tls, 'server.tls'),
    ...(http2 === true && tls === undefined
      ? [{ path: 'server.http2', message: 'found true, must come with tls: clients ask for HTTP/2 in the TLS handshake' }]
      : [])
  ]
}

function checkAccessLog (accessLog: unknown): Mistake[] {
  if (!isSection(accessLog) || accessLog.file !== undefined) return []
  return ['maxSize', 'maxFiles'].flatMap(key => accessLog[key] === undefined
    ? []
    : [{ path: `server.accessLog.${key}`, message: `found ${show(accessLog[key])}, must come with file: it is the file that is put aside` }])
}

function checkRouteTls ({ target, upstream, tls }: RawSection, path: string): Mistake[] {
  if (upstream !== undefined) return []
  const isHttps = isSection(target) ? target.protocol === 'https' : typeof target === 'string' && /^https:/i.test(target)
  if (tls !== undefined && !isHttps) return [{ path, message: `found ${show(tls)}, must be left out: the target is not https` }]
  return checkPair(tls, path)
}

/** A rewrite is tried on a path below its prefix: one whose every result would be rejected is a mistake at the start. */
function checkRewrite ({ prefix, pathRewrite }: RawSection, path: string): Mistake[] {
  if (typeof prefix !== 'string' || !isSection(pathRewrite)) return []
  const { pattern, replacement } = pathRewrite
  if (typeof pattern !== 'string' || typeof replacement !== 'string' || formats['safe-pattern'](pattern) !== undefined) return []
  const from = prefix === '/' ? '/x' : `${prefix}/x`
  const to = compileReplacement({ pattern, replacement })(from)
  return /^\/\/|(^|\/)\.{1,2}(\/|$)/.test(to)
    ? [{
        path: `${path}.replacement`,
        message: `found ${show(replacement)}, which makes ${show(from)} into ${show(to)}: ` +
          'must not lead to "//" at the start or to a "." or ".." segment, which are never forwarded'
      }]
    : []
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
        path: `${path}.origin`,
        message: 'found the origin "*" together with credentials, which browsers reject: ' +
          'list the origins, or write true to allow every origin by reflecting it'
      }]
    : []
}

/** Of two spellings of one name only one can be what is meant. */
function checkHeaders (headers: unknown, path: string): Mistake[] {
  if (!isSection(headers)) return []
  return Object.entries(headers).flatMap(([direction, rules]) => isSection(rules)
    ? [...checkSpellings(rules.set, `${below(path, direction)}.set`), ...checkSpellings(rules.append, `${below(path, direction)}.append`)]
    : [])
}

function checkSpellings (fields: unknown, path: string): Mistake[] {
  if (!isSection(fields)) return []
  const names = Object.keys(fields)
  return names.flatMap((name, index) => {
    const first = names.find((other, nth) => nth < index && spelledAlike(other) === spelledAlike(name))
    return first === undefined
      ? []
      : [{ path: below(path, name), message: `found ${show(name)}, must not stand beside ${show(first)}: they are one header` }]
  })
}

function checkCookies (cookies: unknown, path: string): Mistake[] {
  return isSection(cookies) && cookies.sameSite === 'none' && cookies.secure === false
    ? [{ path: `${path}.secure`, message: 'found false together with sameSite "none", which browsers reject' }]
    : []
}
