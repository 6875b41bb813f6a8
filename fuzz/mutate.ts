import type { Random } from './random.js'

/** What parsers stumble over. */
const MORSELS = [
  '\r', '\n', '\r\n', '\r\n\r\n', '\n\n', '\0', ' ', '\t', ':', ',', ';', '%', '.', '/', '\\', '#', '?', '"', '\x0b', '\x7f', '\x80', '\xff',
  '..', '../', '%2e', '%2e%2e/', '%2f', '%5c', '%00', '%0d%0a', ';a=b', '//', '0', '00', '-', '+', '0x', '5', 'a', '\r\n ', '\r\n\t',
  '0\r\n\r\n', '5\r\nhello\r\n', 'ffffffff', '18446744073709551616', ' chunked', 'identity', ', chunked', 'close', 'Upgrade', 'HTTP/1.0',
  'Content-Length: 5\r\n', 'Content-Length: 0\r\n', 'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: gzip\r\n', 'Host: evil\r\n',
  'Connection: close\r\n', 'Connection: host, content-length, x-forwarded-for\r\n', 'Connection: Upgrade\r\nUpgrade: websocket\r\n', 'Expect: 100-continue\r\n',
  'GET /api/evil HTTP/1.1\r\nHost: evil\r\n\r\n', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'
]

type Mutation = (text: string, random: Random) => string

const flipBit: Mutation = (text, random) => {
  const at = random.below(text.length)
  return splice(text, at, 1, String.fromCharCode(text.charCodeAt(at) ^ (1 << random.below(8))))
}

const insert: Mutation = (text, random) => splice(text, random.below(text.length), 0, random.pick(MORSELS))

/** At the begin of a line, where a whole field may stand. */
const insertLine: Mutation = (text, random) => splice(text, lineAt(text, random).start, 0, random.pick(MORSELS))

const replace: Mutation = (text, random) => splice(text, random.below(text.length), 1 + random.below(3), random.pick(MORSELS))

const cut: Mutation = (text, random) => splice(text, random.below(text.length), 1 + random.below(8), '')

const cutShort: Mutation = (text, random) => text.slice(0, 1 + random.below(text.length))

const dropLine: Mutation = (text, random) => {
  const { start, end } = lineAt(text, random)
  return splice(text, start, end - start, '')
}

const doubleLine: Mutation = (text, random) => {
  const { start, end } = lineAt(text, random)
  return splice(text, start, 0, text.slice(start, end))
}

const moveLine: Mutation = (text, random) => {
  const { start, end } = lineAt(text, random)
  const rest = splice(text, start, end - start, '')
  return splice(rest, lineAt(rest, random).start, 0, text.slice(start, end))
}

const changeCase: Mutation = (text, random) => {
  const { start, end } = lineAt(text, random)
  const line = text.slice(start, end)
  return splice(text, start, end - start, random.chance(0.5) ? line.toUpperCase() : line.toLowerCase())
}

const changeNumber: Mutation = (text, random) => {
  const numbers = [...text.matchAll(/\d+/g)]
  if (numbers.length === 0) return text
  const { index, 0: digits } = random.pick(numbers)
  return splice(text, index, digits.length, random.pick(['0', '1', '2', '10', '99999', '-1', `0${digits}`, `${digits}0`, String(Number(digits) + 1)]))
}

const MUTATIONS = [flipBit, insert, insert, insertLine, insertLine, replace, cut, cutShort, dropLine, doubleLine, moveLine, changeCase, changeNumber]

function splice (text: string, at: number, length: number, by: string): string {
  return text.slice(0, at) + by + text.slice(at + length)
}

function lineAt (text: string, random: Random): { start: number, end: number } {
  const at = random.below(text.length + 1)
  const start = text.lastIndexOf('\n', at - 1) + 1
  const end = text.indexOf('\n', at) + 1
  return { start: at === 0 ? 0 : start, end: end === 0 ? text.length : end }
}

/** Some faults, mostly one. */
export function mutate (text: string, random: Random): string {
  do {
    if (text.length > 0) text = random.pick(MUTATIONS)(text, random)
  } while (random.chance(0.4))
  // Characters beyond latin-1 would be more than a byte.
  return Buffer.from(text, 'latin1').toString('latin1')
}

/** The same bytes, in some writes. */
export function split (text: string, random: Random): string[] {
  if (random.chance(0.4)) return [text]
  const most = Math.max(random.chance(0.1) ? 4 : 200, text.length >> 5)
  const pieces: string[] = []
  for (let at = 0; at < text.length;) {
    const length = 1 + random.below(most)
    pieces.push(text.slice(at, at + length))
    at += length
  }
  return pieces
}
