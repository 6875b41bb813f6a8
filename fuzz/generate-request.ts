import type { Random } from './random.js'

const TOKEN = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~!$*'
const VALUE = `${TOKEN} ,;:/?@"'()[]{}<>=&%+\t\xe4\xff\x80`

const METHODS = ['GET', 'GET', 'GET', 'HEAD', 'POST', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'REPORT', 'LOCK']
const SEGMENTS = ['x', 'a%20b', '%C3%A4', '...', 'a..b', '.well-known', '~u', 'a;b=c', '@', 'a:b', '$&', '%7E', 'a%2Bb', '', 'x.']
const QUERIES = ['', '?', '?a=b', '?x=%00&y=../..', '?a=http://other/..', '?q=%0d%0a', '?//', '?a?b']
const HOSTS = ['x', 'example.com', 'example.com:8080', '127.0.0.1', '[::1]:80', 'EXAMPLE', 'a_b']

/** Fields that the service must not see as they are, each for a reason of its own. */
const OF_THE_HOP = [
  'Connection: keep-alive', 'Connection: X-Nominated', 'Connection: x-forwarded-for, host, content-length', 'Keep-Alive: timeout=5',
  'Proxy-Connection: keep-alive', 'Proxy-Authorization: Basic eDp5', 'TE: trailers', 'TE: gzip', 'Trailer: X-Sum',
  'X-Forwarded-For: 6.6.6.6', 'x-forwarded-for: 6.6.6.6, 7.7.7.7', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: evil',
  'X-Real-IP: 6.6.6.6', 'Forwarded: for=6.6.6.6', 'Via: 1.0 other', 'X-Nominated: 1', 'HTTP2-Settings: AAMAAABk'
]
const ORDINARY = ['Cookie: a=b; c=d', 'Authorization: Bearer x', 'Accept: */*', 'Content-Type: text/plain', 'Content-Type: ;;', 'If-None-Match: "a"', 'Range: bytes=0-1', 'Empty:']

export interface Wish {
  /** The first segment below the prefix. */
  id: string
  /** Whether other requests follow on the connection. */
  isLast: boolean
  /** Leaves out what would make the response depend on more than the service. */
  plain: boolean
}

/** A request as no server may reject it. */
export function generateRequest (random: Random, { id, isLast, plain }: Wish): string {
  const method = random.pick(METHODS)
  const host = random.pick(HOSTS)
  const isOld = isLast && random.chance(0.1)
  const segments = Array.from({ length: random.below(4) }, () => random.pick(SEGMENTS))
  const path = `${['/api', id, ...segments].join('/')}${random.pick(QUERIES)}`
  const target = random.chance(0.1) ? `http://${host}${path}` : path
  const lines = [`Host: ${random.chance(0.95) ? host : ''}`]
  for (let i = random.below(4); i > 0; i--) lines.push(random.pick(ORDINARY))
  for (let i = random.below(4); i > 0; i--) lines.push(random.pick(OF_THE_HOP))
  for (let i = random.below(3); i > 0; i--) lines.push(randomField(random))
  if (isLast && random.chance(0.2)) lines.push('Connection: close')
  const hasBody = ['GET', 'HEAD', 'DELETE', 'OPTIONS'].includes(method) ? random.chance(0.1) : random.chance(0.8)
  if (!plain && hasBody && !isOld && random.chance(0.1)) lines.push('Expect: 100-continue')
  const body = hasBody ? randomBody(random, isOld) : { line: '', bytes: '' }
  if (body.line !== '') lines.push(body.line)
  shuffle(random, lines)
  return `${method} ${target} HTTP/1.${isOld ? 0 : 1}\r\n${lines.join('\r\n')}\r\n\r\n${body.bytes}`
}

function randomField (random: Random): string {
  const value = random.text(VALUE, random.below(30)).trim()
  return `X-${random.text(TOKEN, 1 + random.below(8))}:${random.pick(['', ' ', '\t', '  '])}${value}${random.pick(['', ' '])}`
}

/** Of any bytes, among them what looks like the end of a body or a request. */
export function randomContent (random: Random): string {
  const look = ['', '0\r\n\r\n', 'GET /api/evil HTTP/1.1\r\nHost: evil\r\n\r\n', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n']
  const size = random.chance(0.02) ? 50_000 : random.below(300)
  return random.bytes(random.below(10)) + random.pick(look) + random.bytes(size)
}

function randomBody (random: Random, isOld: boolean): { line: string, bytes: string } {
  const content = random.chance(0.1) ? '' : randomContent(random)
  if (isOld || random.chance(0.5)) return { line: `Content-Length: ${content.length}`, bytes: content }
  return { line: 'Transfer-Encoding: chunked', bytes: chunked(random, content) }
}

/** In chunks of any size, some with extensions, at times with trailers. */
export function chunked (random: Random, content: string): string {
  let bytes = ''
  for (let at = 0; at < content.length;) {
    const size = 1 + random.below(random.chance(0.2) ? 4 : content.length)
    const chunk = content.slice(at, at + size)
    const digits = chunk.length.toString(16)
    bytes += `${random.pick(['', '', '0', '00'])}${random.chance(0.5) ? digits.toUpperCase() : digits}${random.pick(['', '', ';a=b', ';c', ';d="e"'])}\r\n${chunk}\r\n`
    at += size
  }
  return `${bytes}0\r\n${random.pick(['', '', 'X-Sum: 1\r\n', 'X-Sum: 1\r\nX-Forwarded-For: 6.6.6.6\r\nHost: evil\r\n'])}\r\n`
}

function shuffle (random: Random, list: string[]): void {
  for (let i = list.length - 1; i > 0; i--) {
    const [moved = ''] = list.splice(random.below(i + 1), 1)
    list.push(moved)
  }
}
