import { isIP, isIPv6 } from 'node:net'
import safeRegex from 'safe-regex2'
import { judgeHost, parseTarget } from './target.js'
import { DURATION, LONGEST_TIMEOUT, parseDuration } from './units.js'

/**
 * Says what is wrong with a text as "must …"; nothing when it is right, or when
 * the schema's own pattern and words say it well enough.
 */
type Judge = (text: string) => string | undefined

/** A prefix that can be mounted as it is: plain segments, nothing encoded, nothing that a router would read as a pattern. */
export const PREFIX = /^\/$|^(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._~@+$!,=&-]+)+$/

const PROXY_NAMES = ['loopback', 'linklocal', 'uniquelocal']

/** The formats that JSON Schema has no word for. The schema names them, {@link judges} decides. */
export const judges = {
  prefix: judgePrefix,
  target: (text) => {
    const target = parseTarget(text)
    return typeof target === 'string' ? target : undefined
  },
  host: judgeHost,
  'safe-pattern': judgePattern,
  duration: (text) => judgeDuration(text, 0),
  timeout: (text) => judgeDuration(text, 1),
  proxy: judgeProxy,
  proxies: (text) => text.split(',').map((part) => judgeProxy(part.trim())).find((wrong) => wrong !== undefined),
  origin: judgeOrigin,
  address: (text) => isIP(text) === 0 ? 'must be an IP address' : undefined
} satisfies Record<string, Judge>

export type Format = keyof typeof judges

export function isFormat (name: unknown): name is Format {
  return typeof name === 'string' && Object.hasOwn(judges, name)
}

function judgePrefix (text: string): string | undefined {
  if (PREFIX.test(text)) return undefined
  if (!text.startsWith('/')) return 'must start with "/"'
  if (/\/\*$/.test(text)) return 'must not end with "/*": a prefix covers everything below it already'
  if (text.endsWith('/')) return 'must not end with "/"'
  if (text.includes('//')) return 'must not contain an empty segment ("//")'
  if (/\/\.{1,2}(\/|$)/.test(text)) return 'must not contain "." or ".." as a segment'
  const odd = text.match(/[^A-Za-z0-9._~@+$!,=&/-]/u)
  return `must not contain ${JSON.stringify(odd?.[0])}: a prefix is plain text, made of letters, digits and -._~@+$!,=&`
}

function judgePattern (text: string): string | undefined {
  try {
    RegExp(text)
  } catch (error) {
    return `must be a regular expression (${String(error).replace(/^.*: /, '').toLowerCase()})`
  }
  return safeRegex(text)
    ? undefined
    : 'must not repeat what is repeated already, as (a+)+ does: a crafted path could keep such a pattern busy for minutes'
}

function judgeDuration (text: string, least: number): string | undefined {
  if (/^\d+(\.\d+)?$/.test(text)) return 'must name its unit (ms, s, m, h or d), or be a number of milliseconds without quotes'
  if (!DURATION.test(text)) return undefined
  const amount = parseDuration(text)
  if (amount < least) return `must be at least ${least} ms`
  return amount > LONGEST_TIMEOUT ? `must be at most ${LONGEST_TIMEOUT} ms (about 24.8 days)` : undefined
}

// What @fastify/proxy-addr accepts, and no more: it throws for a range of /0.
function judgeProxy (text: string): string | undefined {
  if (PROXY_NAMES.includes(text)) return undefined
  const [address = '', range, ...more] = text.split('/')
  const isRange = range === undefined || (/^\d+$/.test(range) && Number(range) >= 1 && Number(range) <= (isIPv6(address) ? 128 : 32))
  return isIP(address) !== 0 && isRange && more.length === 0
    ? undefined
    : `must be an IP address, a CIDR range such as "10.0.0.0/8", or ${PROXY_NAMES.join(', ')}`
}

// A browser sends scheme, host and a port that is not the default, and the
// comparison is exact: anything else would never match.
function judgeOrigin (text: string): string | undefined {
  if (text === '*' || text === 'null') return undefined
  if (text.includes('*')) return 'must be one exact origin, or "*" alone: patterns are not supported'
  const origin = /^https?:/i.test(text) && URL.canParse(text) ? new URL(text).origin : text
  if (origin !== text) return `must be written as browsers send it: ${JSON.stringify(origin)}`
  return /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s]+$/.test(text) ? undefined : 'must be an origin such as "https://app.example.com"'
}
