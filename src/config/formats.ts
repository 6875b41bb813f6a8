import { METHODS } from 'node:http'
import { isIP, isIPv6 } from 'node:net'
import { validateAuthUrl, validateJwksUrl, validatePublicKey, validateSecret } from './auth-formats.js'
import { validateCookieDomain, validateCookiePath } from './cookie-names.js'
import { validateHeaderName } from './header-names.js'
import { validateTemplate } from './header-template.js'
import { validateAuthority, validateHostField, validateRouteHost } from './hosts.js'
import { validatePattern } from './pattern.js'
import { validateCertificates, validateKey } from './pem.js'
import { validateHost, validateTarget } from './target.js'
import { DURATION, LONGEST_TIMEOUT, parseDuration, parseSize, SIZE } from './units.js'

/**
 * Says what is wrong with a text as "must …"; nothing when it is right, or when
 * the schema's own pattern and words say it well enough.
 */
type Validate = (text: string) => string | undefined

/** A prefix that can be mounted as it is: plain segments, nothing encoded, nothing that a router would read as a pattern. */
export const PREFIX = /^\/$|^(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._~@+$!,=&-]+)+$/

const PROXY_NAMES = ['loopback', 'linklocal', 'uniquelocal']

/** What one trusted proxy may be. */
export const PROXY = `must be an IP address, a CIDR range such as "10.0.0.0/8", or ${PROXY_NAMES.join(', ')}`

/** What one origin may be. */
export const ORIGIN = 'must be an origin such as "https://app.example.com"'

/** What an origin with an asterisk may be. */
const ORIGINS = 'must be one exact origin, one with "*" as its whole first label such as "https://*.example.com", or "*" alone'

/** Bytes of a request's head: what browsers send must pass, and each connection may take as much memory. */
export const LEAST_HEADER_SIZE = 1024
/** More than is written at once: a file that is put aside has something in it. */
export const LEAST_LOG_SIZE = 65_536
export const MOST_HEADER_SIZE = 1024 ** 2

/** What `maxHeaderSize` may be. */
export const HEADER_SIZE = 'must be a size from "1kb" to "1mb", or as many bytes'

