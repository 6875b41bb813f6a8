import { isSame } from './fields.js'
import { literalPrefix } from './path.js'
import type { PathRewrite } from './path.js'

export interface LocationOptions {
  /** The path that the route's prefix is to the upstream. */
  readonly from: string
  /** The prefix as the client has it. */
  readonly to: string
  /** By which the upstream may know itself: host and port, in lower case. */
  readonly authorities: readonly string[]
}

/** Of an absolute URL or one without scheme: the scheme, the authority, and all behind it. Browsers take a backslash for a slash. */
const ABSOLUTE = /^(?:(https?):)?\/\/([^/?#\\]*)(.*)$/is
const PORTS: ReadonlyMap<string, readonly string[]> = new Map([['http', [':80']], ['https', [':443']]])
const EITHER_PORT = [':80', ':443']

/**
 * Rewrites where a service sends its clients to, from what is so to the service to what is so to them. The result is a
 * path, which stays with the authority that the client asked for, whatever that is.
 */
export class LocationRewrite {
  readonly #from: string
  readonly #to: string
  readonly #authorities: readonly string[]

  constructor ({ from, to, authorities }: LocationOptions) {
    this.#from = withoutSlash(from)
    this.#to = withoutSlash(to)
    this.#authorities = authorities
  }

  /** Rewrites Location in a head: it says where to go in a 3xx, and what was made in a 201 (RFC 9110 section 10.2.2). */
  applyTo (head: string[], status: number): void {
    if (status !== 201 && (status < 300 || status > 399)) return
    for (let i = 0, name = head[0], value = head[1]; name !== undefined && value !== undefined; i += 2, name = head[i], value = head[i + 1]) {
      if (isSame(name, 'location')) head[i + 1] = this.rewrite(value)
    }
  }

  /** What is of another authority or outside the prefix is left as it is. */
  rewrite (location: string): string {
    const path = this.#pathOf(location)
    const below = path?.startsWith(this.#from) === true ? path.slice(this.#from.length) : undefined
    if (below === undefined || (below !== '' && !'/?#'.includes(below.charAt(0)))) return location
    const rewritten = this.#to + below
    // It would become another authority.
    if (/^\/[/\\]/.test(rewritten)) return location
    return rewritten.startsWith('/') ? rewritten : `/${rewritten}`
  }

  /** The path, query and fragment of what is of the upstream's own authority, or has none. */
  #pathOf (location: string): string | undefined {
    const [, scheme, authority, path] = ABSOLUTE.exec(location) ?? []
    if (authority === undefined) return /^\/(?!\\)/.test(location) ? location : undefined
    return this.#isOwn(scheme, authority.toLowerCase()) ? path : undefined
  }

  #isOwn (scheme: string | undefined, authority: string): boolean {
    const port = /:\d*$/.exec(authority)?.[0] ?? ''
    if (port.length > 1) return this.#authorities.includes(authority)
    const host = authority.slice(0, authority.length - port.length)
    return (PORTS.get(String(scheme).toLowerCase()) ?? EITHER_PORT).some(port => this.#authorities.includes(host + port))
  }
}

/** `undefined` where nothing could ever change. */
export function compileLocation (options: LocationOptions): LocationRewrite | undefined {
  const changes = withoutSlash(options.from) !== withoutSlash(options.to) || options.authorities.length > 0
  return changes ? new LocationRewrite(options) : undefined
}

/** Where an upstream listens. */
type Address = { readonly protocol: 'http' | 'https', readonly host: string, readonly port: number } | { readonly socketPath: string }

/** A target's authority as a Location may have it. On a Unix socket a service is asked for `localhost`. */
export function authorityOf (target: Address): string {
  if ('socketPath' in target) return 'localhost:80'
  const host = target.host.toLowerCase()
  return `${host.includes(':') ? `[${host}]` : host}:${target.port}`
}

/** What a route's prefix is to its upstream; `undefined` where that differs from path to path. */
export function upstreamPrefix (prefix: string, pathRewrite: PathRewrite | undefined): string | undefined {
  if (pathRewrite === undefined) return prefix
  const literal = literalPrefix(pathRewrite)
  if (literal === undefined) return undefined
  const { replacement } = pathRewrite
  if (prefix.startsWith(literal)) return rooted(replacement + prefix.slice(literal.length))
  // `^/api/` to `/`: all below the prefix, if not the prefix itself.
  return literal === `${prefix}/` && (replacement === '' || replacement.endsWith('/')) ? rooted(replacement) : undefined
}

function rooted (path: string): string {
  return path.startsWith('/') ? path : `/${path}`
}

function withoutSlash (path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path
}
