/** What of a request a hash may go by. */
export interface HashedRequest {
  /** The client's address. */
  readonly ip: string
  /** As the client sent it, with or without the query. */
  readonly path: string
  /** @param name in lower case */
  header (name: string): string | undefined
}

const HEADER = 'header:'
const COOKIE = 'cookie:'

/**
 * Prepares what the key of a request is, at start.
 *
 * @param source `ip`, `path`, `header:` with a name, or `cookie:` with one. A request without that header or cookie has its
 * client's address as its key: a key that is the same for all would send all of them to one target.
 * @throws TypeError for anything else
 */
export function compileHashKey (source: string): (request: HashedRequest) => string {
  if (source === 'ip') return ipOf
  if (source === 'path') return pathOf
  if (source.startsWith(HEADER) && source.length > HEADER.length) {
    const name = source.slice(HEADER.length).toLowerCase()
    return request => request.header(name) || request.ip
  }
  if (source.startsWith(COOKIE) && source.length > COOKIE.length) {
    const name = source.slice(COOKIE.length)
    return request => cookieOf(request.header('cookie') ?? '', name) || request.ip
  }
  throw new TypeError(`a hash goes by "ip", "path", "header:" or "cookie:" with a name, not by ${JSON.stringify(source)}`)
}

function ipOf ({ ip }: HashedRequest): string {
  return ip
}

function pathOf ({ path }: HashedRequest): string {
  const query = path.indexOf('?')
  return query === -1 ? path : path.slice(0, query)
}

/** The value of the first cookie of this name, byte for byte (RFC 6265 section 4.2.1); `undefined` where there is none. */
export function cookieOf (cookies: string, name: string): string | undefined {
  let at = 0
  while (at < cookies.length) {
    if (isSpace(cookies, at)) {
      at++
      continue
    }
    const semicolon = cookies.indexOf(';', at)
    const end = semicolon === -1 ? cookies.length : semicolon
    const value = at + name.length + 1
    if (value <= end && cookies.startsWith(name, at) && cookies.charAt(value - 1) === '=') return cookies.slice(value, withoutSpace(cookies, end))
    at = end + 1
  }
  return undefined
}

function isSpace (text: string, at: number): boolean {
  const character = text.charAt(at)
  return character === ' ' || character === '\t'
}

/** Where the text ends that ends with spaces at `end`. */
function withoutSpace (text: string, end: number): number {
  let last = end
  while (isSpace(text, last - 1)) last--
  return last
}
