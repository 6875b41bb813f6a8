import { CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HAS_PRIORITY, HEADERS, PADDED, PING, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS, settings, uint32, WINDOW_UPDATE, writeFrame } from './frames.js'
import { generateRequest, randomContent } from './generate-request.js'
import { readRequests, values } from './grammar.js'
import type { Field } from './grammar.js'
import { encodeFields } from './hpack.js'
import { mutate, split } from './mutate.js'
import type { Random } from './random.js'
import { UNREAD } from './requests.js'

/** Frames of a stream between which others may stand. */
export type Unit = (stream: number) => string

/** Bytes of a body, so that all of a connection are within its first window. */
const MAX_BODY = 3_000
const OF_HTTP1 = ['host', 'connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']
/** Every code of RFC 9113 section 7, and one that nobody knows. */
const CODES = [0, 0, 0, 1, 2, 2, 3, 5, 7, 8, 8, 11, 13, 99]

function padding (random: Random): { flag: number, before: string, behind: string } {
  const length = random.below(30)
  return random.chance(0.8) ? { flag: 0, before: '', behind: '' } : { flag: PADDED, before: String.fromCharCode(length), behind: '\0'.repeat(length) }
}

/** More of them behind one HEADERS end the session in nghttp2 (CVE-2024-28182). */
const MOST_CONTINUATIONS = 8

/** A field block, in one frame or some. */
export function headUnit (random: Random, fields: readonly Field[], ends: boolean): Unit {
  const [first = '', ...more] = random.chance(0.9) ? [encodeFields(fields)] : split(encodeFields(fields), random)
  const others = [...more.slice(0, MOST_CONTINUATIONS - 1), ...more.length < MOST_CONTINUATIONS ? [] : [more.slice(MOST_CONTINUATIONS - 1).join('')]]
  const { flag, before, behind } = padding(random)
  const priority = random.chance(0.1) ? `\0\0\0\0${String.fromCharCode(random.below(256))}` : ''
  const flags = flag | (priority === '' ? 0 : HAS_PRIORITY) | (ends ? END_STREAM : 0)
  const last = others.length - 1
  return stream => writeFrame(HEADERS, flags | (last === -1 ? END_HEADERS : 0), stream, before + priority + first + behind) +
    others.map((fragment, i) => writeFrame(CONTINUATION, i === last ? END_HEADERS : 0, stream, fragment)).join('')
}

function dataUnit (random: Random, data: string, ends: boolean): Unit {
  const { flag, before, behind } = padding(random)
  return stream => writeFrame(DATA, flag | (ends ? END_STREAM : 0), stream, before + data + behind)
}

export function resetUnit (random: Random): Unit {
  const code = random.pick(CODES)
  return stream => writeFrame(RST_STREAM, 0, stream, uint32(code))
}

/** A head, a body and perhaps trailers, and END_STREAM at their end, wherever that may stand. */
function messageUnits (random: Random, head: readonly Field[], body: string, trailers: readonly Field[]): Unit[] {
  const pieces = body === '' ? [] : split(body, random)
  if (random.chance(0.1)) pieces.splice(random.below(pieces.length + 1), 0, '')
  const isHeadLast = pieces.length === 0 && trailers.length === 0 && random.chance(0.9)
  if (!isHeadLast && trailers.length === 0 && random.chance(0.3)) pieces.push('')
  if (!isHeadLast && trailers.length === 0 && pieces.length === 0) pieces.push('')
  const units = [headUnit(random, head, isHeadLast), ...pieces.map((piece, i) => dataUnit(random, piece, trailers.length === 0 && i === pieces.length - 1))]
  return trailers.length === 0 ? units : [...units, headUnit(random, trailers, true)]
}

/** What somebody sends on a stream. */
export interface Message {
  readonly units: Unit[]
  /** Whether the other side must get it as it is. */
  readonly isGood: boolean
}

/** A request as no server may reject it, or one with a fault. */
export function generateHttp2Request (random: Random, id: string, prefix: string): Message {
  const text = generateRequest(random, { id, isLast: false, plain: true })
  const [request = UNREAD] = readRequests(text).requests
  const { line: [method, target], framing } = request
  const path = target.replace(/^http:\/\/[^/]+/, '').replace('/api', prefix)
  const [host = ''] = values(request.fields, 'host')
  const body = request.body.slice(0, MAX_BODY)
  const fields = request.fields.map(([name, value]): Field => [name.toLowerCase(), value])
    .filter(([name, value]) => !OF_HTTP1.includes(name) && name !== 'content-length' && (name !== 'te' || value === 'trailers'))
  if (framing === 'length') fields.push(['content-length', String(body.length)])
  const pseudo: Field[] = [[':method', method], [':scheme', random.pick(['https', 'https', 'http'])], [':path', path]]
  if (host !== '') pseudo.splice(random.below(4), 0, [':authority', host])
  if (host !== '' && random.chance(0.1)) fields.push(['host', host])
  const trailers = request.trailers.map(([name, value]): Field => [name.toLowerCase(), value])
  const head = [...pseudo, ...fields]
  if (random.chance(0.65)) return { units: messageUnits(random, head, body, trailers), isGood: true }
  const isInTrailers = random.chance(0.1)
  return { units: messageUnits(random, isInTrailers ? head : spoil(random, head), body, isInTrailers ? spoil(random, trailers) : trailers), isGood: false }
}

