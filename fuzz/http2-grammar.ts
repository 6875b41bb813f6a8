import type { ClientResponse } from './check-client.js'
import { values } from './grammar.js'
import type { Field, Message, State } from './grammar.js'
import type { Stream } from './streams.js'

/** What the frames of a stream mean by RFC 9113 section 8, or that they mean nothing. Like grammar.ts, it owes nothing to Node's. */

const NAME = /^[a-z\d!#$%&'*+\-.^_`|~]+$/
const VALUE = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/
const OF_HTTP1 = ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']
const METHOD = /^[\w!#$%&'*+\-.^`|~]+$/
const AUTHORITY = /^(?:[\w.~!$&'()*+,;=%-]+|\[[\da-f:.]+\])(?::\d{0,5})?$/i

export const VERSION = 'HTTP/2'

/** The pseudo-fields and the others; `undefined` for a block that is malformed (sections 8.2 and 8.3). */
function readBlock (fields: readonly Field[], allowed: readonly string[]): { pseudo: Map<string, string>, rest: Field[] } | undefined {
  const pseudo = new Map<string, string>()
  const rest: Field[] = []
  for (const [name, value] of fields) {
    // Node leaves such a field out, which leaves no doubt.
    if (!name.startsWith(':') && !/[A-Z]/.test(name) && !(NAME.test(name) && VALUE.test(value))) continue
    if (!VALUE.test(value)) return undefined
    if (name.startsWith(':')) {
      if (rest.length > 0 || pseudo.has(name) || !allowed.includes(name)) return undefined
      pseudo.set(name, value)
    } else if (!NAME.test(name) || OF_HTTP1.includes(name) || (name === 'te' && value !== 'trailers')) {
      return undefined
    } else {
      rest.push([name, value])
    }
  }
  return { pseudo, rest }
}

/** A length that is no number, or that there are two of, is malformed: NaN. */
function lengthOf (fields: readonly Field[]): number | undefined {
  const [length, ...others] = values(fields, 'content-length')
  if (length === undefined) return undefined
  return others.length === 0 && /^\d{1,15}$/.test(length) ? Number(length) : NaN
}

/** The trailers and what the end of a stream makes of its head. */
function readRest ({ blocks, data, ended }: Stream, length: number | undefined): { state: State, trailers: Field[] } {
  const [block, ...others] = blocks
  const trailers = block && readBlock(block.fields, [])
  const isMalformed = others.length > 0 || (block !== undefined && (trailers === undefined || !block.ends)) ||
    (length !== undefined && (data.length > length || (ended && data.length < length)))
  return { state: isMalformed ? 'malformed' : ended ? 'whole' : 'partial', trailers: trailers?.rest ?? [] }
}

/**
 * A request, with its `:authority` as Host and its cookie in one piece, as the gateway has it; `undefined` without a head
 * that is one.
 *
 * @param counts whether it is whole when all of its Content-Length has come, whatever becomes of its stream then
 */
export function requestOf (stream: Stream, counts = false): Message | undefined {
  const [head, ...blocks] = stream.blocks
  const read = head && readBlock(head.fields, [':method', ':scheme', ':path', ':authority'])
  if (head === undefined || read === undefined) return undefined
  const { pseudo, rest } = read
  const method = pseudo.get(':method') ?? ''
  const path = pseudo.get(':path') ?? ''
  const authority = pseudo.get(':authority')
  const hosts = values(rest, 'host')
  const length = lengthOf(rest)
  const isHostRight = hosts.length < 2 && [...hosts, ...(authority === undefined ? [] : [authority])].every(host => AUTHORITY.test(host) && host === (authority ?? host))
  const isSound = METHOD.test(method) && method !== 'CONNECT' && /^(?:\/[\x21-\x7e]*|\*)$/.test(path) && /^[a-z][a-z\d+.-]*$/i.test(pseudo.get(':scheme') ?? '') && isHostRight
  if (!isSound || Number.isNaN(length)) return undefined
  const cookies = values(rest, 'cookie')
  const host = authority ?? hosts[0]
  const fields: Field[] = [
    ...(host === undefined ? [] : [['host', host] as const]),
    ...rest.filter(([name]) => name !== 'cookie' && name !== 'host'),
    ...(cookies.length === 0 ? [] : [['cookie', cookies.join('; ')] as const])
  ]
  return { line: [method, path, VERSION], fields, framing: 'length', body: stream.data, end: 0, ...readRest({ ...stream, blocks }, length), ...(counts && length === stream.data.length ? { state: 'whole' } : {}) }
}

/** The method of a request, also of one that is malformed: a response to HEAD has no body. */
export function methodOf (stream: Stream): string {
  return pseudoFieldOf(stream, ':method') ?? 'GET'
}

/** The path of a request, also of one that is malformed. */
export function pathOf (stream: Stream): string {
  return pseudoFieldOf(stream, ':path') ?? ''
}

function pseudoFieldOf ({ blocks: [head] }: Stream, name: string): string | undefined {
  return head?.fields.find(field => field[0] === name)?.[1]
}

/** A response to a request; `undefined` without a head that is one. */
export function responseOf (stream: Stream, method: string): ClientResponse | undefined {
  const interims: Message[] = []
  for (const [i, { fields, at, ends }] of stream.blocks.entries()) {
    const read = readBlock(fields, [':status'])
    const status = read?.pseudo.get(':status')
    const length = read && lengthOf(read.rest)
    if (read === undefined || status === undefined || !/^[1-9]\d\d$/.test(status) || status === '101' || at > 0 || Number.isNaN(length)) return undefined
    const message: Message = { line: [VERSION, status, ''], fields: read.rest, framing: 'length', state: 'whole', body: '', trailers: [], end: 0 }
    if (status.startsWith('1')) {
      if (ends) return undefined
      interims.push(message)
      continue
    }
    const isHeadOnly = method === 'HEAD' || status === '204' || status === '304'
    // Who counts need not wait for the end, nor for what else may come before it.
    if (isHeadOnly || length === 0) return { interims, final: message }
    const rest = readRest({ ...stream, blocks: stream.blocks.slice(i + 1) }, length)
    const isCounted = stream.data.length === length
    return { interims, final: { ...message, body: stream.data, ...rest, ...(isCounted ? { state: 'whole' } : {}) } }
  }
  return undefined
}
