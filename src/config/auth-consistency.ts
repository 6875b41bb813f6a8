import { readApiKeys } from './api-keys.js'
import { algorithmsOf, isLoopback, LEAST_SECRET, readPublicKey, validateJwksUrl, validatePublicKey } from './auth-formats.js'
import { ASYMMETRIC, SYMMETRIC } from './auth-schema.js'
import type { Mistake } from './config-error.js'
import { show } from './explain.js'
import { spelledAlike } from './header-names.js'
import { PLACEHOLDER } from './placeholders.js'
import { readHtpasswd } from './htpasswd.js'
import { below } from './json-path.js'
import { nearest } from './nearest.js'
import { isSection, type RawSection } from './raw-section.js'

// What the keys of `auth` say about one another, and about what surrounds them.

const METHODS = ['jwt', 'apiKey', 'basic', 'forward']
const COMBINED = ['any', 'all']
const KEYS = ['jwksUrl', 'publicKey', 'secret']

export function checkAuth (auth: unknown, path: string): Mistake[] {
  if (!isSection(auth)) return []
  return [
    ...checkOneOf(auth, [...METHODS, ...COMBINED], path),
    ...checkMethod(auth, path),
    ...COMBINED.flatMap(key => methodsIn(auth[key]).flatMap((method, nth) => {
      const place = below(`${path}.${key}`, nth)
      return isSection(method) ? [...checkOneOf(method, METHODS, place), ...checkMethod(method, place)] : []
    })),
    ...checkDistinct(auth.all, `${path}.all`)
  ]
}

function methodsIn (list: unknown): unknown[] {
  return Array.isArray(list) ? list : []
}

/** @param keys of which exactly one must be there */
function checkOneOf (section: RawSection, keys: string[], path: string): Mistake[] {
  const given = keys.filter(key => section[key] !== undefined)
  const [first, second] = given
  if (first === undefined) {
    // A mistyped key is told already.
    return Object.keys(section).length === 0 ? [{ path, message: `found an object without a method, must have one of ${keys.join(', ')}` }] : []
  }
  return second === undefined ? [] : [{ path: `${path}.${second}`, message: `found ${show(section[second])}, must be left out: there is ${first}` }]
}

function checkMethod ({ jwt, apiKey, basic }: RawSection, path: string): Mistake[] {
  return [
    ...(isSection(jwt) ? checkJwt(jwt, `${path}.jwt`) : []),
    ...(isSection(apiKey) ? checkApiKey(apiKey, `${path}.apiKey`) : []),
    ...(isSection(basic) && typeof basic.file === 'string' ? checkReadable(basic.file, () => readHtpasswd(String(basic.file)), `${path}.basic.file`) : [])
  ]
}

function checkJwt (jwt: RawSection, path: string): Mistake[] {
  const { jwksUrl, allowHttp, from, strip } = jwt
  const given = KEYS.filter(key => jwt[key] !== undefined)
  const [kind, second] = given
  const isMistyped = Object.keys(jwt).some(key => nearest(key, KEYS) !== undefined)
  return [
    ...(kind === undefined && !isMistyped ? [{ path: `${path}.jwksUrl`, message: 'is missing, must be a URL such as "https://id.example.com/jwks.json", or publicKey or secret in its place' }] : []),
    ...(second === undefined ? [] : [{ path: `${path}.${second}`, message: `found ${second === 'secret' ? 'a text' : show(jwt[second])}, must be left out: there is ${kind}` }]),
    ...(typeof jwksUrl === 'string' && validateJwksUrl(jwksUrl) === undefined && allowHttp !== true && /^http:/i.test(jwksUrl) && !isLoopback(jwksUrl)
      ? [{ path: `${path}.jwksUrl`, message: `found ${show(jwksUrl)}, must be https: whoever is on the way could name the keys. allowHttp: true takes it as it is` }]
      : []),
    ...(strip === true && typeof from === 'string' && from.startsWith('cookie:') ? [{ path: `${path}.strip`, message: 'found true, must be left out: the token is in a cookie' }] : []),
    ...(kind !== undefined && second === undefined ? checkAlgorithms(jwt, kind, `${path}.algorithms`) : [])
  ]
}

/** By which one key is taken for one of another kind, a public key is a shared secret that everybody has. */
function checkAlgorithms (jwt: RawSection, kind: string, path: string): Mistake[] {
  if (!Array.isArray(jwt.algorithms)) return []
  const possible = possibleWith(jwt, kind)
  const wrong: unknown = jwt.algorithms.find(algorithm => ALGORITHMS.includes(String(algorithm)) && !possible.includes(String(algorithm)))
  return wrong === undefined ? [] : [{ path, message: `found ${show(wrong)}, which this ${kind} is not for: must be of ${possible.join(', ')}` }]
}

