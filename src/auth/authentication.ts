import { keptBack } from '../config/index.js'
import type { AuthMethodSettings, AuthSettings, JwtSettings } from '../config/index.js'
import { loadOptional } from '../server/optional-package.js'
import { ApiKey } from './api-key.js'
import type { Authenticator, AuthRequest } from './authenticator.js'
import { Basic } from './basic.js'
import { Forward } from './forward.js'
import type { ClientOf } from './forward.js'
import { Jwks } from './jwks.js'
import type { TokenKeys } from './jwks.js'
import { Jwt } from './jwt.js'
import type { Log } from './log.js'
import { Passwords } from './passwords.js'
import { All, Any } from './several.js'
import { OnePublicKey, SharedSecret } from './static-key.js'

/** The packages that some methods need; loaded where one of these is used. */
export interface Packages {
  readonly jose: () => Promise<Pick<typeof import('jose'), 'jwtVerify'>>
  readonly bcrypt: () => Promise<{ readonly default: Pick<typeof import('bcrypt'), 'compare'> }>
}

/** As messages name it. */
const SOURCE = 'the authentication'

const PACKAGES: Packages = {
  jose: async () => await import('jose'),
  bcrypt: async () => await import('bcrypt')
}

/** Makes the methods of authentication of an app, of what the configuration says. */
export class Authentication<Asked extends AuthRequest> {
  readonly #methods: Array<Authenticator<Asked>> = []
  readonly #jwks = new Map<string, Jwks>()
  readonly #known = new Map<AuthSettings, Authenticator<Asked>>()
  readonly #clientOf: ClientOf<Asked>
  readonly #log: Log
  readonly #packages: Packages
  #passwords: Passwords | undefined

  constructor (clientOf: ClientOf<Asked>, log: Log, packages = PACKAGES) {
    this.#clientOf = clientOf
    this.#log = log
    this.#packages = packages
  }

  /**
   * Routes with the same settings share what stands behind them.
   *
   * @throws ConfigError where a package is not installed
   */
  async make (settings: AuthSettings): Promise<Authenticator<Asked>> {
    const known = this.#known.get(settings) ?? await this.#make(settings)
    this.#known.set(settings, known)
    return known
  }

  start (): void {
    for (const method of this.#methods) method.start?.()
  }

  close (): void {
    for (const method of this.#methods) method.close?.()
  }

  async #make (settings: AuthSettings): Promise<Authenticator<Asked>> {
    const { any, all, ...method } = settings
    const { parameters } = keptBack(settings)
    if (any !== undefined) return new Any(await this.#makeAll(any, parameters))
    if (all !== undefined) return new All(await this.#makeAll(all, parameters))
    return await this.#makeOne(method, 0, parameters)
  }

  async #makeAll (settings: readonly AuthMethodSettings[], hidden: readonly string[]): Promise<Array<Authenticator<Asked>>> {
    const made: Array<Authenticator<Asked>> = []
    for (const [nth, method] of settings.entries()) made.push(await this.#makeOne(method, nth, hidden))
    return made
  }

  /**
   * @param nth of the methods of its route
   * @param hidden parameters that are for the gateway alone
   */
  async #makeOne (settings: AuthMethodSettings, nth: number, hidden: readonly string[]): Promise<Authenticator<Asked>> {
    const method = await this.#methodOf(settings, nth, hidden)
    this.#methods.push(method)
    return method
  }

  async #methodOf ({ jwt, apiKey, basic, forward }: AuthMethodSettings, nth: number, hidden: readonly string[]): Promise<Authenticator<Asked>> {
    if (jwt !== undefined) {
      const { jwtVerify } = await loadOptional({ source: SOURCE, path: 'auth.jwt', name: 'jose' }, this.#packages.jose)
      return new Jwt(jwt, this.#keysOf(jwt), jwtVerify, `jwt ${nth}`)
    }
    if (basic !== undefined) {
      const { default: { compare } } = await loadOptional({ source: SOURCE, path: 'auth.basic', name: 'bcrypt' }, this.#packages.bcrypt)
      this.#passwords ??= new Passwords(compare)
      return new Basic(basic, this.#passwords, `basic ${nth}`, this.#log)
    }
    if (apiKey !== undefined) return new ApiKey(apiKey, `apiKey ${nth}`, this.#log)
    if (forward !== undefined) return new Forward(forward, this.#clientOf, `forward ${nth}`, hidden)
    throw new TypeError('a method of authentication has no settings')
  }

  #keysOf ({ jwksUrl, publicKey = '', secret }: JwtSettings): TokenKeys {
    if (secret !== undefined) return new SharedSecret(secret)
    if (jwksUrl === undefined) return new OnePublicKey(publicKey, this.#log)
    const jwks = this.#jwks.get(jwksUrl) ?? new Jwks(jwksUrl, this.#log)
    this.#jwks.set(jwksUrl, jwks)
    return jwks
  }
}
