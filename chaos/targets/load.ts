import { Agent, request as httpRequest } from 'node:http'
import { setTimeout as pass } from 'node:timers/promises'
import { bodyOf } from '../bodies.js'
import { requestFor } from './requests.js'
import type { PlannedRequest } from './requests.js'

/** Milliseconds until a client has lost its patience; longer than any gateway's. */
const PATIENCE = 8_000
/** Milliseconds from one look at what is due to the next. */
const TICK = 4

export interface Result {
  readonly number: number
  readonly method: string
  /** When it was due, by `performance.now()`; its time counts from there. */
  readonly due: number
  readonly milliseconds: number
  /** What went wrong; `undefined`: nothing. */
  readonly failure: string | undefined
}

/** An open load: requests begin when they are due, whatever became of those before. */
export class Load {
  readonly results: Result[] = []
  readonly #port: number
  readonly #seed: number
  readonly #agent: Agent
  #number = 0

  /** @param connections at most; requests wait for one then */
  constructor (port: number, seed: number, connections = Infinity) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections })
    this.#port = port
    this.#seed = seed
  }

  /** Resolves when the last request has ended. @param rate requests a second */
  async run (rate: number, signal: AbortSignal): Promise<void> {
    const begun = performance.now()
    const ends: Array<Promise<void>> = []
    for (let count = 0; !signal.aborted; await pass(TICK)) {
      for (; begun + count * 1000 / rate <= performance.now(); count++) {
        ends.push(this.#one(requestFor(this.#seed, ++this.#number), begun + count * 1000 / rate))
      }
    }
    await Promise.all(ends)
    this.#agent.destroy()
  }

  async #one (planned: PlannedRequest, due: number): Promise<void> {
    const failure = await this.#send(planned)
    this.results.push({ number: planned.number, method: planned.method, due, milliseconds: performance.now() - due, failure })
  }

  async #send ({ number, method, path, length }: PlannedRequest): Promise<string | undefined> {
    return await new Promise(resolve => {
      const request = httpRequest({ host: '127.0.0.1', port: this.#port, agent: this.#agent, method, path, headers: length > 0 ? { 'content-length': length } : {}, timeout: PATIENCE })
      request.on('error', error => resolve(error.message))
      request.on('timeout', () => request.destroy(new Error('no response')))
      request.on('response', response => {
        response.on('error', error => resolve(error.message))
        response.on('end', () => resolve(failureOf(response.statusCode, response.headers, number, length)))
        response.resume()
      })
      request.end(length > 0 ? bodyOf(number, 'request', length) : undefined)
    })
  }
}

function failureOf (status: number | undefined, headers: NodeJS.Dict<string | string[]>, number: number, length: number): string | undefined {
  if (status !== 200) return `status ${status}`
  return headers['x-id'] === String(number) && headers['x-length'] === String(length) ? undefined : 'another response'
}