const ALGORITHMS: readonly string[] = [...SYMMETRIC, ...ASYMMETRIC]

function possibleWith ({ publicKey, secret }: RawSection, kind: string): readonly string[] {
  if (kind === 'secret') return SYMMETRIC.filter((_, nth) => Buffer.byteLength(String(secret)) >= LEAST_SECRET + nth * 16)
  return typeof publicKey === 'string' && validatePublicKey(publicKey) === undefined ? algorithmsOf(readPublicKey(publicKey)) : ASYMMETRIC
}

function checkApiKey (apiKey: RawSection, path: string): Mistake[] {
  const { header, query, keys, hashed } = apiKey
  return [
    ...(header === undefined && query === undefined ? [{ path: `${path}.header`, message: 'is missing, must be the name of a header such as "x-api-key", or query in its place' }] : []),
    ...(header !== undefined && query !== undefined ? [{ path: `${path}.query`, message: `found ${show(query)}, must be left out: there is header` }] : []),
    ...(typeof keys === 'string' || isSection(keys) ? checkReadable(keys, () => readApiKeys(keys, hashed === true), `${path}.keys`) : [])
  ]
}

function checkReadable (given: unknown, read: () => unknown, path: string): Mistake[] {
  try {
    read()
    return []
  } catch (error) {
    return [{ path, message: `found ${show(given)}, ${String(error).replace(/^Error: /, '')}` }]
  }
}

/** Of two methods that both are passed, each sets its own headers. */
function checkDistinct (all: unknown, path: string): Mistake[] {
  const known = new Set<string>()
  return methodsIn(all).flatMap((method, nth) => {
    const names = identityHeaders(method).map(spelledAlike)
    const again = names.find(name => known.has(name))
    for (const name of names) known.add(name)
    return again === undefined ? [] : [{ path: below(path, nth), message: `sets ${show(again)}, which a method before it sets already` }]
  })
}

/** As they are written, of a method or of several. */
function identityHeaders (auth: unknown): string[] {
  if (!isSection(auth)) return []
  const { jwt, apiKey, basic, forward } = auth
  return [
    ...(isSection(jwt) && isSection(jwt.forward) ? Object.keys(jwt.forward) : []),
    ...[apiKey, basic].flatMap(method => isSection(method) && typeof method.forward === 'string' ? [method.forward] : []),
    ...(isSection(forward) && Array.isArray(forward.copyResponseHeaders) ? forward.copyResponseHeaders.filter(name => typeof name === 'string') : []),
    ...COMBINED.flatMap(key => methodsIn(auth[key]).flatMap(identityHeaders))
  ]
}

/** What stands around the authentication of a route. */
export function checkAroundAuth (config: RawSection, route: RawSection, path: string): Mistake[] {
  const auth = route.auth ?? config.auth
  if (!isSection(auth)) return checkWithoutAuth(route, path)
  const own = identityHeaders(auth).map(spelledAlike)
  return [...rulesOf(config, 'headers'), ...rulesOf(route, `${path}.headers`)].flatMap(([place, name]) => own.includes(spelledAlike(name))
    ? [{ path: place, message: `found ${show(name)}, which auth${route.auth === undefined ? '' : ` of ${path}`} sets: must be another header` }]
    : [])
}

/** A claim of nobody is a mistake, where it stands in the route itself. */
function checkWithoutAuth ({ headers, rateLimit }: RawSection, path: string): Mistake[] {
  const request = isSection(headers) && isSection(headers.request) ? headers.request : {}
  const fields = ['set', 'append'].flatMap(key => {
    const rules = request[key]
    return isSection(rules) ? Object.entries(rules).map(([name, value]) => [below(`${path}.headers.request.${key}`, name), value] as const) : []
  })
  const limited = isSection(rateLimit) && typeof rateLimit.key === 'string' && rateLimit.key.startsWith('claim:')
  return [
    ...(limited ? [{ path: `${path}.rateLimit.key`, message: `found ${show(rateLimit.key)}, must come with auth: without it nobody has claims` }] : []),
    ...fields.filter(([, value]) => typeof value === 'string' && hasClaim(value))
      .map(([place, value]) => ({ path: place, message: `found ${show(value)}, must come with auth: without it nobody has claims` }))
  ]
}

function hasClaim (template: string): boolean {
  return [...template.matchAll(PLACEHOLDER)].some(([, variable]) => variable?.startsWith('claim.') === true)
}

/** What is set and appended on the way to the service: where, and which header. */
function rulesOf ({ headers }: RawSection, path: string): Array<[place: string, name: string]> {
  const request = isSection(headers) && isSection(headers.request) ? headers.request : {}
  return ['set', 'append'].flatMap(key => Object.keys(isSection(request[key]) ? request[key] : {})
    .map((name): [string, string] => [below(`${path}.request.${key}`, name), name]))
}
