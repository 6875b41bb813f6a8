import { NOBODY } from './client.js'
import type { Client, Leaving } from './client.js'
import { unless } from './complaints.js'
import { HOSTILE } from './corpus.js'
import { generateRequest } from './generate-request.js'
import { members, readRequests } from './grammar.js'
import type { Message, State } from './grammar.js'
import { isFault, isLast, compareResponse, readResponses, rejection } from './check-client.js'
import type { ClientResponse } from './check-client.js'
import { compareForwarded, rewritten } from './check-forwarded.js'
import type { Hop } from './check-forwarded.js'
import { mutate, split } from './mutate.js'
import type { Random } from './random.js'
import { bodyFor } from './service.js'
import type { Targets } from './targets.js'
import type { Host, Received } from './service.js'

/** What is known of a case before it runs, as it has no fault but those of the corpus. */
export interface Certain {
  /** Requests that the service must get. */
  readonly forwarded: number
  /** Whether one more must be rejected. */
  readonly rejected: boolean
}

const IDEMPOTENT = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PROPFIND', 'REPORT', 'SEARCH']

/** Milliseconds until bytes that mean nothing must have been rejected, if they ever are: else the client ends its side. */
const QUIET = 400

/** One connection of a client with some requests on it. */
export class RequestCase implements Host {
  readonly received: Received[] = []
  readonly complaints: string[] = []
  readonly bytes: string
  readonly certain: Certain | undefined
  readonly leaving: Leaving
  readonly #pieces: string[]
  readonly #isChunked: boolean
  #client = NOBODY

  constructor (random: Random, readonly number: number) {
    const length = 1 + random.below(3)
    const isMutated = random.chance(0.6)
    let hostileAt = -1
    let bytes = ''
    for (let i = 0; i < length; i++) {
      const isHostile = random.chance(0.2)
      if (isHostile && hostileAt === -1) hostileAt = i
      bytes += isHostile ? random.pick(HOSTILE) : generateRequest(random, { id: `${number}-${i}`, isLast: i === length - 1, plain: false })
    }
    this.bytes = isMutated ? mutate(bytes, random) : bytes
    this.leaving = random.chance(0.9) ? 'in order' : random.pick(['half-close', 'abort'])
    this.#pieces = split(this.bytes, random)
    if (this.leaving === 'abort') this.#pieces.length = random.below(this.#pieces.length + 1)
    this.#isChunked = random.chance(0.3)
    if (!isMutated && this.leaving === 'in order') this.certain = { forwarded: hostileAt === -1 ? length : hostileAt, rejected: hostileAt !== -1 }
  }

  /** The service responds to all in the same way, and says whom. */
  onRequest (received: Received): void {
    const { message, connection } = received
    const id = String(this.received.indexOf(received))
    const body = bodyFor(message, `response ${this.number} ${id}`)
    const framing = this.#isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`
    const chunk = body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
    received.sent = `HTTP/1.1 200 OK\r\nX-Answer: ${this.number} ${id}\r\n${framing}\r\n\r\n${this.#isChunked ? chunk : body}`
    connection.responded()
    connection.socket.write(received.sent, 'latin1')
  }

