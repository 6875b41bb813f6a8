import type { IncomingMessage } from 'node:http'

/** What is known of somebody, by the names of a token's claims. */
export type Claims = Readonly<Record<string, unknown>>

/** Who has sent a request, as far as it was authenticated. */
export interface Identity {
  /** What the service is told: name, value, name, value. */
  readonly fields: readonly string[]
  readonly vouched: readonly Vouched[]
}

/** What one method of authentication says. */
export interface Vouched {
  /** Names the method: what two of them say is never taken for the same. */
  readonly by: string
  readonly claims: Claims
}

const kIdentity = Symbol('identity')

type Identified = IncomingMessage & { [kIdentity]?: Identity }

export function identify (request: Identified, identity: Identity): void {
  request[kIdentity] = identity
}

/** `undefined` on a route without authentication. */
export function identityOf (request: Identified): Identity | undefined {
  return request[kIdentity]
}

/**
 * Prepares the reading of a claim, at start.
 *
 * @param name of a claim, which may have dots itself (`https://example.com/role`), or the way to one inside others
 * (`realm_access.roles`)
 */
export function compileClaim (name: string): (claims: Claims) => unknown {
  const path = name.split('.')
  return claims => {
    if (Object.hasOwn(claims, name)) return claims[name]
    let value: unknown = claims
    for (const key of path) {
      if (!isObject(value) || !Object.hasOwn(value, key)) return undefined
      value = value[key]
    }
    return value
  }
}

/** Prepares what is read of an identity: the claim of the first method that has it. */
export function compileVouched (name: string): (identity: Identity) => Vouched & { readonly value: unknown } | undefined {
  const read = compileClaim(name)
  return ({ vouched }) => {
    for (const { by, claims } of vouched) {
      const value = read(claims)
      if (value !== undefined && value !== null) return { by, claims, value }
    }
    return undefined
  }
}

function isObject (value: unknown): value is Claims {
  return typeof value === 'object' && value !== null
}

/** What every service reads in the same way. */
const PLAIN = /^[!-~](?:[ -~]*[!-~])?$/

/** Control characters, or white space at an end, which whoever reads the field would leave out. */
const ALTERED = /[\0-\x1f\x7f]|^\s|\s$/ // eslint-disable-line no-control-regex -- these are what is looked for

/**
 * A claim as the value of a field, beyond ASCII in UTF-8; empty for none. The members of a list have commas between
 * them; one of a member's own is `%2C`, so that nobody becomes a member of two groups by the name of one.
 *
 * @returns `undefined` where what arrives would not be what was said: two users must never become one
 */
export function fieldOfClaim (value: unknown): string | undefined {
  const text = textOf(value)
  if (text === '' || PLAIN.test(text)) return text
  // Half of a surrogate pair has no UTF-8 of its own.
  if (ALTERED.test(text) || /\p{Surrogate}/u.test(text)) return undefined
  return Buffer.from(text).toString('latin1')
}

function textOf (value: unknown): string {
  if (value === undefined || value === null) return ''
  if (Array.isArray(value)) return value.map(item => textOf(item).replaceAll(',', '%2C')).join(',')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
