import { setImmediate } from 'node:timers/promises'
import { NOBODY } from './client.js'
import type { Client } from './client.js'
import { unless } from './complaints.js'
import { generateAnswer } from './generate-answer.js'
import type { Plan } from './generate-answer.js'
import { isFault, isLast, judgeAnswer, readAnswers } from './judge-client.js'
import type { Answer } from './judge-client.js'
import type { Random } from './random.js'
import type { Host, Received } from './service.js'

interface Exchange {
  readonly method: string
  readonly request: string
  readonly isOld: boolean
  readonly plan: Plan
}

/** One connection of a client that asks one thing after the other, of a service that answers in any way. */
export class AnswerCase implements Host {
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
      return { method, request, isOld, plan: generateAnswer(random, `${number}-${i}`, method) }
    })
  }

  onRequest (received: Received): void {
    const exchange = this.#exchangeOf(received)
    if (exchange !== undefined) play(received, exchange.plan, exchange.method).catch(error => this.complaints.push(String(error)))
  }

  #exchangeOf ({ message: { line: [, target] } }: Received): Exchange | undefined {
    return this.#exchanges[Number(target.split(/[-/]/)[3])]
  }

  /** What a service sends for one request behind its answer may, at the worst moment, answer the next one. */
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
      const isAnswered = await client.until(() => {
        const last = readAnswers(client.text, methods, false).answers[asked - 1]
        return last !== undefined && last.final.state === 'whole'
      })
      this.complaints.push(...unless(this.#isPoisoned(asked - 1) || isAnswered, `no whole answer to request ${asked - 1}, and no end`))
      const last = readAnswers(client.text, methods, client.ended).answers[asked - 1]
      if (last === undefined || isLast(last.final) || last.final.state !== 'whole') break
    }
    this.complaints.push(...unless(await client.leave(), 'the gateway does not close the connection'))
  }

  judge (): string[] {
    const { text, ended } = this.#client
    const asked = this.#exchanges.slice(0, this.#asked).map(({ method, isOld, plan }, i) => {
      return { method, isOld, isGood: plan.isGood, received: this.#receivedFor(i).at(-1) }
    })
    return [...this.complaints, ...judgeAnswers(asked, text, ended)]
  }

  describe (): string {
    return [
      ...this.#exchanges.map(({ request, plan: { pieces, then, isGood } }) => `sent:     ${JSON.stringify(request)}\n` +
        `answer:   ${pieces.map(piece => JSON.stringify(piece)).join('\n          ')} ${then}${isGood ? ', good' : ''}`),
      ...this.received.map(({ message: { line, state }, taint, ended }) => `service:  ${line.join(' ')} ${state}, connection ${taint}${ended ? ', ended' : ''}`),
      `received: ${JSON.stringify(this.#client.text)}, broken: ${this.#client.broken}`
    ].join('\n')
  }
}

/** Sends an answer as planned, and notes what that does to the connection. */
async function play (received: Received, { text, pieces, then }: Plan, method: string): Promise<void> {
  const { connection } = received
  const { socket } = connection
  const { answers: [answer] } = readAnswers(text, [method], then === 'end')
  received.sent = text
  received.ended = then === 'end'
  const behind = text.length - (answer?.final.end ?? 0)
  const isLate = behind > 0 && answer !== undefined && !pieces.some(piece => piece.length > behind && text.endsWith(piece))
  if (connection.taint !== 'poisoned' && (behind > 0 || then !== 'stay')) connection.taint = isLate ? 'poisoned' : 'spoilt'
  connection.answered()
  for (const piece of pieces) {
    if (!socket.writable) return
    socket.write(piece, 'latin1')
    await setImmediate()
    // The gateway sees no end of an answer but its own: what is left would stand in the midst of the next one.
    if (connection.latest !== received) return
  }
  if (then === 'end') socket.end()
  if (then === 'reset') {
    // A reset that comes together with bytes looks like an end in peace to Node (libuv): these two turns let them be read.
    await setImmediate()
    await setImmediate()
    if (connection.latest !== received) return
    // Node would send a FIN before the reset, which is an end in peace.
    socket.destroySoon = socket.destroy
    socket.resetAndDestroy()
  }
}

/** One request, the last time that the service got it. */
export interface Asked {
  readonly method: string
  /** HTTP/1.0. */
  readonly isOld: boolean
  /** Whether the client must get the answer as it is. */
  readonly isGood: boolean
  readonly received: Pick<Received, 'sent' | 'ended' | 'taint'> | undefined
}

/**
 * Each client gets its own answers, and none that was cut short looks whole.
 *
 * @param ended whether the connection's end was shown to the client as an end, and not only as a break
 */
export function judgeAnswers (asked: readonly Asked[], text: string, ended: boolean): string[] {
  const complaints: string[] = []
  const { answers, rest } = readAnswers(text, asked.map(({ method }) => method), ended)
  if (answers.length > asked.length) complaints.push('more answers than requests')
  if (rest === 'malformed') complaints.push('the client got something that is no answer')
  asked.forEach((one, i) => complaints.push(...judgeOne(one, answers[i]).map(complaint => `answer ${i}: ${complaint}`)))
  return complaints
}

function judgeOne ({ method, isOld, isGood, received }: Asked, answer: Answer | undefined): string[] {
  if (received?.taint === 'poisoned') return []
  const sent = received === undefined ? undefined : readAnswers(received.sent, [method], received.ended).answers[0]
  const isSure = isGood && received?.taint === 'none'
  if (answer === undefined) return ['none came']
  if (isFault(answer.final) && !isSure) return []
  const complaints = judgeAnswer(isSure ? answer : unsure(answer), sent?.final.line[1] === '101' ? undefined : sent)
  if (isSure && answer.final.state !== 'whole') complaints.push('it is cut short')
  if (isOld && (answer.final.framing === 'chunked' || answer.interims.length > 0 || !isLast(answer.final))) complaints.push('it is nothing for HTTP/1.0')
  return complaints
}

/** A reset is what tells a client of HTTP/1.0 of a break; this one, being Node, takes it for an end if bytes came with it. */
function unsure ({ interims, final }: Answer): Answer {
  return { interims, final: final.framing === 'close' ? { ...final, state: 'partial' } : final }
}
