/**
 * A reader of HTTP/1 messages that owes nothing to Node's: the grammar of RFC 9112 and no more. It says what bytes
 * mean, or that they mean nothing; the gateway is measured by it on both sides. All bytes are latin-1 text.
 */
export type Field = readonly [name: string, value: string]

/** How far a message came: `partial` may still become whole, `malformed` never does. */
export type State = 'whole' | 'partial' | 'malformed'

export type Framing = 'none' | 'length' | 'chunked' | 'close'

export interface Head {
  /** The three parts of the first line: method, target, version; or version, status, reason. */
  readonly line: readonly [string, string, string]
  readonly fields: readonly Field[]
}

export interface Message extends Head {
  readonly framing: Framing
  state: State
  body: string
  trailers: Field[]
  /** Where the next message begins. */
  end: number
}

/** A head, or how it failed. */
type HeadResult = { head: Head, end: number } | { state: 'partial' | 'malformed' }

/** One SP each in the first line. Node lets more of them pass, which leaves no doubt. */
const REQUEST_LINE = /^([\w!#$%&'*+\-.^`|~]+) +([\x21-\x7e]+) +(HTTP\/\d\.\d)$/
/** The last SP may be missing, as it is in many services' responses without a reason. */
const STATUS_LINE = /^(HTTP\/1\.[01]) (\d{3})(?: ([\t\x20-\x7e\x80-\xff]*))?$/
/** What Node's parser takes for a reason. What is passed on has another. */
const INTERIM_LINE = /^(HTTP\/1\.[01]) (1\d\d)(?: ([^\r\n]*))?$/
const FIELD_LINE = /^([\w!#$%&'*+\-.^`|~]+):[\t ]*([\t\x20-\x7e\x80-\xff]*?)[\t ]*$/
const CHUNK_LINE = /^(0*[\da-f]{1,16})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/i

function readHead (text: string, at: number, firstLine: RegExp): HeadResult {
  const end = text.indexOf('\r\n\r\n', at)
  if (end === -1) return { state: 'partial' }
  const [first = '', ...lines] = text.slice(at, end).split('\r\n')
  const [, a, b, c = ''] = firstLine.exec(first) ?? []
  const fields = readFields(lines)
  if (a === undefined || b === undefined || fields === undefined) return { state: 'malformed' }
  return { head: { line: [a, b, c], fields }, end: end + 4 }
}

function readFields (lines: readonly string[]): Field[] | undefined {
  const fields: Field[] = []
  for (const line of lines) {
    const [, name, value] = FIELD_LINE.exec(line) ?? []
    if (name === undefined || value === undefined) return undefined
    fields.push([name, value])
  }
  return fields
}

/** The values of a field, in their order. */
export function values (fields: readonly Field[], name: string): string[] {
  return fields.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value)
}

/** The members of a field that is a list, in lower case. */
export function members (fields: readonly Field[], name: string): string[] {
  return values(fields, name).join(',').toLowerCase().split(',').map(member => member.replace(/^[\t ]+|[\t ]+$/g, '')).filter(member => member !== '')
}

/** RFC 9112 section 6.3, with every doubt an error; `undefined`: malformed. */
function framingOf (fields: readonly Field[], version: string, otherwise: 'none' | 'close'): { framing: Framing, length: number } | undefined {
  const codings = values(fields, 'transfer-encoding')
  const lengths = values(fields, 'content-length')
  if (codings.length > 0) {
    const isChunked = codings.length === 1 && codings[0]?.toLowerCase() === 'chunked'
    return isChunked && lengths.length === 0 && version === 'HTTP/1.1' ? { framing: 'chunked', length: 0 } : undefined
  }
  const [length] = lengths
  if (length === undefined) return { framing: otherwise, length: 0 }
  return lengths.length === 1 && /^\d{1,15}$/.test(length) ? { framing: 'length', length: Number(length) } : undefined
}

/**
 * What stands at `at` of a client's bytes, or how far it came without a head. Line ends before it are passed over, as
 * RFC 9112 section 2.2 has it for empty lines; Node's parser takes them in any spelling, which leaves no doubt.
 */
export function readRequest (text: string, at: number): Message | State {
  while (text[at] === '\r' || text[at] === '\n') at++
  const result = readHead(text, at, REQUEST_LINE)
  if ('state' in result) return result.state
  const { head, end } = result
  const framed = framingOf(head.fields, head.line[2], 'none')
  if (framed === undefined) return 'malformed'
  return readBody(text, end, head, framed.framing, framed.length, false)
}

/** All requests of a client's bytes, the last one perhaps not whole, and how they go on behind the last whole one. */
export function readRequests (text: string): { requests: Message[], rest: State } {
  const requests: Message[] = []
  let at = 0
  while (true) {
    const message = readRequest(text, at)
    if (typeof message === 'string') return { requests, rest: /^[\r\n]*$/.test(text.slice(at)) ? 'whole' : message }
    requests.push(message)
    if (message.state !== 'whole') return { requests, rest: message.state }
    at = message.end
  }
}

/**
 * What stands at `at` of a service's bytes. Line ends before it are no response and do no harm.
 *
 * @param method of the request that is responded to
 * @param ended whether the connection was closed in order behind these bytes
 */
export function readResponse (text: string, at: number, method: string, ended: boolean): Message | State {
  while (text[at] === '\r' || text[at] === '\n') at++
  const isInterim = text.startsWith(' 1', at + 8) && !text.startsWith(' 101', at + 8)
  const result = readHead(withLineEnd(text, at), at, isInterim ? INTERIM_LINE : STATUS_LINE)
  if ('state' in result) return result.state
  const { head, end } = result
  const [version, status] = head.line
  // Whatever its framing says, the head is all of it.
  const isHeadOnly = method === 'HEAD' || status.startsWith('1') || status === '204' || status === '304'
  if (isHeadOnly) return readBody(text, end, head, 'none', 0, ended)
  const framed = framingOf(head.fields, version, 'close')
  if (framed === undefined || status.startsWith('0')) return 'malformed'
  return readBody(text, end, head, framed.framing, framed.length, ended)
}

/**
 * Node's parser takes CR CR for the end of a status line. That leaves no doubt in what it passes on, as the head is
 * written anew.
 */
function withLineEnd (text: string, at: number): string {
  const end = text.indexOf('\r', at)
  return text[end + 1] === '\r' ? `${text.slice(0, end + 1)}\n${text.slice(end + 2)}` : text
}

function readBody (text: string, at: number, head: Head, framing: Framing, length: number, ended: boolean): Message {
  const message: Message = { ...head, framing, state: 'whole', body: '', trailers: [], end: at }
  if (framing === 'chunked') {
    readChunks(text, message)
  } else if (framing !== 'none') {
    message.end = framing === 'close' ? text.length : Math.min(text.length, at + length)
    message.body = text.slice(at, message.end)
    if (framing === 'close' ? !ended : message.body.length < length) message.state = 'partial'
  }
  return message
}

function readChunks (text: string, message: Message): void {
  while (true) {
    const lineEnd = text.indexOf('\r\n', message.end)
    const line = text.slice(message.end, lineEnd === -1 ? text.length : lineEnd)
    if (lineEnd === -1) {
      message.state = 'partial'
      return
    }
    const [, digits] = CHUNK_LINE.exec(line) ?? []
    if (digits === undefined) {
      message.state = 'malformed'
      return
    }
    const size = parseInt(digits, 16)
    const data = lineEnd + 2
    if (size === 0) {
      readTrailers(text, data, message)
      return
    }
    message.body += text.slice(data, data + size)
    const behind = text.slice(data + size, data + size + 2)
    if (behind !== '\r\n') {
      message.state = '\r\n'.startsWith(behind) ? 'partial' : 'malformed'
      return
    }
    message.end = data + size + 2
  }
}

function readTrailers (text: string, at: number, message: Message): void {
  const end = text.startsWith('\r\n', at) ? at : text.indexOf('\r\n\r\n', at)
  const fields = end === at ? [] : readFields(text.slice(at, end).split('\r\n'))
  if (end === -1) {
    message.state = 'partial'
  } else if (fields === undefined || values(fields, 'content-length').length > 0) {
    message.state = 'malformed'
  } else {
    message.trailers = fields
    message.end = end + (end === at ? 2 : 4)
  }
}
