import type { Targets } from './targets.js'
import { isFault, readResponses, rejection } from './check-client.js'
import type { ClientResponse } from './check-client.js'
import type { Client, Leaving } from './client.js'
import { unless } from './complaints.js'
import { CONTINUATION, END_HEADERS, END_STREAM, grant, HEADERS, PREFACE, readFrames, SETTINGS, settings, writeFrame } from './frames.js'
import { fatal, generateHttp2Request, generateHttp2Response, noise, resetUnit } from './generate-frames.js'
import type { Unit } from './generate-frames.js'
import { generateResponse } from './generate-response.js'
import type { Plan } from './generate-response.js'
import type { Message } from './grammar.js'
import { encodeFields } from './hpack.js'
import { Http2Client } from './http2-client.js'
import { methodOf, pathOf, requestOf, responseOf } from './http2-grammar.js'
import type { ServiceStream, Then } from './http2-service.js'
import { mutate, split } from './mutate.js'
import type { Random } from './random.js'
import { checkRequests, isRejection } from './requests.js'
import { checkResponse, play } from './responses.js'
import type { Received } from './service.js'
import { readStreams } from './streams.js'
import type { Stream } from './streams.js'
import { allEnd } from './uploads.js'

/** Milliseconds in which the gateway must close a connection that its client has closed. */
const PATIENCE = 5_000

interface Exchange {
  readonly id: number
  /** What the client sends. */
  readonly units: readonly Unit[]
  /** Whether it is a request that the service must get whole. */
  readonly isGood: boolean
  /** What a service over HTTP/1 responds. */
  readonly plan: Plan
  /** What a service over HTTP/2 responds, and whether it does so with the head of the request. */
  readonly response: { readonly units: readonly Unit[], readonly isGood: boolean, readonly isEarly: boolean, readonly then: Then }
}

/** One connection of a client that speaks HTTP/2, with some requests on it, to a service of either protocol. */
export class Http2Case {
  readonly received: Received[] = []
  readonly streams: ServiceStream[] = []
  readonly complaints: string[] = []
  readonly leaving: Leaving
  readonly #isHttp2: boolean
  readonly #exchanges: readonly Exchange[]
  readonly #pieces: string[]
  /** Whether all frames are those that were meant. */
  readonly #isSound: boolean
  #client: Http2Client | undefined
  /** Whether the gateway ended the connection before the client did. */
  #wasSentAway = false

  constructor (random: Random, readonly number: number) {
    this.#isHttp2 = random.chance(0.5)
    this.#exchanges = Array.from({ length: 1 + random.below(6) }, (_, i) => exchange(random, 2 * i + 1, `${number}-${i}`, this.#isHttp2))
    const frames = interleave(random, this.#exchanges)
    const isDoomed = random.chance(0.07)
    if (isDoomed) frames.splice(random.below(frames.length + 1), 0, fatal(random))
    const first = writeFrame(SETTINGS, 0, 0, settings([[4, random.pick([65_535, 65_535, 0, 1, 100])]]))
    const text = PREFACE + first + frames.join('')
    const isMutated = random.chance(0.08)
    this.leaving = random.chance(0.85) ? 'in order' : random.pick(['half-close', 'abort'])
    this.#pieces = split(isMutated ? mutate(text, random) : text, random)
    // nghttp2 counts a CONTINUATION anew for each piece that its first nine bytes come in.
    const mayBeTooMany = this.#pieces.length > 1 && readFrames(text, PREFACE.length).frames.some(({ type }) => type === CONTINUATION)
    this.#isSound = !isDoomed && !isMutated && !mayBeTooMany && this.leaving === 'in order'
    if (this.leaving === 'abort') this.#pieces.length = random.below(this.#pieces.length + 1)
  }

  onRequest (received: Received): void {
    const asked = this.#exchangeOf(received.message)
    play(received, asked.plan, received.message.line[0]).catch(error => this.complaints.push(String(error)))
  }

  onStream (stream: ServiceStream): void {
    if (!this.streams.includes(stream)) this.streams.push(stream)
    this.complaints.push(...unless(stream.message.state !== 'malformed', 'the service got a stream that is no request'))
    const asked = this.#exchangeOf(stream.message)
    if (!asked.response.isEarly && stream.message.state !== 'whole') return
    stream.respond(asked.response.units, asked.response.then).catch(error => this.complaints.push(String(error)))
  }

  /** By the path that the service got. */
  #exchangeOf ({ line: [, path] }: Message): Exchange {
    return this.#exchanges[Number(/^\/service\/\d+-(\d+)/.exec(path)?.[1])] ?? UNKNOWN
  }

