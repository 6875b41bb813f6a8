import type { IncomingMessage } from 'node:http'
import { isSame } from '../proxy/fields.js'
import { parameterValues } from '../proxy/parameters.js'

/** Stands for credentials that stand twice: a service that reads the second would believe what nobody has verified. */
export const TWICE = Symbol('twice')

export type Found = string | typeof TWICE | undefined

const SPACE = 32

/**
 * What follows the name of the scheme in `Authorization` (RFC 9110 section 11.4).
 *
 * @param scheme in lower case
 */
export function credentialsOf (request: IncomingMessage, scheme: string): Found {
  const { authorization } = request.headers
  if (authorization === undefined) return undefined
  if (standsTwice(request, 'authorization')) return TWICE
  const { length } = scheme
  if (authorization.charCodeAt(length) !== SPACE || authorization.slice(0, length).toLowerCase() !== scheme) return undefined
  return authorization.slice(length + 1).trim()
}

/** @param name in lower case */
export function headerOf (request: IncomingMessage, name: string): Found {
  const value = request.headers[name]
  if (value === undefined) return undefined
  return standsTwice(request, name) ? TWICE : String(value)
}

export function cookieIn ({ headers: { cookie } }: IncomingMessage, name: string): Found {
  if (cookie === undefined) return undefined
  const start = `${name}=`
  return only(cookie.split(';').map(pair => pair.trim()).filter(pair => pair.startsWith(start)).map(pair => pair.slice(start.length)))
}

/** @param target in any form */
export function parameterIn (target: string, name: string): Found {
  return only(parameterValues(target, name))
}

function only ([first, ...more]: string[]): Found {
  return more.length > 0 ? TWICE : first
}

function standsTwice ({ rawHeaders }: IncomingMessage, name: string): boolean {
  let count = 0
  for (let i = 0, found = rawHeaders[0]; found !== undefined; found = rawHeaders[i += 2]) {
    if (isSame(found, name)) count++
  }
  return count > 1
}
