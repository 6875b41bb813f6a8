import type { Attributes } from '@opentelemetry/api'
import type { ObservedAttempt } from '../proxy/observers.js'
import type { Redaction } from './redaction.js'

// The stable semantic conventions for HTTP spans: https://opentelemetry.io/docs/specs/semconv/http/http-spans/

/** What is known of a request before anything has become of it. */
export interface TracedRequest {
  /** In origin-form. */
  readonly url: string
  readonly httpVersion: string
  readonly protocol: string
  /** The authority that it asked for; empty for none. */
  readonly host: string
  /** The client's address; empty where it is gone. */
  readonly ip: string
  readonly userAgent: string | undefined
}

/** All others are `_OTHER`, so that no client can make up names of spans. */
const METHODS = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'QUERY', 'TRACE'])

/** Of a name of a span, in place of a method that is not known. */
export function methodInName (method: string): string {
  return METHODS.has(method) ? method : 'HTTP'
}

/** What a sampler may go by. Most requests are not sampled: all that can be said later is. */
export function sampledAttributes (method: string, url: string): Attributes {
  const query = url.indexOf('?')
  return { ...methodAttributes(method), 'url.path': query === -1 ? url : url.slice(0, query) }
}

export function serverAttributes ({ url, httpVersion, protocol, host, ip, userAgent }: TracedRequest, redaction: Redaction): Attributes {
  const attributes: Attributes = { 'url.scheme': protocol, 'network.protocol.version': versionOf(httpVersion) }
  const query = url.indexOf('?')
  if (query !== -1) attributes['url.query'] = redaction.url(url).slice(query + 1)
  if (host !== '') addServer(attributes, host)
  if (ip !== '') attributes['client.address'] = ip
  if (userAgent !== undefined) attributes['user_agent.original'] = userAgent
  return attributes
}

export function clientAttributes ({ target, method, path }: ObservedAttempt, attempts: number, redaction: Redaction): Attributes {
  const attributes: Attributes = methodAttributes(method)
  const { endpoint, hostField } = target
  if ('socketPath' in endpoint) {
    attributes['network.transport'] = 'unix'
    attributes['server.address'] = endpoint.socketPath
  } else {
    attributes['server.address'] = endpoint.host
    attributes['server.port'] = endpoint.port
    attributes['url.full'] = redaction.url(`${endpoint.protocol}://${hostField}${path}`)
  }
  attributes['network.protocol.version'] = endpoint.http2 === true ? '2' : '1.1'
  if (attempts > 1) attributes['http.request.resend_count'] = attempts - 1
  return attributes
}

function methodAttributes (method: string): Attributes {
  return METHODS.has(method) ? { 'http.request.method': method } : { 'http.request.method': '_OTHER', 'http.request.method_original': method }
}

/** Of an authority, which may be an address of IPv6 in brackets. */
function addServer (attributes: Attributes, host: string): void {
  const colon = host.lastIndexOf(':')
  const hasPort = colon > host.lastIndexOf(']')
  attributes['server.address'] = hasPort ? host.slice(0, colon) : host
  const port = hasPort ? Number(host.slice(colon + 1)) : NaN
  if (port > 0) attributes['server.port'] = port
}

/** `2`, not `2.0`. */
function versionOf (httpVersion: string): string {
  return httpVersion === '2.0' ? '2' : httpVersion
}
