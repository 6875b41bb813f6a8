/** A header's name: a token (RFC 9110 section 5.6.2). */
export const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/

export const HEADER_NAME = 'must be a header name such as "X-Tenant"'

const OF_THE_HOP = [
  'connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'upgrade', 'expect', 'http2-settings'
]

/** What no rule may touch: two readers of one message would disagree about it, or a service would believe it of its client. */
const REASONS: ReadonlyArray<readonly [reason: string, names: readonly string[]]> = [
  ['it frames the message', ['content-length', 'transfer-encoding', 'trailer']],
  ['it is of one connection alone', OF_THE_HOP],
  ['it names whom the request is for', ['host']],
  ['the gateway itself tells by it who was on the way', ['via', 'forwarded', 'x-forwarded', 'x-real-ip']]
]

/**
 * Says what is wrong with the name of a header that a rule sets, appends or removes. Services of CGI and WSGI read
 * `X_Forwarded_For` as `X-Forwarded-For`, so it is validated as that.
 */
export function validateHeaderName (text: string): string | undefined {
  if (!TOKEN.test(text)) return HEADER_NAME
  const name = spelledAlike(text)
  const known = name.startsWith('x-forwarded-') ? 'x-forwarded' : name
  const [reason] = REASONS.find(([, names]) => names.includes(known)) ?? []
  return reason === undefined ? undefined : `must be another header: ${reason}`
}

/** As the names of headers are compared: without regard to case, and an underscore is a hyphen. */
export function spelledAlike (name: string): string {
  return name.toLowerCase().replaceAll('_', '-')
}
