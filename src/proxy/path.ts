/** Turns the raw request target into the one to forward; `undefined` is a path that must not be forwarded (400). */
export type Rewrite = (url: string) => string | undefined

export interface PathRewrite {
  pattern: string
  replacement: string
}

/** Makes what puts a replacement in the place of a pattern's first match in a path, in linear time. */
export type CompileReplacement = (rewrite: PathRewrite) => (path: string) => string

/**
 * Prepares a route's rewrite. The path is checked and rewritten as it stands on the wire, never decoded and
 * encoded again, so every percent-encoding and the query reach the upstream as they were sent.
 *
 * @param prefix the mounted prefix, `/` or without a slash at its end
 * @param pathRewrite a regular expression over the raw path; without it the path is forwarded as it came
 * @param compile asked for a pattern that is more than an anchored text
 * @param allowsEncoded whether encoded control characters and backslashes may pass
 */
export function compileRewrite (prefix: string, pathRewrite: PathRewrite | undefined, compile: CompileReplacement, allowsEncoded = false): Rewrite {
  const forbidden = allowsEncoded ? OVERLONG : FORBIDDEN
  if (pathRewrite === undefined) return url => isMounted(url, prefix) && isPlain(url, prefix.length, forbidden) ? originForm(url) : undefined

  const literal = literalPrefix(pathRewrite)
  if (literal !== undefined && prefix.startsWith(literal)) return cutPrefix(prefix, literal.length, pathRewrite.replacement, forbidden)

  const replace = compile(pathRewrite)
  return url => {
    if (!isMounted(url, prefix) || !isPlain(url, prefix.length, forbidden)) return undefined
    const query = url.indexOf('?')
    const path = query === -1 ? url : url.slice(0, query)
    // A pattern may join what was apart (`/a/.x./b` without its x), so its result is checked like a client's path.
    const rewritten = originForm(replace(path))
    if (rewritten === undefined || !isPlain(rewritten, 0, forbidden)) return undefined
    return query === -1 ? rewritten : rewritten + url.slice(query)
  }
}

/** Prepares the rewrite that forwards what is below the prefix as if it were the whole path. */
export function compileStrip (prefix: string, allowsEncoded: boolean): Rewrite {
  return cutPrefix(prefix, prefix === '/' ? 0 : prefix.length, '', allowsEncoded ? OVERLONG : FORBIDDEN)
}

/** The common rewrite, `^/api/auth` to `/auth`, needs no regular expression: the prefix is cut by its length. */
function cutPrefix (prefix: string, length: number, replacement: string, forbidden: RegExp): Rewrite {
  return url => {
    if (!isMounted(url, prefix) || !isPlain(url, prefix.length, forbidden)) return undefined
    return originForm(replacement + url.slice(length))
  }
}

/** The text that a pattern like `^/api/auth` stands for; `undefined` when it is more than an anchored text. */
export function literalPrefix ({ pattern, replacement }: PathRewrite): string | undefined {
  if (!/^\^[\w/~@%&=,!-]+$/.test(pattern) || replacement.includes('$')) return undefined
  return pattern.slice(1)
}

/**
 * Fastify's router decodes before it matches, so `/api/%61uth/x` arrives here as well, and so may other spellings
 * that a host's router options allow. Only what literally starts with the prefix can be cut and rewritten.
 */
function isMounted (url: string, prefix: string): boolean {
  if (!url.startsWith(prefix)) return false
  if (prefix === '/' || url.length === prefix.length) return true
  const next = url.charCodeAt(prefix.length)
  return next === SLASH || next === QUESTION_MARK
}

/** What is forwarded starts with one slash: `//other.host/x` would be an authority to many URL parsers. */
function originForm (path: string): string | undefined {
  const first = path.charCodeAt(0)
  if (first === SLASH) return path.charCodeAt(1) === SLASH ? undefined : path
  return '/' + path
}

const SLASH = 47
const QUESTION_MARK = 63

export interface AbsoluteTarget {
  readonly authority: string
  /** With the query. */
  readonly path: string
}

/**
 * Takes a request target in absolute-form apart, `http://host:port/path` (RFC 9112 section 3.2.2); `undefined` for
 * anything else that does not start with a slash.
 */
export function splitAbsolute (url: string): AbsoluteTarget | undefined {
  if (url.charCodeAt(0) === SLASH) return undefined
  const [, authority, path] = ABSOLUTE.exec(url) ?? []
  return authority === undefined || path === undefined ? undefined : { authority, path }
}

/**
 * Whether a text is a request target of any form that is responded to here: origin-form, absolute-form, or the asterisk
 * of OPTIONS (RFC 9112 section 3.2). A percent sign that encodes nothing is of none (RFC 3986 section 2.1).
 */
export function isRequestTarget (url: string): boolean {
  if (STRAY_PERCENT.test(url)) return false
  return url.charCodeAt(0) === SLASH || url === '*' || ANY_ABSOLUTE.test(url)
}

/** Not in the query, which travels as it came. */
const STRAY_PERCENT = /^[^?]*%(?![\da-f]{2})/i
/** No user information: it would be a trap for people (RFC 9110 section 4.2.4). */
const ANY_ABSOLUTE = /^https?:\/\/[^/?#@]+(?:[/?].*)?$/i
const ABSOLUTE = /^https?:\/\/([^/?#@]+)(\/.*)$/i

/** One pass that most paths end with; only a path with a percent sign or a segment that starts with a dot is looked at again. */
function isPlain (url: string, from: number, forbidden: RegExp): boolean {
  let suspicious = false
  for (let i = from; i < url.length; i++) {
    const code = url.charCodeAt(i)
    if (code === QUESTION_MARK) return !suspicious || staysInside(url.slice(0, i), forbidden)
    if (code === 92 /* \ */ || code === 35 /* # */) return false
    if (code === 37 /* % */ || (code === 46 /* . */ && url.charCodeAt(i - 1) === SLASH)) suspicious = true
  }
  return !suspicious || staysInside(url, forbidden)
}

/** What is no encoding at all, and the overlong UTF-8 that stood for `.`, `/` and `\` in old decoders. */
const OVERLONG = /%(?:(?![\da-f]{2})|c[01]%[89ab]|e0%8[01]|f0%80)/i
/** That, and encoded NUL, LF, CR and backslash. */
const FORBIDDEN = /%(?:(?![\da-f]{2})|00|0a|0d|5c|c[01]%[89ab]|e0%8[01]|f0%80)/i
/** A dot segment; some servers drop `;parameters` from a segment before they resolve it, and take a backslash for a slash. */
const DOT_SEGMENT = /(?:^|\/)\.\.?(?:$|[/;])/

function staysInside (path: string, forbidden: RegExp): boolean {
  if (forbidden.test(path)) return false
  return !DOT_SEGMENT.test(path.replace(/%2e/gi, '.').replace(/%(?:2f|5c)/gi, '/'))
}
