/** Stands in place of a value. */
export const REDACTED = '[redacted]'

const SLASH = 0x2f

/** Query keys whose values are secrets: credentials, and what signs a URL. */
export const SECRET_KEYS = [
  'access_token', 'id_token', 'refresh_token', 'token', 'code', 'api_key', 'apikey', 'client_secret', 'secret', 'password', 'signature', 'sig',
  'x-amz-signature', 'x-amz-security-token', 'x-amz-credential'
]

/** Takes secrets out of URLs before they are logged. */
export class Redaction {
  readonly #keys: ReadonlySet<string>

  /** @param keys of the query, in whatever case */
  constructor (keys: readonly string[]) {
    this.#keys = new Set(keys.map(key => key.toLowerCase()))
  }

  /** The URL with the values of the keys taken out; most have none, and are returned as they are. */
  url (url: string): string {
    return this.#query(url.charCodeAt(0) === SLASH ? url : withoutUser(url))
  }

  #query (url: string): string {
    let at = url.indexOf('?')
    if (at === -1 || this.#keys.size === 0) return url
    let result = ''
    let copied = 0
    while (at !== -1) {
      const start = at + 1
      const next = url.indexOf('&', start)
      const end = next === -1 ? url.length : next
      const equals = url.indexOf('=', start)
      if (equals !== -1 && equals < end && this.#keys.has(keyOf(url.slice(start, equals)))) {
        result += url.slice(copied, equals + 1) + REDACTED
        copied = end
      }
      at = next
    }
    return copied === 0 ? url : result + url.slice(copied)
  }
}

/** Of an absolute URL, without the name and password before its host. */
function withoutUser (url: string): string {
  return url.replace(/^([a-z][a-z\d+.-]*:\/\/)[^/?#]*@/i, `$1${REDACTED}@`)
}

/** A service decodes a key before it compares it, so `access%5Ftoken` is one as well. */
function keyOf (text: string): string {
  if (!text.includes('%')) return text.toLowerCase()
  try {
    return decodeURIComponent(text).toLowerCase()
  } catch {
    return text.toLowerCase()
  }
}
