import { chunked, randomContent } from './generate-request.js'
import { mutate } from './mutate.js'
import type { Random } from './random.js'

/** What a service sends for one request. */
export interface Plan {
  /** How the service leaves the connection. */
  readonly then: 'stay' | 'end' | 'reset'
  readonly text: string
  /** Of `text`, how much belongs together: what stands behind the response, mostly with its end. */
  readonly pieces: readonly string[]
  /** Whether the client must get it as it is. */
  readonly isGood: boolean
}

/** What no gateway can pass on. */
const BROKEN = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!',
  'HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello',
  'SSH-2.0-OpenSSH_9.2\r\n', 'ICY 200 OK\r\n\r\n', 'HTTP/1.1 OK\r\n\r\n', 'HTTP/1.1 000 Zero\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n', 'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n', 'HTTP/1.1 99 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n', 'HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nA: b\0c\r\nContent-Length: 0\r\n\r\n', 'HTTP/1.1 200 OK\r\nA: b\x01c\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nA: b\rC: d\r\nContent-Length: 0\r\n\r\n', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok',
  'HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\nraw bytes',
  'HTTP/1.1 101 Switching Protocols\r\n\r\nraw bytes', 'HTTP/1.1 100 Continue\r\n\r\n', '', '\r\n',
  `HTTP/1.1 200 OK\r\nA: ${'x'.repeat(70_000)}\r\nContent-Length: 0\r\n\r\n`,
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nBad Trailer\r\n\r\n'
]

/** What may stand behind a response and must reach nobody. */
const BEHIND = ['HTTP/1.1 200 OK\r\nX-Answer: evil\r\nContent-Length: 4\r\n\r\nevil', 'HTTP/1.1 200 OK\r\nX-Evil: 1\r\n', 'garbage', '\0', 'HTTP/1.1 100 Continue\r\n\r\n']

const FIELDS = [
  'Set-Cookie: a=b; Path=/', 'Set-Cookie: c=d', 'ETag: "a"', 'Date: Sun, 06 Nov 1994 08:49:37 GMT', 'Content-Type: text/html; charset=utf-8', 'Vary: Accept',
  'Connection: keep-alive', 'Connection: X-Nominated', 'X-Nominated: 1', 'Keep-Alive: timeout=60', 'Proxy-Connection: close', 'Upgrade: h2c', 'Via: 1.1 other',
  'Server: \xe4\xff', 'Empty:', 'Location: /elsewhere?a=b', 'Trailer: X-Sum'
]

const STATUSES = ['200 OK', '200 OK', '200 OK', '200 ', '201 Created', '204 No Content', '206 Partial Content', '301 Moved', '304 Not Modified', '404 Nein', '500 Caf\xe9', '299 Odd', '599 Max']
const INTERIMS = ['HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 102 Processing\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\n', 'HTTP/1.1 199 \r\nA: \xe9\r\n\r\n']

/** A service's response to one request, good or not. `id` is its own, in its head and all over its body. */
export function generateResponse (random: Random, id: string, method: string): Plan {
  if (random.chance(0.1)) return broken(random, random.pick(BROKEN))
  const { text, then } = wellFormed(random, id, method)
  if (random.chance(0.35)) return broken(random, mutate(text, random))
  if (random.chance(0.1)) return broken(random, text.slice(0, random.below(text.length)))
  if (then === 'end' || random.chance(0.85)) return { text, pieces: split(random, text), then, isGood: true }
  const behind = random.pick(BEHIND)
  const pieces = split(random, text)
  // In one write mostly, as what comes later may stand where the next response does.
  const end = random.chance(0.8) ? [pieces.slice(-1).join('') + behind] : [...pieces.slice(-1), behind]
  return { text: text + behind, pieces: [...pieces.slice(0, -1), ...end], then, isGood: true }
}

function broken (random: Random, text: string): Plan {
  return { text, pieces: split(random, text), then: random.chance(0.8) ? 'end' : 'reset', isGood: false }
}

function wellFormed (random: Random, id: string, method: string): { text: string, then: Plan['then'] } {
  const status = random.pick(STATUSES)
  const lines = [`X-Answer: ${id}`]
  for (let i = random.below(5); i > 0; i--) lines.push(random.pick(FIELDS))
  const content = random.chance(0.15) ? '' : `${id};`.repeat(random.below(20)) + randomContent(random)
  let body = ''
  let then: Plan['then'] = random.chance(0.05) ? 'end' : 'stay'
  if (method === 'HEAD' || status.startsWith('304')) {
    if (random.chance(0.5)) lines.push(random.pick([`Content-Length: ${content.length}`, 'Transfer-Encoding: chunked']))
  } else if (!status.startsWith('204')) {
    const framing = random.pick(['length', 'length', 'chunked', 'chunked', 'close'])
    if (framing === 'length') lines.push(`Content-Length: ${content.length}`)
    if (framing === 'chunked') lines.push('Transfer-Encoding: chunked')
    if (framing === 'close') then = 'end'
    body = framing === 'chunked' ? chunked(random, content) : content
  }
  if (then === 'end' && random.chance(0.5)) lines.push('Connection: close')
  const interims = Array.from({ length: random.chance(0.2) ? 1 + random.below(2) : 0 }, () => random.pick(INTERIMS))
  return { text: `${interims.join('')}HTTP/1.1 ${status}\r\n${lines.join('\r\n')}\r\n\r\n${body}`, then }
}

function split (random: Random, text: string): string[] {
  const pieces: string[] = []
  const most = random.chance(0.5) ? text.length + 1 : Math.max(random.chance(0.1) ? 4 : 200, text.length >> 5)
  for (let at = 0; at < text.length;) {
    const length = 1 + random.below(most)
    pieces.push(text.slice(at, at + length))
    at += length
  }
  return pieces
}
