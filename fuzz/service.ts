import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { readRequest } from './grammar.js'
import type { Message } from './grammar.js'
import { Hosts } from './hosts.js'

/** A request as it arrived at the service. */
export interface Received {
  message: Message
  readonly connection: ServiceConnection
  /** Whether something happened on its connection before that may cost it its response, or give it a false one. */
  readonly taint: Taint
  /** What the service responded. */
  sent: string
  /** Whether the service closed the connection in order behind its response. */
  ended: boolean
  /** Bytes that came behind a request for another protocol. */
  tunnel: string
}

/**
 * `spoilt`: what stood behind a response makes the connection useless, which shows before the next request or with its
 * response. `poisoned`: it came so late that nobody could tell it from the next request's response.
 */
export type Taint = 'none' | 'spoilt' | 'poisoned'

/** Whoever plays the service for the requests of one client. */
export interface Host {
  received: Received[]
  onRequest (received: Received): void
  /** Some of a request has come, its head at least. */
  onPart? (received: Received): void
  /** The client has ended its side of a tunnel. */
  onTunnelEnd? (received: Received): void
}

/** A service that records what it gets, byte for byte, and takes nothing that RFC 9112 does not allow. */
export class Service {
  /** What no request to the service may ever be. */
  readonly complaints: string[] = []
  readonly connections = new Set<ServiceConnection>()
  readonly hosts = new Hosts<Host>()
  readonly #server: Server = createServer({ allowHalfOpen: true, noDelay: true }, socket => {
    const connection = new ServiceConnection(socket, this)
    this.connections.add(connection)
    socket.on('close', () => this.connections.delete(connection))
  })

  /** @returns the port */
  async listen (): Promise<number> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return portOf(this.#server.address())
  }

  async close (): Promise<void> {
    for (const { socket } of this.connections) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

/** The body of a response to a request; none to HEAD. */
export function bodyFor ({ line: [method] }: Message, text: string): string {
  return method === 'HEAD' ? '' : text
}

export function portOf (address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('not listening on a port')
  return address.port
}

/** Bytes of a connection that a complaint shows. */
const SHOWN = 4_000

export class ServiceConnection {
  /** Since the last whole request. */
  #text = ''
  #history = ''
  #current: Received | undefined
  /** The last whole request. */
  latest: Received | undefined
  /** A whole request without its response. */
  #waiting: Received | undefined
  taint: Taint = 'none'
  #isTunnel = false

  constructor (readonly socket: Socket, readonly service: Service) {
    socket.on('data', chunk => this.#onData(chunk.toString('latin1')))
    socket.on('end', () => this.#onEnd())
    socket.on('error', () => {})
  }

  /** Takes the response to the request as done: the next one may come. */
  responded (): void {
    this.#waiting = undefined
  }

  /** From here on there is no HTTP on this connection. */
  switchProtocols (): void {
    this.#isTunnel = true
  }

  /** Undefined while no tunnel is open. */
  get #tunnel (): Received | undefined {
    return this.#isTunnel ? this.#waiting : undefined
  }

  #onEnd (): void {
    const tunnel = this.#tunnel
    const host = tunnel && this.service.hosts.of(tunnel.message)
    if (tunnel === undefined || host?.onTunnelEnd === undefined) this.socket.end()
    else host.onTunnelEnd(tunnel)
  }

  #onData (text: string): void {
    this.#history = (this.#history + text).slice(-SHOWN)
    const tunnel = this.#tunnel
    if (tunnel !== undefined) {
      tunnel.tunnel += text
      return
    }
    if (this.#waiting !== undefined) {
      this.#complain('bytes behind a request that has no response yet')
      return
    }
    this.#text += text
    this.#read()
  }

  #read (): void {
    // Nothing before the first line, and one SP where RFC 9112 has one.
    const message = /^(?:$|[^\r ]+(?: (?! )|$))/.test(this.#text) ? readRequest(this.#text, 0) : 'malformed'
    if (message === 'malformed' || (typeof message === 'object' && message.state === 'malformed')) this.#complain('bytes that are no request')
    else if (typeof message === 'object') this.#take(message)
  }

  #take (message: Message): void {
    const { hosts } = this.service
    const host = hosts.of(message)
    if (host === undefined) {
      if (hosts.isLate(message)) this.socket.destroy()
      else this.#complain('a request of no client that there is')
      return
    }
    if (this.#current === undefined) {
      this.#current = { message, connection: this, taint: this.taint, sent: '', ended: false, tunnel: '' }
      host.received.push(this.#current)
    }
    const received = this.#current
    received.message = message
    if (message.state !== 'whole') {
      host.onPart?.(received)
      return
    }
    this.#current = undefined
    this.#waiting = received
    this.latest = received
    if (message.end < this.#text.length) {
      this.#complain('bytes behind a request that has no response yet')
      return
    }
    this.#text = ''
    host.onRequest(received)
  }

  #complain (what: string): void {
    if (this.taint !== 'poisoned') this.service.complaints.push(`the service got ${what}: ${JSON.stringify(this.#history)}`)
    this.socket.destroy()
  }
}
