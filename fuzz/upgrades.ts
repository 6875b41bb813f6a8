import { setImmediate } from 'node:timers/promises'
import { NOBODY } from './client.js'
import type { Client } from './client.js'
import { unless } from './complaints.js'
import { generateRequest, randomContent } from './generate-request.js'
import { members, readRequest } from './grammar.js'
import type { Message, State } from './grammar.js'
import { isLast, readResponses } from './check-client.js'
import { asksForUpgrade, rewritten } from './check-forwarded.js'
import type { Hop } from './check-forwarded.js'
import { mutate, split } from './mutate.js'
import type { Random } from './random.js'
import { checkRequests } from './requests.js'
import { bodyFor } from './service.js'
import type { Targets } from './targets.js'
import type { Host, Received } from './service.js'

const CONNECTIONS = ['Upgrade', 'upgrade', 'keep-alive, Upgrade', 'Upgrade, X-Nominated', 'close', 'Upgrade, HTTP2-Settings']
const PROTOCOLS = ['websocket', 'websocket', 'WebSocket', 'websocket, foo/2', 'foo', 'h2c', 'h2c, websocket', 'TLS/1.0', 'HTTP/2.0', '']
const EXTRAS = ['Content-Length: 0', 'Content-Length: 5', 'Transfer-Encoding: chunked', 'Expect: 100-continue', 'TE: trailers', 'Upgrade: bar', 'X-Forwarded-For: 6.6.6.6']

/** What the service says to a request for another protocol. `ok`: goes over to it. */
type Reaction = 'ok' | 'rejection' | 'other protocol' | 'no protocol' | 'broken' | 'end'

/** A handshake on a connection, and whatever is sent in the tunnel or instead of one. */
export class UpgradeCase implements Host {
  readonly received: Received[] = []
  readonly complaints: string[] = []
  /** Up to the end of the handshake, as far as that is one. */
  readonly head: string
  /** Behind it, some of it at once. */
  readonly data: string
  readonly #early: number
  readonly #reaction: Reaction
  readonly #random: Random
  /** What the service sends in a tunnel. */
  readonly #response: string
  /** Instead of the head of a response. */
  readonly #broken: string
  readonly #clientEndsFirst: boolean
  #client = NOBODY
  #sent = ''
  #isOpen = false

  constructor (random: Random, readonly number: number) {
    const before = random.chance(0.2) ? generateRequest(random, { id: `${number}-0`, isLast: false, plain: true }) : ''
    const lines = ['Host: x', `Connection: ${random.pick(CONNECTIONS)}`, `Upgrade: ${random.pick(PROTOCOLS)}`, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13']
    if (random.chance(0.2)) lines.push(random.pick(EXTRAS))
    const handshake = `${random.pick(['GET', 'GET', 'GET', 'POST'])} /api/${number}-1/x HTTP/1.${random.chance(0.05) ? 0 : 1}\r\n${lines.join('\r\n')}\r\n\r\n`
    this.head = before + (random.chance(0.4) ? mutate(handshake, random) : handshake)
    this.data = random.chance(0.2) ? '' : randomContent(random)
    this.#early = random.chance(0.5) ? 0 : random.below(this.data.length + 1)
    this.#reaction = random.pick(['ok', 'ok', 'ok', 'ok', 'rejection', 'rejection', 'other protocol', 'no protocol', 'broken', 'end'])
    this.#response = random.chance(0.2) ? '' : randomContent(random)
    this.#broken = mutate(`HTTP/1.1 101 Switching Protocols\r\nX-Answer: ${number} x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`, random)
    this.#clientEndsFirst = random.chance(0.5)
    this.#random = random
  }

  onRequest (received: Received): void {
    const { message, connection } = received
    const id = `${this.number} ${this.received.indexOf(received)}`
    const protocols = members(message.fields, 'upgrade')
    const [protocol] = protocols
    if (protocol === undefined) {
      this.#reply(received, `HTTP/1.1 200 OK\r\nX-Answer: ${id}\r\nContent-Length: ${bodyFor(message, id).length}\r\n\r\n${bodyFor(message, id)}`)
      return
    }
    const switching = `HTTP/1.1 101 Switching Protocols\r\nX-Answer: ${id}\r\nConnection: Upgrade\r\n`
    switch (this.#reaction) {
      case 'ok':
        connection.switchProtocols()
        this.#tunnel(received, `${switching}Upgrade: ${protocol}\r\n\r\n`).catch(error => this.complaints.push(String(error)))
        return
      case 'rejection':
        this.#reply(received, `HTTP/1.1 403 Forbidden\r\nX-Answer: ${id}\r\nContent-Length: ${id.length}\r\n\r\n${id}`)
        return
      case 'other protocol': return this.#fail(received, `${switching}Upgrade: other\r\n\r\n`)
      case 'no protocol': return this.#fail(received, `${switching}\r\n`)
      case 'broken': return this.#fail(received, this.#broken)
      case 'end': return this.#fail(received, '')
    }
  }

  /** HTTP goes on behind it. */
  #reply (received: Received, text: string): void {
    received.sent = text
    received.connection.responded()
    received.connection.socket.write(text, 'latin1')
  }

