import type { IncomingMessage } from 'node:http'
import { splitAbsolute } from './path.js'

/** Which requests below its prefix a route takes. */
export interface Taken {
  /** In lower case, without a port or a trailing dot; `*.` stands for one label. Absent: every host. */
  readonly hosts?: readonly string[]
  /** Absent: every method. */
  readonly methods?: readonly string[]
}

/** What stands for a prefix: of one route that takes every request, that itself. */
export type Place<T> = T | Choice<T>

/** The routes of one prefix, in the order of the configuration. */
export interface Group<R> {
  readonly prefix: string
  readonly routes: readonly [R, ...R[]]
}

export function groupByPrefix<R extends { readonly prefix: string }> (routes: readonly R[]): Array<Group<R>> {
  const groups = new Map<string, [R, ...R[]]>()
  for (const route of routes) {
    const group = groups.get(route.prefix)
    if (group === undefined) groups.set(route.prefix, [route])
    else group.push(route)
  }
  return [...groups].map(([prefix, routes]) => ({ prefix, routes }))
}

/** @param valueOf what stands for a route, asked once for each */
export function placeOf<R extends Taken, T> ({ routes }: { readonly routes: readonly [R, ...R[]] }, valueOf: (route: R) => T): Place<T> {
  const [first, ...others] = routes
  if (others.length === 0 && first.hosts === undefined && first.methods === undefined) return valueOf(first)
  const choice = new Choice<T>()
  for (const route of routes) choice.add(route, valueOf(route))
  return choice
}

/**
 * The choice among the routes of one prefix: by the host that the client asked for, an exact name before one with an
 * asterisk before none, then by the method, one that is named before none. What takes the request wins; what is not
 * taken here is taken by no shorter prefix either.
 */
export class Choice<T> {
  /** By exact host. */
  readonly #exact = new Map<string, ByMethod<T>>()
  /** By what follows the asterisk: `.example.com`. */
  readonly #wildcards = new Map<string, ByMethod<T>>()
  #any: ByMethod<T> | undefined

  add ({ hosts, methods }: Taken, value: T): void {
    if (hosts === undefined) (this.#any ??= new ByMethod()).add(methods, value)
    for (const host of hosts ?? []) {
      const [table, name] = host.startsWith('*') ? [this.#wildcards, host.slice(1)] as const : [this.#exact, host] as const
      const routes = table.get(name) ?? new ByMethod<T>()
      table.set(name, routes)
      routes.add(methods, value)
    }
  }

  /** What takes the request; `undefined` for none. */
  find (request: IncomingMessage): T | undefined {
    const host = hostOf(request)
    const method = methodOf(request)
    return this.#exact.get(host)?.find(method) ?? this.#wildcards.get(afterLabel(host))?.find(method) ?? this.#any?.find(method)
  }

  /** Of what takes requests for the host, but not this one: the most special, and the methods that are taken; `undefined` for no such host. */
  others (request: IncomingMessage): { readonly first: T, readonly methods: string } | undefined {
    const host = hostOf(request)
    const routes = [this.#exact.get(host), this.#wildcards.get(afterLabel(host)), this.#any].filter(routes => routes !== undefined)
    const [first] = routes.flatMap(({ values }) => values)
    return first === undefined ? undefined : { first, methods: [...new Set(routes.flatMap(({ methods }) => methods))].join(', ') }
  }
}

/** The routes of one prefix and one host. */
class ByMethod<T> {
  readonly #named = new Map<string, T>()
  #any: T | undefined

  add (methods: readonly string[] | undefined, value: T): void {
    if (methods === undefined) this.#any = value
    for (const method of methods ?? []) {
      this.#named.set(method, value)
      if (method === 'GET') this.#named.set('HEAD', value)
    }
  }

  find (method: string): T | undefined {
    return this.#named.get(method) ?? this.#any
  }

  get values (): T[] {
    return [...this.#named.values()]
  }

  get methods (): string[] {
    return [...this.#named.keys()]
  }
}

/** A preflight asks for another method, which it names, and is for the route of that (Fetch standard, CORS-preflight fetch). */
function methodOf (request: IncomingMessage): string {
  return isPreflight(request) ? String(request.headers['access-control-request-method']) : String(request.method)
}

/** An OPTIONS without these two fields is one like any other. */
export function isPreflight ({ method, headers }: Pick<IncomingMessage, 'method' | 'headers'>): boolean {
  return method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined
}

/** The authority of an absolute-form counts more than Host (RFC 9112 section 3.2.2). */
function hostOf ({ url, headers }: IncomingMessage): string {
  return plainHost(splitAbsolute(String(url))?.authority ?? String(headers[':authority'] ?? headers.host ?? ''))
}

/** A host as it is compared: without port, case and trailing dot (RFC 3986 section 6.2.2.1). */
function plainHost (authority: string): string {
  const colon = authority.lastIndexOf(':')
  const isPort = colon !== -1 && !authority.includes(']', colon)
  const host = isPort ? authority.slice(0, colon) : authority
  return (host.endsWith('.') ? host.slice(0, -1) : host).toLowerCase()
}

/** `.example.com` of `a.example.com`, so that an asterisk is one label; nothing of `.example.com`. */
function afterLabel (host: string): string {
  const dot = host.indexOf('.')
  return dot < 1 ? '' : host.slice(dot)
}
