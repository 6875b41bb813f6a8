import { setImmediate } from 'node:timers/promises'
import { NOBODY } from './client.js'
import type { Client } from './client.js'
import { unless } from './complaints.js'
import { generateResponse } from './generate-response.js'
import type { Plan } from './generate-response.js'
import { isFault, isLast, compareResponse, readResponses } from './check-client.js'
import type { ClientResponse } from './check-client.js'
import type { Random } from './random.js'
import type { Host, Received } from './service.js'

interface Exchange {
  readonly method: string
  readonly request: string
  readonly isOld: boolean
  readonly plan: Plan
}

/** One connection of a client that asks one thing after the other, of a service that responds in any way. */
export class ResponseCase implements Host {
  readonly received: Received[] = []
  readonly complaints: string[] = []
  readonly #exchanges: Exchange[]
  #client = NOBODY
  #asked = 0

  constructor (random: Random, readonly number: number) {
    this.#exchanges = Array.from({ length: 1 + random.below(3) }, (_, i) => {
      const method = random.pick(['GET', 'GET', 'GET', 'HEAD', 'POST', 'DELETE'])
      const isOld = random.chance(0.1)
      const fields = `${random.chance(0.3) ? 'TE: trailers\r\nConnection: TE\r\n' : ''}${method === 'POST' ? 'Content-Length: 5\r\n\r\nhello' : '\r\n'}`
      const request = `${method} /api/${number}-${i}/x HTTP/1.${isOld ? 0 : 1}\r\nHost: x\r\n${fields}`
      return { method, request, isOld, plan: generateResponse(random, `${number}-${i}`, method) }
    })
  }

  onRequest (received: Received): void {
    const exchange = this.#exchangeOf(received)
    if (exchange !== undefined) play(received, exchange.plan, exchange.method).catch(error => this.complaints.push(String(error)))
  }

  #exchangeOf ({ message: { line: [, target] } }: Received): Exchange | undefined {
    return this.#exchanges[Number(target.split(/[-/]/)[3])]
  }

  /** What a service sends for one request behind its response may, at the worst moment, be taken for the response to the next one. */
  #isPoisoned (index: number): boolean {
    return this.#receivedFor(index).some(({ connection }) => connection.taint === 'poisoned')
  }

  /** All times that the service got a request: one that was lost on a kept connection may be sent again. */
  #receivedFor (index: number): Received[] {
    return this.received.filter(received => this.#exchangeOf(received) === this.#exchanges[index])
  }

  async run (client: Client): Promise<void> {
    this.#client = client
    const methods = this.#exchanges.map(({ method }) => method)
    for (const { request } of this.#exchanges) {
      const asked = ++this.#asked
      await client.send([request])
      const hasResponse = await client.until(() => {
        const last = readResponses(client.text, methods, false).responses[asked - 1]
        return last !== undefined && last.final.state === 'whole'
      })
      this.complaints.push(...unless(this.#isPoisoned(asked - 1) || hasResponse, `no whole response to request ${asked - 1}, and no end`))
      const last = readResponses(client.text, methods, client.ended).responses[asked - 1]
      if (last === undefined || isLast(last.final) || last.final.state !== 'whole') break
    }
    this.complaints.push(...unless(await client.leave(), 'the gateway does not close the connection'))
  }

  check (): string[] {
    const { text, ended } = this.#client
    const asked = this.#exchanges.slice(0, this.#asked).map(({ method, isOld, plan }, i) => {
      return { method, isOld, isGood: plan.isGood, received: this.#receivedFor(i).at(-1) }
    })
    return [...this.complaints, ...checkResponses(asked, text, ended)]
  }

  describe (): string {
    return [
      ...this.#exchanges.map(({ request, plan: { pieces, then, isGood } }) => `sent:     ${JSON.stringify(request)}\n` +
        `response:   ${pieces.map(piece => JSON.stringify(piece)).join('\n          ')} ${then}${isGood ? ', good' : ''}`),
      ...this.received.map(({ message: { line, state }, taint, ended }) => `service:  ${line.join(' ')} ${state}, connection ${taint}${ended ? ', ended' : ''}`),
      `received: ${JSON.stringify(this.#client.text)}, broken: ${this.#client.broken}`
    ].join('\n')
  }
}

