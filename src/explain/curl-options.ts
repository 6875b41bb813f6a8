import { parseArgs } from 'node:util'
import { quoted, UnreadableRequest } from './asked-request.js'

// The options of curl that people and browsers use: https://curl.se/docs/manpage.html

/** With a value: what they say is part of the request. */
const VALUES = [
  'request', 'header', 'data', 'data-ascii', 'data-raw', 'data-binary', 'data-urlencode', 'json', 'form', 'form-string', 'user-agent', 'referer',
  'cookie', 'user', 'oauth2-bearer', 'range', 'url', 'url-query', 'request-target'
] as const
/** Without one. */
const FLAGS = ['get', 'head', 'compressed', 'globoff', 'path-as-is'] as const

/** What does not change where a request goes: how a connection is made, what becomes of the response. With a value, */
const IGNORED_VALUES = `abstract-unix-socket cacert capath cert cert-type ciphers connect-timeout connect-to cookie-jar crlfile curves dns-interface
dns-ipv4-addr dns-ipv6-addr dns-servers doh-url dump-header expect100-timeout happy-eyeballs-timeout-ms interface keepalive-time key key-type
limit-rate local-port max-filesize max-redirs max-time netrc-file noproxy output output-dir parallel-max pass pinnedpubkey preproxy proto
proto-default proto-redir proxy proxy-header proxy-user rate resolve retry retry-delay retry-max-time socks4 socks4a socks5 socks5-hostname
speed-limit speed-time stderr tls-max tls13-ciphers trace trace-ascii unix-socket write-out`.split(/\s+/)
/** and without one. */
const IGNORED_FLAGS = `basic cert-status clobber create-dirs disable disallow-username-in-url fail fail-early fail-with-body http0.9 http1.0 http1.1 http2
http2-prior-knowledge http3 http3-only include insecure ipv4 ipv6 junk-session-cookies keepalive location location-trusted netrc netrc-optional
alpn buffer clobber progress-meter sessionid parallel parallel-immediate post301 post302 post303 progress-bar raw remote-header-name remote-name
remote-name-all remote-time remove-on-error retry-all-errors retry-connrefused show-error silent ssl ssl-reqd ssl-no-revoke sslv2 sslv3
styled-output suppress-connect-headers tcp-fastopen tcp-nodelay tlsv1 tlsv1.0 tlsv1.1 tlsv1.2 tlsv1.3 trace-ids trace-time verbose`.split(/\s+/)

/** By their short names. */
const SHORT = new Map([...`request X header H data d form F user-agent A referer e cookie b user u range r get G head I globoff g cert E cookie-jar c dump-header D max-time m
output o proxy x proxy-user U speed-limit Y speed-time y write-out w disable q fail f http1.0 0 include i insecure k ipv4 4 ipv6 6
junk-session-cookies j location L netrc n parallel Z progress-bar # remote-header-name J remote-name O remote-time R show-error S silent s tlsv1 1
sslv2 2 sslv3 3 verbose v buffer N`.matchAll(/(\S+) (\S)/g)].map(([, name = '', short = '']) => [name, short]))

export type Valued = typeof VALUES[number]
export type Flag = typeof FLAGS[number]

/** What a command line says, in its order. */
export type Said = { readonly option: Valued, readonly value: string } | { readonly option: Flag }

const OPTIONS = Object.fromEntries([
  ...[...VALUES, ...IGNORED_VALUES].map(name => [name, { type: 'string' as const, ...shortOf(name) }] as const),
  ...[...FLAGS, ...IGNORED_FLAGS].map(name => [name, { type: 'boolean' as const, ...shortOf(name) }] as const)
])

function shortOf (name: string): { short?: string } {
  const short = SHORT.get(name)
  return short === undefined ? {} : { short }
}

/**
 * @param args of curl, without its name
 * @throws UnreadableRequest for an option that is not known here: it may change where the request goes
 */
export function readCurlOptions (args: string[]): Said[] {
  const { tokens } = parseArgs({ args, options: OPTIONS, strict: false, allowPositionals: true, tokens: true })
  return tokens.flatMap<Said>(token => {
    if (token.kind === 'positional') return [{ option: 'url', value: token.value }]
    if (token.kind === 'option-terminator') return []
    const { name, rawName, value } = token
    const option = optionOf(name)
    if (option === undefined) {
      if (optionOf(name.replace(/^no-/, ''))?.type === 'boolean') return []
      throw new UnreadableRequest(`found the option ${quoted(rawName)} of curl, which is not known here`)
    }
    if (isFlag(name)) return [{ option: name }]
    if (option.type === 'string' && value === undefined) throw new UnreadableRequest(`found the option ${quoted(rawName)} of curl without its value`)
    return isValued(name) && value !== undefined ? [{ option: name, value }] : []
  })
}

function optionOf (name: string): typeof OPTIONS[string] | undefined {
  return Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined
}

function isFlag (name: string): name is Flag {
  return FLAGS.some(flag => flag === name)
}

function isValued (name: string): name is Valued {
  return VALUES.some(valued => valued === name)
}