const STATUSES = ['200', '200', '200', '201', '204', '206', '304', '404', '500', '299', '999']
const FIELDS: readonly Field[] = [
  ['set-cookie', 'a=b; Path=/'], ['set-cookie', 'c=d'], ['etag', '"a"'], ['date', 'Sun, 06 Nov 1994 08:49:37 GMT'], ['content-type', 'text/html'],
  ['vary', 'Accept'], ['via', '1.1 other'], ['server', '\xe4\xff'], ['empty', ''], ['location', '/elsewhere?a=b'], ['trailer', 'x-sum'], ['x-two', '1'], ['x-two', '2']
]

/** A service's response over HTTP/2, good or not. */
export function generateHttp2Response (random: Random, id: string, method: string): Message {
  const status = random.pick(STATUSES)
  const head: Field[] = [[':status', status], ['x-answer', id]]
  for (let i = random.below(5); i > 0; i--) head.push(random.pick(FIELDS))
  const content = random.chance(0.15) ? '' : `${id};`.repeat(random.below(20)) + randomContent(random).slice(0, MAX_BODY)
  if (random.chance(0.4) && status !== '204') head.push(['content-length', String(content.length)])
  const body = method === 'HEAD' || status === '204' || status === '304' ? '' : content
  const trailers: Field[] = random.chance(0.1) ? [['x-sum', '1']] : []
  const interims = Array.from({ length: random.chance(0.2) ? 1 + random.below(2) : 0 }, (): Field[] => [[':status', random.pick(['102', '103', '199'])], ['link', `</${id}>`]])
  const fault = random.chance(0.65) ? 'none' : random.pick(['head', 'head', 'interim', 'trailers', 'cut', 'cut', 'cut'])
  if (fault === 'interim') interims.push(spoil(random, [[':status', '103'], ['link', '</>']]))
  const units = [
    ...interims.map(fields => headUnit(random, fields, false)),
    ...messageUnits(random, fault === 'head' ? spoil(random, head) : head, body, fault === 'trailers' ? spoil(random, trailers) : trailers)
  ]
  return { units: fault === 'cut' ? [...units.slice(0, random.below(units.length)), resetUnit(random)] : units, isGood: fault === 'none' }
}

type Fault = (fields: Field[], random: Random) => void

const ODD_FIELDS: readonly Field[] = [
  ['connection', 'close'], ['connection', 'x-forwarded-for'], ['keep-alive', '5'], ['proxy-connection', 'close'], ['transfer-encoding', 'chunked'], ['upgrade', 'websocket'],
  ['te', 'gzip'], ['te', 'trailers, gzip'], [':x', 'y'], [':protocol', 'websocket'], [':status', '200'], [':method', 'GET'], [':path', '/api/evil'], [':scheme', 'ftp'],
  [':authority', 'evil'], ['host', 'evil'], ['content-length', '0'], ['content-length', '5'], ['content-length', '+5'], ['content-length', '1, 1'], ['X-Upper', '1'], ['', ''],
  ['x y', '1'], ['x:', '1'], ['x\0', '1'], ['x\r\nevil', '1'], ['x\xe9', '1'], ['x-forwarded-for', '6.6.6.6'], ['x-a', 'b\r\nX-Evil: 1'], ['x-a', 'b\nc'], ['x-a', 'b\0'],
  ['x-a', ' b'], ['x-a', 'b\t'], ['x-a', '\x01'], ['x-a', '\x7f'], ['cookie', 'a=b'], ['expect', '100-continue'], ['expect', 'x']
]
const PATHS = ['', '*', 'x', 'http://evil/api/x', '//evil/api', '/api/../x', '/api/%2e%2e/x', '/h2/..%2fx', '/api/x y', '/api/x\r\nX: y', '/api/\xe9', '/h2/\xc3\xa9', '/api/\0', '/h2/x#y', '/api\\x', '/apix', '/h2\t']
const METHODS = ['', 'get', 'CONNECT', 'TRACE', 'GET /evil HTTP/1.1\r\n', 'G T', 'PRI', 'X\xe9', 'UNKNOWN']

