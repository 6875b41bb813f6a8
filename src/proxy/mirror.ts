import type { Socket } from 'node:net'
import type { ClientConnection, Interim, UpstreamRequest, UpstreamResponse } from '../upstream/pool.js'
import { resultOfStatus } from '../upstream/target.js'
import type { PickRequest, Upstream } from '../upstream/upstream.js'
import { Attempt } from './attempt.js'
import type { AttemptOwner, OutgoingRequest, SendableBody } from './attempt.js'

/** The exchange whose request is copied. */
export interface MirroredExchange extends Omit<PickRequest, 'isRepeatable'> {
  readonly client: ClientConnection
  readonly timeout: number
}

/** Sends copies of requests to another upstream. What comes of them is thrown away, and nobody waits for it. */
export class Mirror {
  readonly #upstream: Upstream
  readonly #percent: number
  readonly #random: () => number

  /** @param random from 0 up to but not including 1 */
  constructor (upstream: Upstream, percent: number, random: () => number = Math.random) {
    this.#upstream = upstream
    this.#percent = percent
    this.#random = random
  }

  /** Copies a request without a body, or with one that was collected. A copy that there is no room for is none. */
  copy (outgoing: OutgoingRequest, exchange: MirroredExchange): void {
    const { body, bindsConnection } = outgoing
    if (bindsConnection || this.#random() * 100 >= this.#percent) return
    const whole = body?.copyWhole()
    if (body !== undefined && whole === undefined) return
    const copy = new Copy(exchange)
    const target = this.#upstream.pick(copy)
    if (target === undefined) return
    const request = { ...outgoing, head: [...outgoing.head], body: whole && new WholeBody(whole) }
    copy.send(new Attempt(target, request, false, false, copy))
  }
}

/** A body that is there already. */
class WholeBody implements SendableBody {
  readonly #bytes: Buffer

  constructor (bytes: Buffer) {
    this.#bytes = bytes
  }

  sendTo (request: UpstreamRequest): void {
    request.end(this.#bytes)
  }
}

/** One copy. Its client may be gone before it has ended. */
class Copy implements AttemptOwner, PickRequest {
  readonly isRepeatable = false
  readonly client: ClientConnection
  readonly timeout: number
  readonly ip: string
  readonly path: string
  readonly #exchange: MirroredExchange
  #attempt: Attempt | undefined

  constructor (exchange: MirroredExchange) {
    const { client, timeout, ip, path } = exchange
    this.#exchange = exchange
    this.client = client
    this.timeout = timeout
    this.ip = ip
    this.path = path
  }

  header (name: string): string | undefined {
    return this.#exchange.header(name)
  }

  send (attempt: Attempt): void {
    this.#attempt = attempt
    try {
      attempt.send()
    } catch {
      attempt.end('abandoned', '')
    }
  }

  silent (): boolean {
    this.#attempt?.end('failed', `silent for ${this.timeout} ms`)
    this.#attempt?.drop()
    return false
  }

  informed (_interim: Interim): void {}

  responded ({ statusCode }: UpstreamResponse): void {
    this.#attempt?.end(resultOfStatus(statusCode), `status ${statusCode}`)
    this.#attempt?.discard()
  }

  switched (_response: UpstreamResponse, connection: Socket): void {
    connection.destroy()
    this.#attempt?.end('abandoned', '')
  }

  failed (): void {}

  attemptEnded (): void {}
}
