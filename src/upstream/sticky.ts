import { createHmac } from 'node:crypto'
import { cookieOf } from './balance/hash-key.js'
import type { Target } from './target.js'

export interface StickyOptions {
  /** The name of the cookie. */
  readonly cookie: string
  readonly secret: string
  /** Milliseconds; absent: until the browser is closed. */
  readonly maxAge?: number
  readonly secure: boolean
}

/** Keeps a client with its target. A cookie is a target's name, signed so that it tells no address and nobody can make one up. */
export class Sticky {
  readonly #options: StickyOptions
  readonly #attributes: string
  readonly #tokens = new WeakMap<Target, string>()

  constructor (options: StickyOptions) {
    const { maxAge, secure } = options
    this.#options = options
    this.#attributes = `; Path=/${maxAge === undefined ? '' : `; Max-Age=${Math.ceil(maxAge / 1000)}`}; HttpOnly${secure ? '; Secure' : ''}; SameSite=Lax`
  }

  /** The target whose cookie a client has sent. */
  find (cookies: string | undefined, targets: readonly Target[]): Target | undefined {
    const token = cookies && cookieOf(cookies, this.#options.cookie)
    return token ? targets.find(target => this.#tokenOf(target) === token) : undefined
  }

  /** What is to be set; `undefined` where the client has it. */
  cookieFor (cookies: string | undefined, target: Target): string | undefined {
    const token = this.#tokenOf(target)
    if (cookies !== undefined && cookieOf(cookies, this.#options.cookie) === token) return undefined
    return `${this.#options.cookie}=${token}${this.#attributes}`
  }

  #tokenOf (target: Target): string {
    let token = this.#tokens.get(target)
    if (token === undefined) {
      token = createHmac('sha256', this.#options.secret).update(target.name + target.basePath).digest('base64url')
      this.#tokens.set(target, token)
    }
    return token
  }
}