const FAULTS: readonly Fault[] = [
  (fields, random) => { fields.splice(random.below(fields.length), 1) },
  (fields, random) => { fields.splice(random.below(fields.length + 1), 0, random.pick(fields)) },
  (fields, random) => { fields.push(...fields.splice(random.below(Math.min(fields.length, 4)), 1)) },
  (fields, random) => { fields.splice(random.below(fields.length + 1), 0, random.pick(ODD_FIELDS)) },
  (fields, random) => { fields.push(random.pick(ODD_FIELDS)) },
  (fields, random) => change(fields, random, ([name, value]) => [mutate(name, random), value]),
  (fields, random) => change(fields, random, ([name, value]) => [name, mutate(value, random)]),
  (fields, random) => change(fields, random, ([name, value]) => [name.toUpperCase(), value]),
  (fields, random) => changeNamed(fields, ':path', random.pick(PATHS)),
  (fields, random) => changeNamed(fields, ':path', mutate(values(fields, ':path').join(), random)),
  (fields, random) => changeNamed(fields, ':method', random.pick(METHODS)),
  (fields, random) => changeNamed(fields, ':authority', mutate(values(fields, ':authority').join(), random)),
  (fields, random) => changeNamed(fields, ':status', random.pick(['', '0', '99', '101', '100', '1000', '2xx', '200 OK', '600'])),
  (fields, random) => changeNamed(fields, 'content-length', random.pick(['0', '1', '99999', '-1', '5,5', '', '18446744073709551616']))
]

function change (fields: Field[], random: Random, how: (field: Field) => Field): void {
  const at = random.below(fields.length)
  fields.splice(at, 1, how(random.pick(fields.slice(at, at + 1))))
}

/** Where there is one of that name. */
function changeNamed (fields: Field[], name: string, value: string): void {
  const at = fields.findIndex(([other]) => other === name)
  if (at !== -1) fields[at] = [name, value]
}

/** Some faults, mostly one. */
function spoil (random: Random, fields: readonly Field[]): Field[] {
  const spoilt: Field[] = fields.length === 0 ? [['x-sum', '1']] : [...fields]
  do {
    random.pick(FAULTS)(spoilt, random)
  } while (spoilt.length > 0 && random.chance(0.3))
  return spoilt
}

/** What may stand between other frames and changes nothing. */
export function noise (random: Random): string {
  return random.pick([
    () => writeFrame(PING, 0, 0, random.bytes(8)),
    () => writeFrame(PRIORITY, 0, 1 + 2 * random.below(20), `\0\0\0\0${random.bytes(1)}`),
    () => writeFrame(0xfa, random.below(256), random.below(20), random.bytes(random.below(50))),
    () => writeFrame(SETTINGS, 0, 0, settings([[random.pick([1, 4]), random.below(4097)], [0x99, 1]])),
    () => writeFrame(WINDOW_UPDATE, 0, 0, uint32(1 + random.below(70_000)))
  ])()
}

/** What no connection survives. */
export function fatal (random: Random): string {
  return random.pick([
    writeFrame(DATA, 0, 0, 'x'), writeFrame(DATA, 0, 99, 'x'), writeFrame(HEADERS, END_HEADERS, 2, encodeFields([[':method', 'GET']])), writeFrame(HEADERS, END_HEADERS, 0, ''),
    writeFrame(HEADERS, END_HEADERS, 101, '\xff\xff\xff\xff\xff\xff'), writeFrame(HEADERS, PADDED | END_HEADERS, 101, '\x20'), writeFrame(CONTINUATION, END_HEADERS, 1, ''),
    writeFrame(HEADERS, 0, 101, '') + writeFrame(PING, 0, 0, '12345678'), writeFrame(PUSH_PROMISE, END_HEADERS, 1, uint32(2)), writeFrame(PING, 0, 0, '1'), writeFrame(PING, 0, 1, '12345678'),
    writeFrame(SETTINGS, 0, 0, '1'), writeFrame(SETTINGS, 0, 0, settings([[4, 0x80000000]])), writeFrame(SETTINGS, 0, 0, settings([[2, 2]])), writeFrame(RST_STREAM, 0, 99, uint32(0)),
    writeFrame(RST_STREAM, 0, 1, '1'), writeFrame(WINDOW_UPDATE, 0, 0, uint32(0)), writeFrame(WINDOW_UPDATE, 0, 0, uint32(0x7fffffff)), writeFrame(GOAWAY, 0, 1, '12345678'),
    writeFrame(0xfa, 0, 1, 'x'.repeat(20_000)), 'GET / HTTP/1.1\r\n\r\n'
  ])
}