const HASH_KEY = /^(ip|path|(header|cookie):[A-Za-z0-9!#$%&'*+.^_`|~-]+)$/

const CLIENT_KEY_TEXT = /^(ip|(header|cookie):[A-Za-z0-9!#$%&'*+.^_`|~-]+|claim:[!-~]+)$/

const TOKEN_SOURCE = /^(header|cookie:[A-Za-z0-9!#$%&'*+.^_`|~-]+)$/

/** What a client may be counted under. */
export const CLIENT_KEY = 'must be "ip", or "header:", "cookie:" or "claim:" and a name'

/** What a bearer token may be. */
export const BEARER_TOKEN = 'must be a token of letters, digits and "-", "_", ".", "~", "+", "/", with "=" at its end at most'

/** The formats that JSON Schema has no word for. The schema names them. */
export const formats = {
  prefix: validatePrefix,
  target: validateTarget,
  host: validateHost,
  'route-host': validateRouteHost,
  'host-field': validateHostField,
  authority: (text) => validateAuthority(text),
  method: validateMethod,
  location: validateLocation,
  'safe-pattern': validatePattern,
  duration: (text) => validateDuration(text, 0),
  timeout: (text) => validateDuration(text, 1),
  proxy: validateProxy,
  proxies: (text) => text.split(',').map((part) => validateProxy(part.trim())).find((wrong) => wrong !== undefined),
  origin: validateOrigin,
  certificates: validateCertificates,
  'private-key': validateKey,
  'header-size': validateHeaderSize,
  'header-name': validateHeaderName,
  'header-value': validateTemplate,
  'cookie-path': validateCookiePath,
  'cookie-domain': validateCookieDomain,
  'hash-key': (text) => HASH_KEY.test(text) ? undefined : 'must be "ip", "path", "header:" and a name, or "cookie:" and a name',
  'log-field': validateLogField,
  'log-size': text => SIZE.test(text) && parseSize(text) >= LEAST_LOG_SIZE ? undefined : LOG_SIZE,
  'upstream-name': (text) => /^[A-Za-z0-9][\w.-]{0,63}$/.test(text) ? undefined : 'must be a name of up to 64 letters, digits and "-", "_", ".", that starts with a letter or digit',
  'client-key': (text) => CLIENT_KEY_TEXT.test(text) ? undefined : CLIENT_KEY,
  'jwks-url': validateJwksUrl,
  'auth-url': validateAuthUrl,
  'public-key': validatePublicKey,
  'token-secret': validateSecret,
  'token-source': (text) => TOKEN_SOURCE.test(text) ? undefined : 'must be "header", or "cookie:" and a name',
  'key-name': (text) => /^[\w.@:+-]{1,128}$/.test(text) ? undefined : 'must be a name of up to 128 letters, digits and "-", "_", ".", "@", ":", "+"',
  'limit-store': validateLimitStore,
  // RFC 6750 section 2.1.
  'bearer-token': (text) => /^[A-Za-z0-9._~+/-]+=*$/.test(text) ? undefined : BEARER_TOKEN,
  'address-range': validateRange
} satisfies Record<string, Validate>

export type Format = keyof typeof formats

export function isFormat (name: string): name is Format {
  return Object.hasOwn(formats, name)
}

function validatePrefix (text: string): string | undefined {
  if (PREFIX.test(text)) return undefined
  if (!text.startsWith('/')) return 'must start with "/"'
  if (/\/\*$/.test(text)) return 'must not end with "/*": a prefix covers everything below it already'
  if (text.endsWith('/')) return 'must not end with "/"'
  if (text.includes('//')) return 'must not contain an empty segment ("//")'
  if (/\/\.{1,2}(\/|$)/.test(text)) return 'must not contain "." or ".." as a segment'
  const odd = text.match(/[^A-Za-z0-9._~@+$!,=&/-]/u)
  return `must not contain ${JSON.stringify(odd?.[0])}: a prefix is plain text, made of letters, digits and -._~@+$!,=&`
}

function validateDuration (text: string, least: number): string | undefined {
  if (/^\d+(\.\d+)?$/.test(text)) return 'must name its unit (ms, s, m, h or d), or be a number of milliseconds without quotes'
  if (!DURATION.test(text)) return undefined
  const amount = parseDuration(text)
  if (amount < least) return `must be at least ${least} ms`
  return amount > LONGEST_TIMEOUT ? `must be at most ${LONGEST_TIMEOUT} ms (about 24.8 days)` : undefined
}

function validateHeaderSize (text: string): string | undefined {
  const bytes = SIZE.test(text) ? parseSize(text) : NaN
  return bytes >= LEAST_HEADER_SIZE && bytes <= MOST_HEADER_SIZE ? undefined : HEADER_SIZE
}

const STORE = 'must be "memory", or a URL such as "redis://:password@localhost:6379/0" or "rediss://…" (TLS)'

// ioredis would read options of all kinds from a query; and a "@" of a password that is not encoded hides where it ends.
function validateLimitStore (text: string): string | undefined {
  if (text === 'memory') return undefined
  if (!/^rediss?:\/\//.test(text) || !URL.canParse(text)) return STORE
  const { hostname, pathname, search, hash } = new URL(text)
  if (search !== '' || hash !== '') return `${STORE}, without "?" and "#"; in a password they are percent-encoded`
  if (text.split('@').length > 2) return `${STORE}; "@" in a password is "%40"`
  return hostname !== '' && /^\/?\d{0,4}$/.test(pathname) && isDecodable(text) ? undefined : STORE
}

function isDecodable (text: string): boolean {
  try {
    return decodeURIComponent(text) !== ''
  } catch {
    return false
  }
}

function validateRange (text: string): string | undefined {
  const [address = '', range = '0', ...more] = text.split('/')
  const isRange = /^\d{1,3}$/.test(range) && Number(range) <= (isIPv6(address) ? 128 : 32)
  return isIP(address) !== 0 && isRange && more.length === 0 ? undefined : 'must be an IP address, or a CIDR range such as "10.0.0.0/8"'
}

// What @fastify/proxy-addr accepts, and no more: it throws for a range of /0.
function validateProxy (text: string): string | undefined {
  if (PROXY_NAMES.includes(text)) return undefined
  const [address = '', range, ...more] = text.split('/')
  const isRange = range === undefined || (/^\d+$/.test(range) && Number(range) >= 1 && Number(range) <= (isIPv6(address) ? 128 : 32))
  return isIP(address) !== 0 && isRange && more.length === 0
    ? undefined
    : PROXY
}

// A browser sends scheme, host and a port that is not the default, and the
// comparison is exact: anything else would never match.
function validateOrigin (text: string): string | undefined {
  if (text === '*' || text === 'null') return undefined
  if (text.includes('*')) return validateOrigins(text)
  const origin = /^https?:/i.test(text) && URL.canParse(text) ? new URL(text).origin : text
  if (origin !== text) return `must be written as browsers send it: ${JSON.stringify(origin)}`
  return /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s]+$/.test(text) ? undefined : ORIGIN
}

/** The origins of one label: never a bare suffix, which `https://evilexample.com` has, too. */
function validateOrigins (text: string): string | undefined {
  const [scheme = '', suffix, ...more] = text.split('://*.')
  // A label stands in for the asterisk, so that the rest is judged as that of an exact origin.
  const origin = `${scheme}://x.${suffix}`
  // Every page of a top-level domain is nobody's policy.
  const isBare = suffix === undefined || !/^[^:]*\.[^:]|^localhost(?=:|$)/i.test(suffix)
  const wrong = isBare || more.length > 0 || origin.includes('*') ? ORIGINS : validateOrigin(origin)
  return wrong?.replace(`"${scheme}://x.`, `"${scheme}://*.`)
}

export const LOG_SIZE = 'must be a size of at least 64kb: whole bytes (104857600) or text such as "100mb"'

const LOG_FIELDS = [
  'time', 'reqId', 'ip', 'method', 'url', 'status', 'route', 'target', 'attempts', 'bytes', 'duration', 'upstreamDuration', 'outcome', 'err', 'cause'
]

function validateLogField (text: string): string | undefined {
  if (LOG_FIELDS.includes(text) || /^header:[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(text)) return undefined
  return `must be one of ${LOG_FIELDS.join(', ')}, or "header:" and a name`
}

function validateMethod (text: string): string | undefined {
  if (text === 'CONNECT' || text === 'TRACE') return 'must be a method that is forwarded'
  return METHODS.includes(text) ? undefined : 'must be a method in capitals such as "GET"'
}

function validateLocation (text: string): string | undefined {
  if (/[^!-~]|\\/.test(text)) return 'must not contain white space, backslashes or anything beyond ASCII'
  if (text.startsWith('//')) return 'must start with one "/", or be a URL'
  return text.startsWith('/') || (/^https?:\/\//i.test(text) && URL.canParse(text)) ? undefined : 'must be a path such as "/docs" or a URL such as "https://example.com/docs"'
}
