import { setTimeout } from 'node:timers/promises'
import type { Targets } from './targets.js'
import { isFault, readResponses, rejection } from './check-client.js'
import type { ClientResponse } from './check-client.js'
import { rewritten } from './check-forwarded.js'
import { NOBODY } from './client.js'
import type { Client } from './client.js'
import { unless } from './complaints.js'
import { generateHttp2Response } from './generate-frames.js'
import { chunked, generateRequest, randomContent } from './generate-request.js'
import { readRequests } from './grammar.js'
import type { Message } from './grammar.js'
import { responseOf } from './http2-grammar.js'
import type { ServiceStream } from './http2-service.js'
import { split } from './mutate.js'
import type { Random } from './random.js'
import { checkRequests, isRejection } from './requests.js'
import { checkResponse } from './responses.js'
import { bodyFor } from './service.js'
import type { Received } from './service.js'
import { readStreams } from './streams.js'

/** How a body breaks off. */
type Break = 'half-close' | 'close' | 'reset' | 'malformed'

/** What a service does while the body comes. */
type Reaction = 'read' | 'respond' | 'respond and close' | 'respond and reset' | 'respond in part'

const MALFORMED = ['X\r\n', '+5\r\nhello\r\n', '5\nhello\n', 'fffffffffffffffff\r\n', '0\r\nBad Trailer\r\n\r\n', '0\r\nContent-Length: 5\r\n\r\n', 'GET /api/evil HTTP/1.1\r\nHost: evil\r\n\r\n', '\r\n\r\n', '-1\r\n', '5;a\nb\r\n']

/** Milliseconds in which a break must be passed on. */
const BOUND = 1_000

/** Requests of which the last has a body that breaks off. */
export class UploadCase {
  readonly received: Received[] = []
  readonly streams: ServiceStream[] = []
  readonly complaints: string[] = []
  readonly bytes: string
  readonly #pieces: string[]
  readonly #isHttp2: boolean
  readonly #break: Break
  readonly #reaction: Reaction
  readonly #response: ReturnType<typeof generateHttp2Response>
  /** To the request before, where there is one. */
  readonly #responseBefore: ReturnType<typeof generateHttp2Response>
  #client = NOBODY