/** Sends a response as planned, and notes what that does to the connection. */
export async function play (received: Received, { text, pieces, then }: Plan, method: string): Promise<void> {
  const { connection } = received
  const { socket } = connection
  const { responses: [response] } = readResponses(text, [method], then === 'end')
  received.sent = text
  received.ended = then === 'end'
  const behind = text.length - (response?.final.end ?? 0)
  const isLate = behind > 0 && response !== undefined && !pieces.some(piece => piece.length > behind && text.endsWith(piece))
  if (connection.taint !== 'poisoned' && (behind > 0 || then !== 'stay')) connection.taint = isLate ? 'poisoned' : 'spoilt'
  connection.responded()
  for (const piece of pieces) {
    if (!socket.writable) return
    socket.write(piece, 'latin1')
    await setImmediate()
    // The gateway sees no end of a response but its own: what is left would stand in the midst of the next one.
    if (connection.latest !== received) return
  }
  if (then === 'end') socket.end()
  if (then === 'reset') {
    // A reset that comes together with bytes looks like an end in order to Node (libuv): these two turns let them be read.
    await setImmediate()
    await setImmediate()
    if (connection.latest !== received) return
    // Node would send a FIN before the reset, which is an end in order.
    socket.destroySoon = socket.destroy
    socket.resetAndDestroy()
  }
}

/** One request, the last time that the service got it. */
export interface Asked {
  readonly method: string
  /** HTTP/1.0. */
  readonly isOld: boolean
  /** Whether the client must get the response as it is. */
  readonly isGood: boolean
  readonly received: Pick<Received, 'sent' | 'ended' | 'taint'> | undefined
}

/**
 * Each client gets its own responses, and none that was cut short looks whole.
 *
 * @param ended whether the connection's end was shown to the client as an end, and not only as a break
 */
export function checkResponses (asked: readonly Asked[], text: string, ended: boolean): string[] {
  const complaints: string[] = []
  const { responses, rest } = readResponses(text, asked.map(({ method }) => method), ended)
  if (responses.length > asked.length) complaints.push('more responses than requests')
  if (rest === 'malformed') complaints.push('the client got something that is no response')
  asked.forEach((one, i) => complaints.push(...checkOne(one, responses[i]).map(complaint => `response ${i}: ${complaint}`)))
  return complaints
}

function checkOne ({ method, isOld, isGood, received }: Asked, response: ClientResponse | undefined): string[] {
  if (received?.taint === 'poisoned') return []
  const sent = received === undefined ? undefined : readResponses(received.sent, [method], received.ended).responses[0]
  if (response === undefined) return ['none came']
  const complaints = checkResponse(response, sent, isGood && received?.taint === 'none')
  if (isFault(response.final) && complaints.length === 0) return []
  if (isOld && (response.final.framing === 'chunked' || response.interims.length > 0 || !isLast(response.final))) complaints.push('it is nothing for HTTP/1.0')
  return complaints
}

/**
 * Compares a response with what the service sent.
 *
 * @param isSure whether the client must get it as it is
 */
export function checkResponse (response: ClientResponse, sent: ClientResponse | undefined, isSure: boolean): string[] {
  if (isFault(response.final) && !isSure) return []
  const complaints = compareResponse(isSure ? response : unsure(response), sent?.final.line[1] === '101' ? undefined : sent)
  if (isSure && response.final.state !== 'whole') complaints.push('it is cut short')
  return complaints
}

/** A reset is what tells a client of HTTP/1.0 of a break; this one, being Node, takes it for an end if bytes came with it. */
function unsure ({ interims, final }: ClientResponse): ClientResponse {
  return { interims, final: final.framing === 'close' ? { ...final, state: 'partial' } : final }
}