  async run (client: Client): Promise<void> {
    const http2 = new Http2Client(client)
    this.#client = http2
    await http2.send(this.#pieces)
    if (this.leaving === 'abort') {
      await client.abort()
    } else {
      if (this.leaving === 'in order') await this.#await(http2)
      this.complaints.push(...unless(await client.leave(PATIENCE), 'the gateway does not close the connection'))
      http2.read()
    }
    await this.#halvesEnd(() => true, 'connection')
  }

  async #await (http2: Http2Client): Promise<void> {
    const sent = this.#sent(http2)
    const expected = sent.filter(stream => stream.reset === undefined && (stream.ended || requestOf(stream) === undefined))
    const hadEnded = await http2.until(() => expected.every(({ id }) => isOver(http2.reader.streams.get(id))))
    this.complaints.push(...unless(!this.#isSound || hadEnded, 'no response came'))
    this.#wasSentAway = http2.reader.goaway
    const reset = sent.filter(stream => stream.reset !== undefined)
    await this.#halvesEnd(message => reset.some(stream => requestOf(stream)?.line[1].slice(4) === message.line[1].slice(8)), 'stream')
  }

  /** What broke off here ends there, too. */
  async #halvesEnd (isBroken: (message: Message) => boolean, what: string): Promise<void> {
    const halves = [...this.received, ...this.streams].filter(({ message }) => message.state !== 'whole' && isBroken(message))
    this.complaints.push(...unless(await allEnd(halves), `the service's half is open a second after the end of the client's ${what}`))
  }

  /** The streams that the client's bytes mean. */
  #sent (client: { readonly sent: string }): Stream[] {
    return readStreams(client.sent, 'client')
  }

