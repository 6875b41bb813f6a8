import { isSame } from './fields.js'

export interface CookieRules {
  /** What a path is to the upstream, and what to the client. */
  readonly path?: Readonly<Record<string, string>>
  /** What a domain is to the upstream, and what to the client; empty for none. */
  readonly domain?: Readonly<Record<string, string>>
  readonly secure?: boolean
  readonly sameSite?: 'lax' | 'strict' | 'none'
}

const SAME_SITE = { lax: 'Lax', strict: 'Strict', none: 'None' }

/** A path, and what it becomes; both also without a slash at their end. */
interface PathRule { readonly from: string, readonly to: string, readonly bareFrom: string, readonly bareTo: string }

/** Rewrites the attributes of cookies (RFC 6265 section 5.2), each Set-Cookie by itself; what no rule names stays byte for byte. */
export class CookieRewrite {
  /** The longest first. */
  readonly #paths: readonly PathRule[]
  /** By name in lower case without a dot at its start. */
  readonly #domains: ReadonlyMap<string, string>
  readonly #secure: boolean | undefined
  readonly #sameSite: string | undefined

  constructor ({ path = {}, domain = {}, secure, sameSite }: CookieRules) {
    this.#paths = Object.entries(path).map(pathRule).sort((a, b) => b.from.length - a.from.length)
    this.#domains = new Map(Object.entries(domain).map(([from, to]) => [withoutDot(from.toLowerCase()), withoutDot(to)]))
    this.#secure = secure
    this.#sameSite = sameSite && SAME_SITE[sameSite]
  }

  applyTo (head: string[]): void {
    for (let i = 0, name = head[0], value = head[1]; name !== undefined && value !== undefined; i += 2, name = head[i], value = head[i + 1]) {
      if (isSame(name, 'set-cookie')) head[i + 1] = this.rewrite(value)
    }
  }

  rewrite (cookie: string): string {
    let at = endOfPair(cookie)
    let rewritten = cookie.slice(0, at)
    let adds = this.#secure === true ? '; Secure' : ''
    let sameSite = this.#sameSite === undefined ? '' : `; SameSite=${this.#sameSite}`
    while (at < cookie.length) {
      const end = indexOrEnd(cookie, ';', at + 1)
      const attribute = cookie.slice(at, end)
      at = end
      const name = nameOf(attribute)
      if (name === 'secure') {
        adds = ''
        if (this.#secure !== false) rewritten += attribute
      } else if (name === 'samesite' && this.#sameSite !== undefined) {
        rewritten += sameSite
        sameSite = ''
      } else {
        rewritten += this.#rewriteAttribute(name, attribute)
      }
    }
    return rewritten + adds + sameSite
  }

  #rewriteAttribute (name: string, attribute: string): string {
    if (name !== 'path' && name !== 'domain') return attribute
    const equals = attribute.indexOf('=')
    const value = equals === -1 ? '' : trimmed(attribute.slice(equals + 1))
    const becomes = name === 'path' ? this.#pathFor(value) : this.#domains.get(withoutDot(value.toLowerCase()))
    if (becomes === undefined) return attribute
    if (becomes === '') return ''
    const start = attribute.indexOf(value, equals + 1)
    return attribute.slice(0, start) + becomes + attribute.slice(start + value.length)
  }

  #pathFor (path: string): string | undefined {
    for (const { from, to, bareFrom, bareTo } of this.#paths) {
      if (path === from) return to
      if (path === bareFrom || path.startsWith(`${bareFrom}/`)) return bareTo + path.slice(bareFrom.length) || '/'
    }
    return undefined
  }
}

function pathRule ([from, to]: [string, string]): PathRule {
  return { from, to, bareFrom: withoutSlash(from), bareTo: withoutSlash(to) }
}

/** Where the name and the value end. A quoted value ends with its quote, whatever is in it. */
function endOfPair (cookie: string): number {
  const semicolon = indexOrEnd(cookie, ';', 0)
  const equals = cookie.slice(0, semicolon).indexOf('=')
  const value = cookie.slice(equals + 1)
  const quote = equals === -1 ? -1 : equals + 1 + value.length - value.trimStart().length
  if (quote === -1 || cookie.charAt(quote) !== '"') return semicolon
  const closing = cookie.indexOf('"', quote + 1)
  return closing === -1 ? semicolon : indexOrEnd(cookie, ';', closing)
}

/** @param attribute with its semicolon */
function nameOf (attribute: string): string {
  return trimmed(attribute.slice(1, indexOrEnd(attribute, '=', 1))).toLowerCase()
}

function indexOrEnd (text: string, character: string, from: number): number {
  const index = text.indexOf(character, from)
  return index === -1 ? text.length : index
}

/** White space is SP and HTAB alone. */
function trimmed (text: string): string {
  return text.replace(/^[\t ]+|[\t ]+$/g, '')
}

function withoutSlash (path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path
}

function withoutDot (domain: string): string {
  return domain.startsWith('.') ? domain.slice(1) : domain
}
