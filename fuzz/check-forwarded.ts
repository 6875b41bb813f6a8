import { PREFIX, VIA } from './gateway.js'
import { members, values } from './grammar.js'
import type { Field, Message } from './grammar.js'

/** What the gateway knows of a client, and sets itself. */
export interface Hop {
  /** Of the client. */
  readonly address: string
  /** `host:port` of the service. */
  readonly target: string
  /** Whether the client speaks TLS. */
  readonly isSecure?: boolean
  /** Whether the service speaks HTTP/2. */
  readonly isHttp2?: boolean
}

/** Of one connection (RFC 9110 section 7.6.1), and what the gateway says itself. Compared by rules of their own. */
const OF_THE_HOP = [
  'connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding',
  'upgrade', 'http2-settings', 'host', 'expect', 'content-length', 'forwarded', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host',
  'x-real-ip', 'via'
]
const NEVER_IN_TRAILERS = [...OF_THE_HOP, 'cookie', 'authorization', 'content-type', 'content-encoding', 'range']

/** The name that a client used for the server, and the path: an absolute-form's authority counts more than Host. */
function targetOf ({ line: [, target], fields }: Message): { authority: string, path: string } {
  const [, authority = values(fields, 'host').join(), path = target] = /^https?:\/\/([^/?#]+)(\/.*)$/i.exec(target) ?? []
  return { authority, path }
}

/** The path at which the service must get a request; `undefined` for one that is not below the mounted prefix. */
export function rewritten (meant: Message): string | undefined {
  const [, rest] = /^\/(?:api|h2)((?:[/?].*)?)$/.exec(targetOf(meant).path) ?? []
  return rest === undefined ? undefined : PREFIX + rest
}

/** Whether a path stays below the service's prefix in every way in which somebody may read it. */
export function isInside (target: string): boolean {
  const path = target.replace(/\?.*$/, '')
  if (!path.startsWith(PREFIX) || !['', '/'].includes(path.charAt(PREFIX.length))) return false
  const decoded = path.replace(/%2e/gi, '.').replace(/%2f/gi, '/').replace(/%5c/gi, '\\')
  const isPlain = !/[\\#\0-\x20\x7f-\xff]|%0[0ad]|%(?:c[01]%[89ab]|e0%8[01]|f0%80)/i.test(decoded)
  return isPlain && decoded.split('/').every(segment => !/^\.\.?(?:;|$)/.test(segment))
}

/** The names that a message's sender said are for the next hop alone. The framing and the host are not for it to say. */
function nominated ({ fields }: Message): string[] {
  return members(fields, 'connection').filter(name => name !== 'content-length' && name !== 'host')
}

/** The fields that must arrive as they are, in their order. Nothing passes that a stranger says of itself. */
export function endToEnd (message: Message, others: readonly string[] = OF_THE_HOP): Field[] {
  const left = nominated(message)
  return message.fields.filter(([name]) => {
    const lower = name.toLowerCase()
    return !others.includes(lower) && !lower.startsWith('x-forwarded-') && !left.includes(lower)
  })
}

/** Whether a request asks to go over to a protocol that does not carry requests itself. */
export function asksForUpgrade ({ line: [, , version], fields, body, framing }: Message): boolean {
  return version === 'HTTP/1.1' && members(fields, 'connection').includes('upgrade') && framing !== 'chunked' &&
    (body === '' || values(fields, 'expect').length === 0) &&
    members(fields, 'upgrade').some(protocol => !/^(?:h2|https?\b|tls\b)/.test(protocol))
}

/** Compares what the service got with what the client meant. */
export function compareForwarded (got: Message, meant: Message, { address, target, isSecure = false, isHttp2 = false }: Hop): string[] {
  const complaints: string[] = []
  const { fields } = got
  const left = nominated(meant)
  function expect (name: string, ...allowed: string[][]): void {
    const found = values(fields, name)
    // Over HTTP/2 a list may be in one piece.
    if (!allowed.some(list => isHttp2 ? list.join(', ') === found.join(', ') : same(list, found))) complaints.push(`${name} is ${JSON.stringify(found)}, must be ${allowed.map(list => JSON.stringify(list)).join(' or ')}`)
  }
  function demand (holds: boolean, complaint: string): void {
    if (!holds) complaints.push(complaint)
  }

  const { authority } = targetOf(meant)
  const wantsTrailers = members(meant.fields, 'te').includes('trailers')
  const upgrades = asksForUpgrade(meant)
  demand(got.line[0] === meant.line[0], `the method became ${got.line[0]}`)
  demand(got.line[1] === rewritten(meant), `the path became ${got.line[1]}`)
  demand(got.line[2] === (isHttp2 ? 'HTTP/2' : 'HTTP/1.1'), `the version became ${got.line[2]}`)
  demand(isInside(got.line[1]), 'the path may leave the prefix')
  expect('host', [target])
  expect('x-forwarded-for', [address])
  expect('x-forwarded-proto', [isSecure ? 'https' : 'http'])
  expect('x-forwarded-host', authority === '' ? [] : [authority])
  expect('x-real-ip', [address])
  for (const name of ['forwarded', 'expect', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'http2-settings']) expect(name, [])
  expect('via', [...(left.includes('via') ? [] : values(meant.fields, 'via')), `${meant.line[2].slice(5)} ${VIA}`])
  expect('te', [], ...(wantsTrailers ? [['trailers']] : []))
  expect('trailer', [], ...(wantsTrailers ? [[values(meant.fields, 'trailer').join(', ')]] : []))
  if (isHttp2) expect('connection', [])
  else expect('connection', ['close'], ['keep-alive'], ...(wantsTrailers ? [['TE']] : []), ...(upgrades ? [['Upgrade']] : []))
  demand(members(fields, 'upgrade').every(protocol => upgrades && members(meant.fields, 'upgrade').includes(protocol)), 'it asks for another protocol')
  demand(areSame(got, meant, OF_THE_HOP), `the fields became ${JSON.stringify(endToEnd(got))}`)
  const isBodyRight = got.state === 'whole' ? meant.state === 'whole' && got.body === meant.body : meant.body.startsWith(got.body)
  demand(isBodyRight, `the body became ${JSON.stringify(got.body)} (${got.state})`)
  demand(areTrailersRight(got.trailers, meant.trailers), `the trailers became ${JSON.stringify(got.trailers)}`)
  return complaints
}

/** Whether two heads have the same fields to their ends. HTTP/2 knows no upper case, and Node's takes those of one name together. */
export function areSame (one: Message, other: Message, others: readonly string[]): boolean {
  const [first, second] = [endToEnd(one, others), endToEnd(other, others)]
  const isHttp2 = [...one.line, ...other.line].includes('HTTP/2')
  return isHttp2 ? same(joined(first), joined(second)) : same(first.flat(), second.flat())
}

function joined (fields: readonly Field[]): string[] {
  const names = new Set(fields.map(([name]) => name.toLowerCase()))
  return [...names].sort().map(name => `${name}: ${values(fields, name).join(name === 'cookie' ? '; ' : ', ')}`)
}

/** A part of those that were sent, without those that act on the head. */
export function areTrailersRight (got: readonly Field[], meant: readonly Field[]): boolean {
  return got.every(([name, value]) => !NEVER_IN_TRAILERS.includes(name.toLowerCase()) && meant.some(other => same([name.toLowerCase(), value], [other[0].toLowerCase(), other[1]])))
}

export function same (one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, i) => text === other[i])
}
