import { isIP, isIPv6 } from 'node:net'

/** Where an upstream listens. */
export interface Target {
  protocol: 'http' | 'https'
  /** A name or an address, without brackets also for IPv6. */
  host: string
  port: number
}

const SCHEME = /^(https?):\/\//i
const LABEL = /^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?$/

/**
 * Reads a target's URL.
 *
 * @param text such as `http://localhost:3001`; the port defaults to 80 or 443
 * @returns the target, or a sentence that says what is wrong with the text
 */
export function parseTarget (text: string): Target | string {
  if (!SCHEME.test(text)) return 'must start with "http://" or "https://"'
  // The URL parser would silently drop or turn these.
  if (/[\s\\]/.test(text)) return 'must not contain white space or backslashes'
  if (!URL.canParse(text)) return 'must be a URL such as "http://localhost:3001"'

  const url = new URL(text)
  if (url.username !== '' || url.password !== '') return 'must not carry a user name or password'
  // Read from the text: the parser cannot tell "http://host" from "http://host/",
  // and drops an empty query or fragment.
  const rest = text.replace(SCHEME, '').replace(/^[^/?#]*/, '')
  if (rest !== '') {
    return `must end after the host and port, without ${JSON.stringify(rest)}: use pathRewrite to change the path`
  }

  const host = bareHost(url.hostname)
  const wrong = judgeHost(host)
  if (wrong !== undefined) return wrong
  if (url.port === '0') return 'must have a port from 1 to 65535'
  const protocol = url.protocol === 'https:' ? 'https' : 'http'
  const port = url.port === '' ? (protocol === 'https' ? 443 : 80) : Number(url.port)
  return { protocol, host, port }
}

/** Takes the brackets off an IPv6 address. */
export function bareHost (host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
}

/** Says what is wrong with a host; nothing when it is a name or an address. */
export function judgeHost (text: string): string | undefined {
  const host = bareHost(text)
  if (isIPv6(host) || (isIP(host) !== 0 && host === text)) return undefined
  if (host.includes('/')) return 'must be the host alone: for a URL, write it as the target itself'
  if (/^[^:]+:\d+$/.test(host)) return 'must be the host alone: write the port in "port"'

  const labels = host.replace(/\.$/, '').split('.')
  // A name whose last label is a number is an address that went wrong.
  const isName = host.length <= 253 && labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(labels.at(-1) ?? '')
  return isName && host === text ? undefined : 'must be a host name or an IP address'
}
