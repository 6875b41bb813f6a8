import type { Socket } from 'node:net'

/** How a tunnel ended; an error is the one of the side that broke it. */
export type TunnelEnd = 'peace' | 'silence' | 'client gone' | 'service gone'

/** The exchange that a tunnel belongs to. */
export interface TunnelOwner {
  /** Called once, when both connections are closed. */
  tunnelClosed (end: TunnelEnd, error: Error | undefined): void
}

/**
 * A client and a service that speak to each other in bytes which mean nothing here (RFC 9110 section 7.8). Each side
 * is read at the pace at which the other one takes it. One that ends its half has the other's half ended after the
 * last byte; one that breaks off breaks the other.
 */
export class Tunnel {
  /** That came from the client. */
  received = 0
  /** That were sent to the client. */
  bytes = 0
  readonly #client: Socket
  readonly #service: Socket
  readonly #timeout: number
  readonly #owner: TunnelOwner
  #end: TunnelEnd = 'peace'
  #error: Error | undefined
  #open = 2
  #flushed = 0

  /** @param timeout milliseconds in which no byte moves in either direction */
  constructor (client: Socket, service: Socket, timeout: number, owner: TunnelOwner) {
    this.#client = client
    this.#service = service
    this.#timeout = timeout
    this.#owner = owner
  }

  /** Both connections were taken from their parsers; bytes that those had read already are unshifted. */
  begin (): void {
    const client = this.#client
    const service = this.#service
    this.#watch(client, service, 'client gone')
    this.#watch(service, client, 'service gone')
    client.on('data', chunk => {
      this.received += chunk.length
      if (!service.write(chunk)) client.pause()
    })
    service.on('data', chunk => {
      this.bytes += chunk.length
      if (!client.write(chunk)) service.pause()
    })
  }

  #watch (side: Socket, other: Socket, end: TunnelEnd): void {
    side.allowHalfOpen = true
    side.setTimeout(this.#timeout)
    side.on('timeout', () => this.#onTimeout(side))
    side.on('drain', () => other.resume())
    side.on('end', () => other.end())
    side.on('error', error => { this.#error ??= error })
    side.on('close', () => this.#onClose(side, end))
  }

  /**
   * Every byte moves both clocks. Only where one side takes its bytes slowly does the other's run out, which is held
   * back meanwhile.
   */
  #onTimeout (side: Socket): void {
    const waiting = this.#client.writableLength + this.#service.writableLength
    const flushed = this.#client.bytesWritten + this.#service.bytesWritten - waiting
    if (waiting > 0 && flushed !== this.#flushed) {
      this.#flushed = flushed
      side.setTimeout(this.#timeout)
    } else {
      this.#breakOff('silence')
    }
  }

  #onClose (side: Socket, end: TunnelEnd): void {
    // A side that is done in both directions leaves the other one its last bytes to take.
    if (!side.readableEnded || !side.writableFinished) this.#breakOff(end)
    if (--this.#open === 0) this.#owner.tunnelClosed(this.#end, this.#error)
  }

  #breakOff (end: TunnelEnd): void {
    if (this.#end === 'peace') this.#end = end
    this.#client.destroy()
    this.#service.destroy()
  }
}
