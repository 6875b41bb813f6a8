import { isIP, isIPv6 } from 'node:net'

/**
 * Where an upstream listens. `host` is a name or an address, without brackets also for IPv6. `basePath` stands before the
 * path of each request; it has no slash at its end.
 */
export type Target =
  | { protocol: 'http' | 'https', host: string, port: number, basePath?: string }
  | { protocol: 'http', socketPath: string }

const UNIX = 'unix:'
/** Bytes that every system takes for the path of a socket. */
const LONGEST_SOCKET_PATH = 103

const SCHEME = /^(https?):\/\//i
const LABEL = /^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?$/

/**
 * Reads a target such as `http://localhost:3001/base` or `unix:/run/app.sock`, which {@link validateTarget} must have passed.
 * The port defaults to 80 or 443.
 */
export function parseTarget (text: string): Target {
  if (text.startsWith(UNIX)) return { protocol: 'http', socketPath: text.slice(UNIX.length) }
  const url = new URL(text)
  const protocol = url.protocol === 'https:' ? 'https' : 'http'
  const port = url.port === '' ? (protocol === 'https' ? 443 : 80) : Number(url.port)
  const basePath = pathOf(text).replace(/\/$/, '')
  return { protocol, host: bareHost(url.hostname), port, ...(basePath !== '' && { basePath }) }
}

/**
 * Reads what code gives as a target, a URL or its parts.
 *
 * @throws TypeError that says what is wrong with it
 */
export function readTarget (given: unknown): Target {
  if (typeof given === 'string') {
    const wrong = validateTarget(given)
    if (wrong !== undefined) throw new TypeError(`the target ${wrong}`)
    return parseTarget(given)
  }
  if (typeof given !== 'object' || given === null || !('host' in given) || !('port' in given)) throw new TypeError('the target must be a URL or an object with host and port')
  const { host, port } = given
  const protocol = 'protocol' in given ? given.protocol : 'http'
  if (typeof host !== 'string' || validateHost(host) !== undefined) throw new TypeError('the target\'s host must be a host name or an IP address')
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65535) throw new TypeError('the target\'s port must be a number from 1 to 65535')
  if (protocol !== 'http' && protocol !== 'https') throw new TypeError('the target\'s protocol must be http or https')
  return { protocol, host: bareHost(host), port }
}

/** An address with its place among others. */
export type WeightedTarget = Target & { weight: number, backup: boolean }

/**
 * Reads what code gives as one of several targets: as {@link readTarget}, or an object with `url`, `weight` and `backup`.
 *
 * @throws TypeError that says what is wrong with it
 */
export function readWeightedTarget (given: unknown): WeightedTarget {
  if (typeof given !== 'object' || given === null || !('url' in given)) return { ...readTarget(given), weight: 1, backup: false }
  const weight = 'weight' in given ? given.weight : 1
  const backup = 'backup' in given ? given.backup : false
  if (typeof weight !== 'number' || !Number.isInteger(weight) || weight < 1 || weight > 1000) throw new TypeError('the target\'s weight must be a whole number from 1 to 1000')
  if (typeof backup !== 'boolean') throw new TypeError('the target\'s backup must be true or false')
  return { ...readTarget(given.url), weight, backup }
}

/** Says what is wrong with a target; nothing when it is a scheme, a host, perhaps a port and a base path, or the path of a socket. */
export function validateTarget (text: string): string | undefined {
  if (text.startsWith(UNIX)) return validateSocketPath(text.slice(UNIX.length))
  if (!SCHEME.test(text)) return 'must start with "http://", "https://" or "unix:"'
  // The URL parser would silently drop or turn these.
  if (/[\s\\]/.test(text)) return 'must not contain white space or backslashes'
  // Read from the text: the parser cannot tell "http://host" from "http://host/",
  // and drops an empty query or fragment.
  const afterScheme = text.replace(SCHEME, '')
  const authority = afterScheme.replace(/[/?#].*$/, '')
  const port = /:(\d+)$/.exec(authority)?.[1]
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65535)) return 'must have a port from 1 to 65535'
  if (!URL.canParse(text)) return 'must be a URL such as "http://localhost:3001"'

  const url = new URL(text)
  if (url.username !== '' || url.password !== '') return 'must not carry a user name or password'
  const rest = afterScheme.slice(authority.length)
  const wrong = rest === '' ? undefined : validateBasePath(rest)
  if (wrong !== undefined) return wrong

  const host = bareHost(url.hostname)
  // The parser takes "http://3001" for 0.0.11.185.
  if (isIP(host) === 4 && !authority.includes(host)) return 'must name a host, or an IPv4 address with its four numbers'
  return validateHost(host)
}

/** As it is written: the parser would resolve `..` and encode what is beyond ASCII. */
function pathOf (text: string): string {
  return text.replace(SCHEME, '').replace(/^[^/]*/, '')
}

function validateBasePath (rest: string): string | undefined {
  if (rest.includes('#')) return 'must not have a fragment ("#")'
  if (rest.includes('?')) return 'must not have a query ("?"): the one of the request is forwarded'
  if (rest.includes('//')) return 'must not have an empty segment ("//") in its base path'
  if (/\/(?:\.|%2e){1,2}(?:\/|$)/i.test(rest)) return 'must not have "." or ".." as a segment of its base path'
  return /^(?:[\w.~!$&'()*+,;=:@/-]|%[\da-f]{2})*$/i.test(rest) ? undefined : 'must have a base path in ASCII, all else percent-encoded'
}

function validateSocketPath (path: string): string | undefined {
  if (!/^\/[^/\0][^\0]*$/.test(path)) return 'must be "unix:" and an absolute path, such as "unix:/run/app.sock"'
  return Buffer.byteLength(path) > LONGEST_SOCKET_PATH ? `must have a path of at most ${LONGEST_SOCKET_PATH} bytes` : undefined
}

/** Takes the brackets off an IPv6 address. */
export function bareHost (host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
}

/** Says what is wrong with a host; nothing when it is a name or an address. */
export function validateHost (text: string): string | undefined {
  const host = bareHost(text)
  if (isIPv6(host) || (isIP(host) !== 0 && host === text)) return undefined
  if (host.includes('/')) return 'must be the host alone: for a URL, write it as the target itself'
  if (/^[^:]+:\d+$/.test(host)) return 'must be the host alone: write the port in "port"'

  const labels = host.replace(/\.$/, '').split('.')
  // A name whose last label is a number is an address that went wrong.
  const isName = host.length <= 253 && labels.every((label) => LABEL.test(label)) && !/(^|\.)\d+\.?$/.test(host)
  return isName && host === text ? undefined : 'must be a host name or an IP address'
}
