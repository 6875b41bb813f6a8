import { METHODS } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import { noteForeign } from '../node/request-line.js'
import { splitAbsolute } from '../proxy/path.js'

const kSent = Symbol('sent')

/** What the client sent, where the router was given something else. */
interface Sent { readonly url: string, readonly method: string }

type Arriving = IncomingMessage & { [kSent]?: Sent }

const KNOWN_METHODS = new Set(METHODS)
/** What no service has a handler for, and the gateway rejects as well. */
const HARMLESS = 'TRACE'

/** Prefixes whose requests are looked at, for each server. */
const watched = new WeakMap<Server, string[]>()

/**
 * Looks at each request before the router does, which rejects in its own words, before any policy, what is well-formed:
 * paths that are not UTF-8 once they are decoded (`/caf%E9`), and methods that it does not know, which over HTTP/2 no
 * parser has kept away. Only below `prefixes`: the rest is a host's own.
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
    if (request.httpVersion === '1.0') noteForeign(request)
    const isUnknown = request.httpVersionMajor === 2 && !KNOWN_METHODS.has(String(request.method))
    // The service's own server rejects such a method itself.
    if (request.url?.includes('%') === true || (isUnknown && server.listenerCount('unknownMethod') === 0)) makeRoutable(request, own)
  })
  // Where nobody listens, Node writes a bare 417, past every policy and every log.
  server.on('checkExpectation', (request, response) => {
    // A host that listens itself, or the service's own server, has dealt with it.
    if (server.listenerCount('checkExpectation') > 1) return
    if (isBelow(request, own)) server.emit('request', request, response)
    else response.writeHead(417).end()
  })
}

function isBelow ({ url = '' }: IncomingMessage, prefixes: readonly string[]): boolean {
  const path = splitAbsolute(url)?.path ?? url
  return prefixes.some(prefix => path.startsWith(prefix))
}

/** Gives the router a path and a method that it knows; what the client sent comes back with `restoreSent`. */
export function makeRoutable (request: Arriving, prefixes: readonly string[]): void {
  const { url = '', method = '' } = request
  const routable = routableTarget(url)
  const isKnown = KNOWN_METHODS.has(method)
  if (routable === url && isKnown) return
  if (!isBelow(request, prefixes)) return
  request[kSent] = { url, method }
  request.url = routable
  if (!isKnown) request.method = HARMLESS
}

/** The request is again what the client sent. */
export function restoreSent (request: Arriving): void {
  if (request[kSent] !== undefined) Object.assign(request, request[kSent])
}

/** Octets beyond ASCII, percent-encoded, as many as stand together. */
const OCTETS = /(?:%[89a-f][\da-f])+/gi

/** A percent sign that encodes nothing. */
const STRAY = /%(?![\da-f]{2})/gi

/**
 * Octets that are not UTF-8 are read as the letters of Latin-1, as which most of them were meant. A percent sign that
 * encodes nothing is itself: whoever it is for rejects it, behind the route's policies.
 */
export function routableTarget (url: string): string {
  const query = url.indexOf('?')
  const path = query === -1 ? url : url.slice(0, query)
  return path.replace(STRAY, '%25').replace(OCTETS, octets => isUtf8(octets) ? octets : octets.replace(/%../g, asLatin1)) + url.slice(path.length)
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