  constructor (random: Random, readonly number: number) {
    this.#isHttp2 = random.chance(0.4)
    const prefix = this.#isHttp2 ? '/h2' : '/api'
    const before = random.chance(0.2) ? generateRequest(random, { id: `${number}-0`, isLast: false, plain: true }).replace('/api', prefix) : ''
    const content = random.bytes(1) + randomContent(random)
    const isChunked = random.chance(0.6)
    const head = `${random.pick(['POST', 'PUT', 'PATCH', 'GET', 'DELETE'])} ${prefix}/${number}-1/x HTTP/1.1\r\nHost: x\r\n${random.pick(['', '', 'TE: trailers\r\n', 'Expect: 100-continue\r\n'])}`
    const body = isChunked ? chunked(random, content) : content
    // Often right before the end, where there is most to take for one.
    const left = random.chance(0.5) ? 1 + random.below(8) : 1 + random.below(body.length)
    const start = `${before}${head}${isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${content.length}`}\r\n\r\n${body.slice(0, Math.max(0, body.length - left))}`
    const malformed = start + random.pick(MALFORMED)
    const isMalformed = isChunked && random.chance(0.4) && readRequests(malformed).rest === 'malformed'
    this.bytes = isMalformed ? malformed : start
    this.#break = isMalformed ? 'malformed' : random.pick(['half-close', 'close', 'reset'])
    this.#pieces = split(this.bytes, random)
    this.#reaction = random.pick(['read', 'read', 'respond', 'respond and close', 'respond and reset', 'respond in part'])
    this.#response = generateHttp2Response(random, `${number}-1`, 'POST')
    const [first] = readRequests(before).requests
    this.#responseBefore = generateHttp2Response(random, `${number}-0`, first?.line[0] ?? 'GET')
  }

  /** A whole request is that before. */
  onRequest (received: Received): void {
    const body = bodyFor(received.message, 'whole')
    received.sent = `HTTP/1.1 200 OK\r\nX-Answer: ${this.number}-0\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    received.connection.responded()
    received.connection.socket.write(received.sent, 'latin1')
  }

  onPart (received: Received): void {
    if (this.#reaction === 'read' || received.sent !== '' || !this.#isLast(received.message)) return
    const { socket } = received.connection
    received.sent = `HTTP/1.1 413 Too Much\r\nX-Answer: ${this.number}-1\r\nContent-Length: 5\r\n\r\n${this.#reaction === 'respond in part' ? 'ear' : 'early'}`
    socket.write(received.sent, 'latin1')
    if (this.#reaction === 'respond and close') socket.end()
    if (this.#reaction === 'respond and reset') socket.resetAndDestroy()
  }

  onStream (stream: ServiceStream): void {
    if (!this.streams.includes(stream)) this.streams.push(stream)
    this.complaints.push(...unless(stream.message.state !== 'malformed', 'the service got a stream that is no request'))
    const isLast = this.#isLast(stream.message)
    if (stream.message.state !== 'whole' && (this.#reaction === 'read' || !isLast)) return
    stream.respond((isLast ? this.#response : this.#responseBefore).units, 'stay').catch(error => this.complaints.push(String(error)))
  }

  #isLast ({ line: [, path] }: Message): boolean {
    return path.startsWith(`/service/${this.number}-1/`)
  }

  async run (client: Client): Promise<void> {
    this.#client = client
    await client.send(this.#pieces)
    if (this.#break === 'reset') client.socket.resetAndDestroy()
    if (this.#break === 'reset' || this.#break === 'close') await client.abort()
    if (this.#break === 'half-close') client.socket.end()
    if (this.#break === 'malformed') this.complaints.push(...unless(await client.until(() => false), 'malformed bytes were not rejected'))
    const halves = [...this.received, ...this.streams].filter(({ message }) => message.state !== 'whole')
    this.complaints.push(...unless(await allEnd(halves), 'the service\'s half is open a second after the break'))
    if (this.#break === 'half-close' || this.#break === 'malformed') this.complaints.push(...unless(await client.leave(), 'the gateway does not close the connection'))
  }

  check ({ http1, http2 }: Targets): string[] {
    const { text, ended, address } = this.#client
    const { requests, rest } = readRequests(this.bytes)
    const received = [...this.received, ...this.streams]
    const seen = [...this.received, ...this.streams.map(({ taken }) => taken)]
    const hop = { address, target: this.#isHttp2 ? http2 : http1, isHttp2: this.#isHttp2 }
    return [
      ...this.complaints,
      ...checkRequests({ requests, rest, leaving: 'half-close', certain: undefined, received: seen }, '', true, hop),
      ...checkUploads(requests, received.map(responded), text, ended)
    ]
  }

  describe (): string {
    return [
      `to a service over ${this.#isHttp2 ? 'HTTP/2' : 'HTTP/1'} (${this.#reaction}), break: ${this.#break}`,
      `sent:     ${this.#pieces.map(piece => JSON.stringify(piece)).join('\n          ')}`,
      ...[...this.received, ...this.streams].map(({ message: { line, fields, body, state }, sent }) => `service:  ${JSON.stringify([line.join(' '), fields, body, state])}\n` +
        `          responded ${JSON.stringify(sent)}`),
      `received: ${JSON.stringify(this.#client.text)}, broken: ${this.#client.broken}`
    ].join('\n')
  }
}

/**
 * Whether all halves of exchanges at a service have ended, within the time in which that must be. What the gateway has
 * taken of an upload goes first, at the service's pace: while it reads nothing, Node does not hear of a reset either.
 */
export async function allEnd (halves: ReadonlyArray<Pick<Received, 'connection'> | Pick<ServiceStream, 'isOver' | 'touchedAt'>>): Promise<boolean> {
  const begun = performance.now()
  while (!halves.every(half => 'isOver' in half ? half.isOver : half.connection.socket.destroyed)) {
    const moved = Math.max(begun, ...halves.map(half => 'touchedAt' in half ? half.touchedAt : 0))
    if (performance.now() - moved > BOUND) return false
    await setTimeout(5)
  }
  return true
}

/** A request as the service got it, and what it responded. */
interface Responded {
  readonly message: Message
  readonly response: ClientResponse | undefined
}

function responded ({ message, sent, ...more }: Received | ServiceStream): Responded {
  const [method] = message.line
  if (!('seen' in more)) return { message, response: readResponses(sent, [method], false).responses[0] }
  const [stream] = readStreams(sent, 'server')
  return { message, response: stream && responseOf(stream, method) }
}

/** At most one response to each request, which is its own or an error. */
export function checkUploads (requests: readonly Message[], received: readonly Responded[], text: string, ended: boolean): string[] {
  const { responses, rest } = readResponses(text, requests.map(({ line: [method] }) => method), ended)
  return [
    ...unless(responses.length <= requests.length, 'more responses than requests'),
    ...unless(rest !== 'malformed', 'the client got something that is no response'),
    ...responses.flatMap(({ interims, final }, i) => {
      const status = rejection(final)
      if (status !== undefined && (isRejection(status) || isFault(final))) return []
      const meant = requests.slice(i, i + 1).map(rewritten)
      const own = received.filter(({ message }) => meant.includes(message.line[1])).at(-1)
      // The gateway's own 100 (Continue) is of the hop.
      return checkResponse({ interims: interims.filter(({ line }) => line[1] !== '100'), final }, own?.response, false).map(complaint => `response ${i}: ${complaint}`)
    })
  ]
}
