import { isIPv6 } from 'node:net'
import { domainToASCII } from 'node:url'
import { validateHost } from './target.js'

const WILDCARD = '*.'

/**
 * A host of a route as it is compared with what clients ask for: in lower case, without a trailing dot, a name of other
 * letters as browsers send it (`xn--`), an address of IPv6 in brackets.
 */
export function normalizeHost (text: string): string {
  if (text.startsWith(WILDCARD)) return WILDCARD + normalizeHost(text.slice(WILDCARD.length))
  const name = domainToASCII(isIPv6(text) ? `[${text}]` : text)
  return name.endsWith('.') ? name.slice(0, -1) : name
}

/** Says what is wrong with a host of a route; nothing when it is a name, an address, or `*.` and a name. */
export function validateRouteHost (text: string): string | undefined {
  if (text === '*') return 'must be a host name: leave hosts out to take every host'
  const name = text.startsWith(WILDCARD) ? text.slice(WILDCARD.length) : text
  if (name.includes('*')) return 'must have its "*" as the whole first label, such as "*.example.com"'
  if (/[\s/?#@\\%]/.test(name)) return 'must be the host alone, such as "api.example.com"'
  if (!isIPv6(name) && /:\d*$/.test(name) && !name.endsWith(']')) return 'must not have a port: hosts are compared without it'
  const host = normalizeHost(name)
  return host !== '' && validateHost(host) === undefined ? undefined : 'must be a host name such as "api.example.com" or "*.example.com"'
}

/** Says what is wrong with the Host field that a route sends; nothing when it is a word of its own or a host, perhaps with a port. */
export function validateHostField (text: string): string | undefined {
  return validateAuthority(text, 'must be "target", "preserve" or a host name such as "app.example.com"')
}

/** Says what is wrong with a Host field; nothing when it is a host, perhaps with a port. */
export function validateAuthority (text: string, otherwise = 'must be a host name such as "app.example.com"'): string | undefined {
  if (isIPv6(text)) return 'must have its IPv6 address in brackets'
  const port = /:(\d+)$/.exec(text)?.[1]
  const host = port === undefined ? text : text.slice(0, -port.length - 1)
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65535)) return 'must have a port from 1 to 65535'
  return validateHost(host) === undefined ? undefined : otherwise
}