  /**
   * Where the text happens to be a whole response the connection is kept, and other cases come to have it: no more may
   * follow then, nor an end that was not announced. That is what the cases of responses are about.
   */
  #fail (received: Received, text: string): void {
    const [response] = readResponses(text, [received.message.line[0]], false).responses
    if (response !== undefined && response.final.state === 'whole' && response.final.line[1] !== '101' && !isLast(response.final)) {
      this.#reply(received, text.slice(0, response.final.end))
      return
    }
    received.sent = text
    received.connection.switchProtocols()
    received.connection.socket.end(text, 'latin1')
  }

  async #tunnel (received: Received, head: string): Promise<void> {
    const { socket } = received.connection
    received.sent = head
    const pieces = split(this.#response, this.#random)
    // The first bytes come together with the head.
    socket.write(head + (pieces.shift() ?? ''), 'latin1')
    for (const piece of pieces) {
      await setImmediate()
      socket.write(piece, 'latin1')
    }
    this.#sent = this.#response
    if (!this.#clientEndsFirst || socket.readableEnded) socket.end()
  }

  /** The other half stays open until all was sent. */
  onTunnelEnd ({ connection: { socket } }: Received): void {
    if (this.#sent === this.#response) socket.end()
  }

  async run (client: Client): Promise<void> {
    this.#client = client
    await client.send(split(this.head, this.#random))
    await client.send([this.data.slice(0, this.#early)].filter(piece => piece !== ''))
    const { requests, data } = readHandshake(this.head + this.data.slice(0, this.#early))
    const methods = requests.map(({ line: [method] }) => method)
    const count = requests.filter(({ state }) => state === 'whole').length
    const hasResponse = await client.until(() => readResponses(client.text, methods, false).responses.length >= count)
    this.complaints.push(...unless(hasResponse, 'no response came'))
    this.#isOpen = data !== undefined && readResponses(client.text, methods, false).responses.at(-1)?.final.line[1] === '101'
    if (this.#isOpen) {
      await client.send(split(this.data.slice(this.#early), this.#random).filter(piece => piece !== ''))
      if (!this.#clientEndsFirst) this.complaints.push(...unless(await client.until(() => client.ended), 'the service\'s end was not passed on'))
    }
    this.complaints.push(...unless(await client.leave(), 'the gateway does not close the connection'))
  }

  check ({ http1: target }: Targets): string[] {
    const { text, address, ended } = this.#client
    const handshake = readHandshake(this.head + this.data.slice(0, this.#isOpen ? this.data.length : this.#early))
    const seen = { handshake, received: this.received, isGood: this.#reaction === 'ok' || this.#reaction === 'rejection', response: this.#response }
    return [...this.complaints, ...checkUpgrade(seen, text, ended, { address, target })]
  }

  describe (): string {
    return [
      `service: ${this.#reaction}, ${this.#clientEndsFirst ? 'client' : 'service'} ends first, ${this.#early} bytes early`,
      `sent:     ${JSON.stringify(this.head)}\n          ${JSON.stringify(this.data)}`,
      ...this.received.map(({ message: { line, fields, state }, sent, tunnel }) => `service:  ${JSON.stringify([line.join(' '), fields, state])}\n` +
        `          responded ${JSON.stringify(sent)} ${JSON.stringify(this.#response)}\n          tunnel ${JSON.stringify(tunnel)}`),
      `received: ${JSON.stringify(this.#client.text)}, broken: ${this.#client.broken}`
    ].join('\n')
  }
}

export interface Handshake {
  /** With the one that asks for another protocol as the last. */
  readonly requests: Message[]
  readonly rest: State
  /** What follows, for the tunnel if there is one; undefined without a request for one. */
  readonly data: string | undefined
}

/** A client's bytes up to the first request that asks for another protocol: what follows may be anything. */
export function readHandshake (text: string): Handshake {
  const requests: Message[] = []
  let at = 0
  while (true) {
    const message = readRequest(text, at)
    if (typeof message === 'string') return { requests, rest: /^[\r\n]*$/.test(text.slice(at)) ? 'whole' : message, data: undefined }
    requests.push(message)
    if (message.state !== 'whole') return { requests, rest: message.state, data: undefined }
    at = message.end
    if (asksForUpgrade(message) && rewritten(message) !== undefined) return { requests, rest: 'whole', data: text.slice(at) }
  }
}

export interface UpgradeSeen {
  readonly handshake: Handshake
  readonly received: readonly Pick<Received, 'message' | 'sent' | 'tunnel'>[]
  /** Whether the service responded as it must. */
  readonly isGood: boolean
  /** What it sent in a tunnel. */
  readonly response: string
}

/** Bytes in a tunnel arrive as they are and in their order; a handshake that was rejected never becomes one. */
export function checkUpgrade ({ handshake, received, isGood, response }: UpgradeSeen, text: string, ended: boolean, hop: Hop): string[] {
  const { requests, rest, data } = handshake
  const { responses, end } = readResponses(text, requests.map(({ line: [method] }) => method), ended)
  const isOpen = data !== undefined && responses.at(-1)?.final.line[1] === '101'
  const faulty = data === undefined || isGood ? [] : requests.slice(-1)
  const complaints = checkRequests({ requests, rest, faulty, leaving: 'in order', certain: undefined, received }, isOpen ? text.slice(0, end) : text, ended, hop)
  const asked = received.find(({ message: { fields } }) => members(fields, 'upgrade').length > 0)
  const isAccepted = asked !== undefined && isAcceptance(asked)
  if (isOpen && !isAccepted) complaints.push('a tunnel was opened that the service did not accept')
  if (!isOpen && isAccepted && isGood) complaints.push('a tunnel was not opened that the service accepted')
  if (!isOpen && received.some(({ tunnel }) => tunnel !== '')) complaints.push('bytes came through a tunnel that was not opened')
  if (isOpen && isGood && asked?.tunnel !== data) complaints.push(`the service got ${JSON.stringify(asked?.tunnel)} in the tunnel`)
  if (isOpen && isGood && text.slice(end) !== response) complaints.push(`the client got ${JSON.stringify(text.slice(end))} in the tunnel`)
  return complaints
}

/** Whether the service goes over to a protocol that it was asked for. */
function isAcceptance ({ message, sent }: Pick<Received, 'message' | 'sent'>): boolean {
  const response = readResponses(sent, [message.line[0]], false).responses.at(-1)?.final
  if (response?.line[1] !== '101') return false
  const chosen = members(response.fields, 'upgrade')
  return chosen.length > 0 && chosen.every(protocol => members(message.fields, 'upgrade').includes(protocol))
}