  check ({ http1, http2 }: Targets): string[] {
    if (this.#client === undefined) return ['it has not run']
    const { reader, client: { address } } = this.#client
    const sent = this.#sent(this.#client)
    const requests = sent.flatMap(stream => requestOf(stream, true) ?? [])
    const received = [
      ...this.received.map(({ message, sent, taint }) => ({ message, sent: taint === 'none' ? sent : '' })),
      ...this.streams.map(({ taken }) => taken)
    ]
    const hop = { address, target: this.#isHttp2 ? http2 : http1, isSecure: true, isHttp2: this.#isHttp2 }
    // A path that was made to begin as those of the other service do went there.
    const isAstray = sent.some(stream => pathOf(stream).startsWith(this.#isHttp2 ? '/api' : '/h2'))
    return [
      ...this.complaints,
      ...isAstray ? [] : checkRequests({ requests, rest: 'whole', leaving: 'half-close', certain: undefined, received }, '', true, hop),
      ...unless(!reader.broken, 'the client got bytes that are no HTTP/2'),
      ...unless(!(this.#isSound && this.#exchanges.every(({ isGood }) => isGood) && this.#wasSentAway), 'the connection was ended'),
      ...sent.filter(stream => this.#isOwn(stream, sent)).flatMap(stream => this.#checkStream(stream, reader.streams.get(stream.id)).map(complaint => `stream ${stream.id}: ${complaint}`))
    ]
  }

  #checkStream (sent: Stream, seen: Stream | undefined): string[] {
    const asked = this.#exchanges[(sent.id - 1) / 2]
    const method = methodOf(sent)
    const isSure = this.#isSound && !this.#wasSentAway && asked?.isGood === true && sent.reset === undefined
    return checkStream({ isSure, ...this.#outcomeOf(asked, method) }, seen && responseOf(seen, method), seen)
  }

  /** Whether a request names no exchange but its own, by its path, and no other names that. */
  #isOwn (stream: Stream, all: readonly Stream[]): boolean {
    const names = (path: string, { id }: { readonly id: number }): boolean => path.includes(`/${this.number}-${(id - 1) / 2}`)
    return all.every(other => other.id === stream.id || !names(pathOf(other), stream)) &&
      this.#exchanges.every(exchange => exchange.id === stream.id || !names(pathOf(stream), exchange))
  }

  /** What the service responded to a request, the last time that it got it. */
  #outcomeOf (asked: Exchange | undefined, method: string): Outcome {
    const stream = this.streams.filter(({ message }) => this.#exchangeOf(message) === asked).at(-1)
    if (stream !== undefined) {
      const [seen] = readStreams(stream.sent, 'server')
      const response = seen && responseOf(seen, method)
      return { response, isReliable: asked?.response.isGood === true && !stream.isTainted && hasStatus(response), isPoisoned: false }
    }
    const received = this.received.filter(({ message }) => this.#exchangeOf(message) === asked).at(-1)
    if (received === undefined) return { response: undefined, isReliable: false, isPoisoned: false }
    // HTTP/2 has no reason, so that no fault of one matters.
    const { responses: [response] } = readResponses(received.sent.replace(/^(HTTP\/1\.[01] \d{3}) [^\r\n]*/, '$1 '), [method], received.ended)
    return { response, isReliable: asked?.plan.isGood === true && received.taint === 'none' && hasStatus(response), isPoisoned: received.taint === 'poisoned' }
  }

  describe (): string {
    return [
      `to a service over ${this.#isHttp2 ? 'HTTP/2' : 'HTTP/1'}, leaving: ${this.leaving}${this.#isSound ? ', sound' : ''}`,
      `sent:     ${JSON.stringify(this.#client?.sent ?? this.#pieces.join(''))}`,
      ...readStreams(this.#client?.sent ?? this.#pieces.join(''), 'client').map(stream => `          ${JSON.stringify(stream)}`),
      ...this.#exchanges.map(({ id, isGood, plan, response }) => `${id}: ${JSON.stringify(isGood)} ` +
        (this.#isHttp2 ? JSON.stringify([readStreams(response.units.map(unit => unit(id)).join(''), 'server'), response.isGood, response.isEarly, response.then]) : JSON.stringify(plan))),
      ...this.received.map(({ message: { line, fields, body, state }, taint }) => `service:  ${JSON.stringify([line.join(' '), fields, body, state, taint])}`),
      ...this.streams.map(({ message: { line, fields, body, state }, seen: { reset }, isTainted }) => `service:  ${JSON.stringify([line.join(' '), fields, body, state, reset, isTainted])}`),
      ...[...this.#client?.reader.streams.values() ?? []].map(stream => `received: ${JSON.stringify(stream)}`),
      `goaway: ${this.#client?.reader.goaway}, broken: ${this.#client?.client.broken}`
    ].join('\n')
  }
}

function exchange (random: Random, id: number, name: string, isHttp2: boolean): Exchange {
  const { units: sent, isGood } = generateHttp2Request(random, name, isHttp2 ? '/h2' : '/api')
  // The client's own window may be none at first.
  const opening = 1 + random.below(1000)
  const units = sent.map((unit, i) => i === 0 ? (stream: number) => unit(stream) + grant(stream, opening) : unit)
  const [stream] = readStreams(PREFACE + sent.map(unit => unit(id)).join(''), 'client')
  const method = (stream && requestOf(stream))?.line[0] ?? 'GET'
  const isCut = random.chance(0.25)
  if (isCut) units.length = 1 + random.below(units.length)
  if (isCut && random.chance(0.8)) units.push(resetUnit(random))
  const then: Then = random.chance(0.98) ? 'stay' : random.pick<Then>(['goaway', 'close'])
  const response = { ...generateHttp2Response(random, name, method), isEarly: random.chance(0.2), then }
  return { id, units, isGood: isGood && !isCut, plan: generateResponse(random, name, method), response }
}

const NOT_FOUND = 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'
/** Of a request whose path says no more whose it is. */
const UNKNOWN: Exchange = {
  id: 0,
  units: [],
  isGood: false,
  plan: { text: NOT_FOUND, pieces: [NOT_FOUND], then: 'stay', isGood: true },
  response: { units: [stream => writeFrame(HEADERS, END_HEADERS | END_STREAM, stream, encodeFields([[':status', '404']]))], isGood: true, isEarly: false, then: 'stay' }
}

/** All frames in an order in which they may come: a stream's in theirs, and its first behind those of the streams before. */
function interleave (random: Random, exchanges: readonly Exchange[]): string[] {
  const frames: string[] = []
  const left = exchanges.map(({ id, units }) => ({ id, units: [...units], count: units.length }))
  while (left.some(({ units }) => units.length > 0)) {
    const next = left.findIndex(({ units, count }) => units.length === count)
    const ready = left.filter(({ units }, i) => units.length > 0 && (next === -1 || i <= next))
    const { id, units } = random.pick(ready)
    frames.push(...units.splice(0, 1).map(unit => unit(id)))
    if (random.chance(0.1)) frames.push(noise(random))
  }
  return frames
}

function isOver (stream: Stream | undefined): boolean {
  return stream !== undefined && (stream.ended || stream.reset !== undefined)
}

/** Whether a response's status is one that HTTP/2 knows (RFC 9110 section 15). */
function hasStatus (response: ClientResponse | undefined): boolean {
  return response !== undefined && response.final.line[1] < '600'
}

/** What became of a request at the service. */
interface Outcome {
  readonly response: ClientResponse | undefined
  /** Whether nothing is wrong with the response, or happened on its connection. */
  readonly isReliable: boolean
  /** Whether nobody could tell which response is whose. */
  readonly isPoisoned: boolean
}

/** An error of the gateway's own, with what may be cut off of it. */
function whole ({ body }: Message): Pick<Message, 'body' | 'state'> {
  return { state: 'whole', body: FAULT.startsWith(body) ? FAULT : body }
}

const FAULT = '{"success":false,'

export interface StreamCheck extends Outcome {
  /** Whether the request must be forwarded. */
  readonly isSure: boolean
}

/** Each stream gets its own response, an error, or its end; and none that was cut short looks whole. */
export function checkStream ({ response, isReliable, isPoisoned, isSure }: StreamCheck, got: ClientResponse | undefined, seen: Stream | undefined): string[] {
  if (isPoisoned) return []
  if (got === undefined) {
    return [
      ...unless(seen?.ended !== true, `the client got what is no response: ${JSON.stringify(seen?.blocks)}`),
      ...unless(!(isSure && isReliable), 'no response came')
    ]
  }
  const { final } = got
  const status = rejection(final)
  const isShort = isSure && isReliable && seen?.ended !== true
  const isError = status !== undefined && (isRejection(status) || isFault({ ...final, ...whole(final) }))
  // The gateway's own 100 (Continue) is of the hop.
  const own = { interims: got.interims.filter(({ line }) => line[1] !== '100'), final }
  if (!isError) return [...checkResponse(own, response, isSure && isReliable), ...unless(!isShort, 'its end is missing')]
  return [
    ...unless(!isSure || (!isReliable && (!isRejection(status) || String(status) === response?.final.line[1])), `a good request was rejected with ${status}`),
    ...unless(final.state !== 'malformed', 'the response is malformed')
  ]
}
