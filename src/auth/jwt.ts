import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { JWTPayload, JWTVerifyGetKey, JWTVerifyOptions } from 'jose'
import { ASYMMETRIC } from '../config/index.js'
import type { JwtSettings } from '../config/index.js'
import { compileClaim, fieldOfClaim } from '../proxy/identity.js'
import type { Claims } from '../proxy/identity.js'
import { Rejection, UNCHECKED } from './authenticator.js'
import type { Authenticator, AuthRequest, Decision } from './authenticator.js'
import { cookieIn, credentialsOf, TWICE } from './credentials.js'
import type { Found } from './credentials.js'
import type { Key, TokenHeader, TokenKeys } from './jwks.js'
import { Verified } from './verified.js'

/** Characters of a token. A larger one is not looked at. */
const LONGEST_TOKEN = 8_192

const COOKIE = 'cookie:'
const INVALID = { challenges: ['Bearer error="invalid_token"'] }

/** What is used of jose. */
export type Verify = typeof import('jose')['jwtVerify']

/** A key of this kind cannot be had. */
class NoKeyError extends Error {
  constructor (readonly isAway: boolean) {
    super(isAway ? 'the keys of tokens are away' : 'no key verifies this token')
  }
}

/** Tokens that somebody else has issued (RFC 7519), shown as RFC 6750 has it. */
export class Jwt implements Authenticator {
  readonly #keys: TokenKeys
  readonly #verify: Verify
  readonly #by: string
  readonly #find: (request: IncomingMessage) => Found
  readonly #options: JWTVerifyOptions
  readonly #tolerance: number
  readonly #fields: ReadonlyArray<readonly [name: string, read: (claims: Claims) => unknown]>
  readonly #scope: readonly string[]
  readonly #missing = new Rejection('UNAUTHORIZED', 'no token', undefined, { challenges: ['Bearer'] })
  readonly #insufficient: Rejection
  readonly #verified = new Verified()

  /** @param by names the method among those of a route */
  constructor (settings: JwtSettings, keys: TokenKeys, verify: Verify, by: string) {
    const { from, issuer, audience, algorithms, clockTolerance, forward = {}, require: { scope = [], claims = [] }, secret } = settings
    const cookie = from.startsWith(COOKIE) ? from.slice(COOKIE.length) : undefined
    this.#keys = keys
    this.#verify = verify
    this.#by = by
    this.#find = cookie === undefined ? request => credentialsOf(request, 'bearer') : request => cookieIn(request, cookie)
    this.#tolerance = clockTolerance
    this.#options = {
      algorithms: algorithms ?? (secret === undefined ? [...ASYMMETRIC] : ['HS256']),
      clockTolerance: clockTolerance / 1000,
      requiredClaims: claims,
      ...(issuer !== undefined && { issuer }),
      ...(audience !== undefined && { audience })
    }
    this.#fields = Object.entries(forward).map(([name, claim]) => [name, compileClaim(claim)])
    this.#scope = scope
    this.#insufficient = new Rejection('FORBIDDEN', 'the token lacks a scope', 'The token does not allow this', {
      challenges: [`Bearer error="insufficient_scope", scope="${scope.join(' ')}"`]
    })
  }

  async start (): Promise<void> {
    this.#keys.start?.()
  }

  close (): void {
    this.#keys.close?.()
  }

  authenticate ({ raw }: AuthRequest): Decision | Promise<Decision> {
    const token = this.#find(raw)
    if (token === undefined) return this.#missing
    if (token === TWICE) return SEVERAL
    if (token.length > LONGEST_TOKEN) return OVERSIZED
    const digest = hash('sha256', token, 'base64url')
    return this.#verified.find(digest, this.#keys.version) ?? this.#ask(token, digest)
  }

  async #ask (token: string, digest: string): Promise<Decision> {
    let payload: JWTPayload
    // Of before: what is verified while keys change may be so by one that is gone.
    const { version } = this.#keys
    try {
      const verified = await this.#verify(token, this.#keyFor, this.#options)
      payload = verified.payload
    } catch (error) {
      if (error instanceof NoKeyError && error.isAway) return AWAY
      return new Rejection('UNAUTHORIZED', reasonOf(error), undefined, INVALID)
    }
    const decision = this.#decide(payload)
    if (!(decision instanceof Rejection)) {
      const until = payload.exp === undefined ? Infinity : payload.exp * 1000 + this.#tolerance
      this.#verified.add(digest, version, until, decision)
    }
    return decision
  }

  /** One for all tokens. What they say of keys of their own (`jwk`, `jku`, `x5c`, `x5u`) is not looked at. */
  readonly #keyFor: JWTVerifyGetKey = ({ alg, kid }) => {
    const header: TokenHeader = { ...(alg !== undefined && { alg }), ...(typeof kid === 'string' && { kid }) }
    const key = this.#keys.keyFor(header)
    return key instanceof Promise ? key.then(found) : found(key)
  }

  #decide (claims: JWTPayload): Decision {
    if (this.#scope.length > 0 && !this.#isSufficient(claims)) return this.#insufficient
    const fields: string[] = []
    for (const [name, read] of this.#fields) {
      const value = fieldOfClaim(read(claims))
      if (value === undefined) return UNTOLD
      if (value !== '') fields.push(name, value)
    }
    return { fields, vouched: [{ by: `${this.#by} ${claims.iss ?? ''}`, claims }] }
  }

  /** RFC 8693 section 4.2, and `scp` as others have it: names with spaces between them, or a list. */
  #isSufficient (claims: Claims): boolean {
    const given = [claims.scope, claims.scp].flatMap(scopes => typeof scopes === 'string' ? scopes.split(' ') : scopes)
    return this.#scope.every(scope => given.includes(scope))
  }
}

const SEVERAL = new Rejection('UNAUTHORIZED', 'several tokens', undefined, INVALID)
const OVERSIZED = new Rejection('UNAUTHORIZED', 'the token is too long', undefined, INVALID)
const UNTOLD = new Rejection('FORBIDDEN', 'a claim cannot be told by a header', 'The token does not allow this')
const AWAY = new Rejection('SERVICE_UNAVAILABLE', 'the keys of tokens are away', UNCHECKED)

/** @throws NoKeyError */
function found (key: Key): Exclude<Key, undefined | 'away'> {
  if (key === undefined || key === 'away') throw new NoKeyError(key === 'away')
  return key
}

/** By jose's code: its messages are constant too, but for a claim's name. */
function reasonOf (error: unknown): string {
  if (error instanceof NoKeyError) return error.message
  return error instanceof Error && 'code' in error ? String(error.code) : 'the token cannot be verified'
}
