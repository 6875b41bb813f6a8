import { splitUrl, UnreadableRequest } from './asked-request.js'

export interface CurlUrl {
  readonly host: string
  readonly target: string
  /** That stands before the host. */
  readonly user: string | undefined
}

/**
 * @param keeps what curl is told to leave as it is
 * @throws UnreadableRequest
 */
export function readCurlUrl (url: string, keeps: { readonly brackets: boolean, readonly dots: boolean }): CurlUrl {
  // curl takes a url without a scheme for http.
  const { host: authority, target: written } = splitUrl(/^(?:\w+:\/\/|\/)/.test(url) ? url : `http://${url}`)
  const single = keeps.brackets ? written : withoutGlobs(written)
  const at = authority.lastIndexOf('@')
  return {
    host: authority.slice(at + 1),
    target: keeps.dots ? single : withoutDots(single),
    user: at === -1 ? undefined : decoded(authority.slice(0, at))
  }
}

export function withQuery (target: string, query: string): string {
  if (query === '') return target
  return `${target}${target.includes('?') ? '&' : '?'}${query}`
}

/** curl takes brackets and braces for several URLs where no backslash is before them. */
function withoutGlobs (target: string): string {
  return target.replace(/\\([[\]{}])|[[\]{}]/g, (found, escaped?: string) => {
    if (escaped === undefined) throw new UnreadableRequest(`found ${found} in the URL, which stands for several URLs with curl: write \\${found}, or add --globoff`)
    return escaped
  })
}

/** RFC 3986 section 5.2.4, which curl follows. */
function withoutDots (target: string): string {
  const end = target.search(/\?|$/)
  const segments = target.slice(1, end).split('/')
  const kept: string[] = []
  segments.forEach((segment, nth) => {
    const isLast = nth === segments.length - 1
    if (segment === '..') kept.pop()
    if (segment !== '.' && segment !== '..') kept.push(segment)
    else if (isLast) kept.push('')
  })
  return `/${kept.join('/')}${target.slice(end)}`
}

function decoded (user: string): string {
  return user.replace(/%([\da-f]{2})/gi, (_, code: string) => String.fromCharCode(parseInt(code, 16)))
}