  async run (client: Client): Promise<void> {
    this.#client = client
    await client.send(this.#pieces)
    if (this.leaving === 'abort') {
      await client.abort()
      return
    }
    if (this.leaving === 'in order') {
      const { requests, rest } = readRequests(this.bytes)
      const count = requests.filter(({ state }) => state === 'whole').length
      const hasResponse = await client.until(() => readResponsesTo(requests, client.text, false).responses.length >= count)
      this.complaints.push(...unless(hasResponse, 'no response came'))
      if (rest === 'malformed') await client.until(() => false, QUIET)
    }
    this.complaints.push(...unless(await client.leave(), 'the gateway does not close the connection'))
  }

  check ({ http1: target }: Targets): string[] {
    const { text, address, ended } = this.#client
    const hop = { address, target }
    return [...this.complaints, ...checkRequests({ ...readRequests(this.bytes), ...this.#seen }, text, ended, hop)]
  }

  get #seen (): Pick<RequestsSeen, 'leaving' | 'certain' | 'received'> {
    const { leaving, certain, received } = this
    return { leaving, certain, received }
  }

  describe (): string {
    return [
      `leaving: ${this.leaving}, certain: ${JSON.stringify(this.certain)}`,
      `sent:     ${this.#pieces.map(piece => JSON.stringify(piece)).join('\n          ')}`,
      ...this.received.map(({ message: { line, fields, body, state } }) => `service:  ${JSON.stringify([line.join(' '), fields, body, state])}`),
      `received: ${JSON.stringify(this.#client.text)}, broken: ${this.#client.broken}`
    ].join('\n')
  }
}

/** What a case of requests is, and what came of it. */
export interface RequestsSeen {
  /** What the client's bytes say. */
  readonly requests: readonly Message[]
  readonly rest: State
  /** Of these, whose response may be 502, as the service broke it. */
  readonly faulty?: readonly Message[]
  readonly leaving: Leaving
  readonly certain: Certain | undefined
  readonly received: readonly Pick<Received, 'message' | 'sent'>[]
}

/** The rule: what is malformed gives one rejection and a closed connection, or exactly the request that it can only mean. */
export function checkRequests (seen: RequestsSeen, text: string, ended: boolean, hop: Hop): string[] {
  const { requests, leaving, certain, received } = seen
  const complaints: string[] = []
  const forwarded = new Map<Message, string>()
  for (const { message, sent } of received) {
    // What was lost on a kept connection may be sent again if it is idempotent, and over HTTP/2 also what was refused.
    const candidates = requests.filter(meant => (!forwarded.has(meant) || (forwarded.get(meant) === '' && (IDEMPOTENT.includes(meant.line[0]) || hop.isHttp2 === true))) && meant.line[0] === message.line[0] && rewritten(meant) === message.line[1])
    const checked = candidates.map(meant => ({ meant, wrong: compareForwarded(message, meant, hop) })).sort((a, b) => a.wrong.length - b.wrong.length)
    const [best] = checked
    if (best === undefined) complaints.push(`the service got a request that nobody meant: ${message.line.join(' ')}`)
    else forwarded.set(best.meant, sent)
    complaints.push(...best?.wrong ?? [])
  }
  const { responses, rest: broken } = readResponsesTo(requests, text, ended)
  if (leaving === 'in order') {
    complaints.push(...checkResponses(responses, seen, forwarded))
    if (broken !== 'whole') complaints.push('the client got something that is no whole response')
  }
  if (certain !== undefined) complaints.push(...checkCertain(certain, received.length, responses))
  return complaints
}

function checkResponses (responses: readonly ClientResponse[], { requests, rest, faulty = [] }: RequestsSeen, forwarded: ReadonlyMap<Message, string>): string[] {
  const complaints: string[] = []
  const whole = requests.filter(({ state }) => state === 'whole')
  const end = responses.findIndex(({ final }) => isLast(final))
  if (end !== -1 && end < responses.length - 1) complaints.push('a response follows on the connection\'s last')
  if (responses.length > whole.length + (rest === 'whole' ? 0 : 1)) complaints.push('more responses than requests')
  const isOver = end !== -1
  if (!isOver && responses.length < whole.length) complaints.push('a request has no response')
  // A rejection may come before the bytes that turn out to be malformed, and be no rejection of those.
  const hasResponse = requests.length > whole.length && responses.length > whole.length
  if (!isOver && !hasResponse && rest === 'malformed') complaints.push('malformed bytes were not rejected')
  responses.forEach(({ interims, final }, i) => {
    // What could not be read has no head.
    const meant = requests[i] ?? UNREAD
    const status = rejection(final)
    const sent = forwarded.get(meant)
    const isOld = meant.line[2] === 'HTTP/1.0'
    const keeps = [...members(meant.fields, 'connection'), ...members(meant.fields, 'proxy-connection')].includes('keep-alive')
    if (sent !== undefined && faulty.includes(meant)) {
      const [said] = readResponses(sent, [meant.line[0]], true).responses
      if (!isFault(final)) complaints.push(...compareResponse({ interims, final }, said))
      return
    }
    if (status === undefined && !isResponseTo(sent, final)) complaints.push(`response ${i} is another request's`)
    if (status !== undefined && !isRejection(status)) complaints.push(`response ${i} is ${status}`)
    if (status !== undefined && sent !== undefined && sent !== '') complaints.push(`response ${i} is ${status} although the service responded`)
    if (isOld && (final.framing === 'chunked' || (!keeps && !isLast(final)))) complaints.push(`response ${i} is nothing for HTTP/1.0`)
    if (interims.some(({ line }) => line[1] !== '100' || isOld)) complaints.push(`response ${i} has an interim one that nobody sent`)
  })
  return complaints
}

/**
 * Reads what a client got for its requests. A malformed request may be known to be a HEAD or not, and so its rejection,
 * the connection's last response, may do without a body or not.
 */
function readResponsesTo (requests: readonly Message[], text: string, ended: boolean): ReturnType<typeof readResponses> {
  const methods = requests.map(({ line: [method] }) => method)
  const seen = readResponses(text, methods, ended)
  const last = seen.responses.length - 1
  const doubtful = seen.responses[last]
  if (seen.rest === 'whole' || doubtful === undefined || !isLast(doubtful.final) || isReadable(requests[last])) return seen
  const known = methods[last]
  if (known === undefined) methods[last] = 'HEAD'
  if (known === 'HEAD') methods[last] = 'GET'
  return readResponses(text, methods, ended)
}

/** Bytes of a head that are surely within the limit. */
const MODEST = 15_000

/** Whether Node's parser can make a request of it. */
function isReadable ({ line, fields, state }: Message = UNREAD): boolean {
  const [, target, version] = line
  return state !== 'malformed' && /^(?:\/|\*|https?:\/\/)/i.test(target) && /^HTTP\/(?:0\.9|1\.[01]|2\.0)$/.test(version) &&
    [line, ...fields].flat().join('  ').length < MODEST
}

/** What nobody could read. */
export const UNREAD: Message = { line: ['GET', '', 'HTTP/1.1'], fields: [], framing: 'none', state: 'malformed', body: '', trailers: [], end: 0 }

function isResponseTo (sent: string | undefined, { body, fields }: Message): boolean {
  return sent !== undefined && fields.some(([name, value]) => name === 'X-Answer' && sent.includes(`X-Answer: ${value}\r\n`)) && sent.includes(body)
}

/** A status with which the gateway may reject a request. */
export function isRejection (status: number): boolean {
  return (status >= 400 && status < 500) || [501, 505, 508].includes(status)
}

function checkCertain ({ forwarded, rejected }: Certain, received: number, responses: readonly ClientResponse[]): string[] {
  const complaints: string[] = []
  if (received < forwarded || received > forwarded + Number(rejected)) complaints.push(`the service got ${received} requests, must get ${forwarded}`)
  const statuses = responses.map(({ final }) => rejection(final))
  if (statuses.slice(0, forwarded).some(status => status !== undefined)) complaints.push('a good request was rejected')
  const [rejectedAs, ...more] = statuses.slice(forwarded)
  if (rejected && (rejectedAs === undefined || more.length > 0)) complaints.push('what had to be rejected was not rejected once')
  return complaints
}
