import type { Socket } from 'node:net'

/** How a tunnel ended; an error is the one of the side that broke it. */
export type TunnelEnd = 'closed' | 'silent' | 'client gone' | 'upstream gone'

/** The exchange that a tunnel belongs to. */
export interface TunnelOwner {
  /** Called once, when both connections are closed. */
  tunnelClosed (end: TunnelEnd, error: Error | undefined): void
}

/**
 * A client and an upstream that speak to each other in bytes which mean nothing here (RFC 9110 section 7.8). Each side
 * is read at the pace at which the other one takes it. One that ends its half has the other's half ended after the
 * last byte; one that breaks off breaks the other.
 */
export class Tunnel {
  /** That came from the client. */
  received = 0
  /** That were sent to the client. */
  bytes = 0
  readonly #client: Socket
  readonly #upstream: Socket
  readonly #timeout: number
  readonly #owner: TunnelOwner
  #end: TunnelEnd = 'closed'
  #error: Error | undefined
  #open = 2

  /** @param timeout milliseconds in which no byte moves in either direction */
  constructor (client: Socket, upstream: Socket, timeout: number, owner: TunnelOwner) {
    this.#client = client
    this.#upstream = upstream
    this.#timeout = timeout
    this.#owner = owner
  }

  /** Both connections were taken from their parsers; bytes that those had read already are unshifted. */
  begin (): void {
    const client = this.#client
    const upstream = this.#upstream
    this.#watch(client, upstream, 'client gone')
    this.#watch(upstream, client, 'upstream gone')
    client.on('data', chunk => {
      this.received += chunk.length
      if (!upstream.write(chunk)) client.pause()
    })
    upstream.on('data', chunk => {
      this.bytes += chunk.length
      if (!client.write(chunk)) upstream.pause()
    })
    // It was paused behind the body of its request.
    client.resume()
  }

  #watch (side: Socket, other: Socket, end: TunnelEnd): void {
    side.allowHalfOpen = true
    side.setTimeout(this.#timeout)
    side.on('timeout', () => this.#onTimeout(side, other))
    side.on('drain', () => {
      other.setTimeout(this.#timeout)
      other.resume()
    })
    side.on('end', () => other.end())
    side.on('error', error => { this.#error ??= error })
    side.on('close', () => this.#onClose(side, end))
  }

  /**
   * Every byte moves the clocks of both, but for one that is held back: then it is the other one's clock that counts,
   * which Node moves on with whatever is taken.
   */
  #onTimeout (side: Socket, other: Socket): void {
    if (side.writableLength === 0 && other.writableLength > 0) side.setTimeout(this.#timeout)
    else this.#breakOff('silent')
  }

  #onClose (side: Socket, end: TunnelEnd): void {
    // A side that is done in both directions leaves the other one its last bytes to take.
    if (!side.readableEnded || !side.writableFinished) this.#breakOff(end)
    if (--this.#open === 0) this.#owner.tunnelClosed(this.#end, this.#error)
  }

  #breakOff (end: TunnelEnd): void {
    if (this.#end === 'closed') this.#end = end
    for (const side of [this.#client, this.#upstream]) {
      // A reset begets a reset: what was cut short must not end as if it were whole. Under TLS the missing farewell
      // says so, and Node resets TCP alone.
      if (this.#error === undefined || 'encrypted' in side || side.remoteFamily === undefined) side.destroy()
      else side.resetAndDestroy()
    }
  }
}
