import type { IncomingMessage, Server } from 'node:http'
import { noteForeign } from '../node/request-line.js'
import { splitAbsolute } from '../proxy/path.js'

const kTarget = Symbol('target')

type Arriving = IncomingMessage & { [kTarget]?: string }

/** Prefixes whose requests are looked at, for each server. */
const watched = new WeakMap<Server, string[]>()

/**
 * Looks at each request before the router does, which takes no path that is not UTF-8 once it is decoded, and answers
 * 400 although services have such paths (`/caf%E9`). Only below `prefixes`: the rest is a host's own.
 */
export function watchArrivals (server: Server, prefixes: readonly string[]): void {
  const known = watched.get(server)
  if (known !== undefined) {
    known.push(...prefixes)
    return
  }
  const own = [...prefixes]
  watched.set(server, own)
  server.prependListener('request', request => {
    if (request.httpVersionMinor === 0) noteForeign(request)
    if (request.url?.includes('%') === true) makeRoutable(request, own)
  })
}

/** Gives the router a path that it can decode; what the client sent comes back with `restoreTarget`. */
export function makeRoutable (request: Arriving, prefixes: readonly string[]): void {
  const { url = '' } = request
  const routable = routableTarget(url)
  if (routable === url) return
  const path = splitAbsolute(url)?.path ?? url
  if (!prefixes.some(prefix => path.startsWith(prefix))) return
  request[kTarget] = url
  request.url = routable
}

/** The request's target is again what the client sent. */
export function restoreTarget (request: Arriving): void {
  if (request[kTarget] !== undefined) request.url = request[kTarget]
}

/** Octets beyond ASCII, percent-encoded, as many as stand together. */
const OCTETS = /(?:%[89a-f][\da-f])+/gi

/** Octets that are not UTF-8 are read as the letters of Latin-1, as which most of them were meant. */
export function routableTarget (url: string): string {
  const query = url.indexOf('?')
  const path = query === -1 ? url : url.slice(0, query)
  return path.replace(OCTETS, octets => isUtf8(octets) ? octets : octets.replace(/%../g, asLatin1)) + url.slice(path.length)
}

function isUtf8 (octets: string): boolean {
  try {
    decodeURIComponent(octets)
    return true
  } catch {
    return false
  }
}

function asLatin1 (octet: string): string {
  return encodeURIComponent(String.fromCharCode(parseInt(octet.slice(1), 16)))
}
