import { connect, isIP } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

/** Where connections go. */
export interface Endpoint {
  readonly protocol: 'http' | 'https'
  /** A name or an address, without brackets also for IPv6. */
  readonly host: string
  readonly port: number
}

/** Opens connections to one endpoint. Under TLS the latest session is offered again, which spares a handshake. */
export class Dialer {
  readonly #endpoint: Endpoint
  readonly #servername: string
  #session: Buffer | undefined

  constructor (endpoint: Endpoint) {
    this.#endpoint = endpoint
    // An IP address is no server name (RFC 6066 section 3).
    this.#servername = isIP(endpoint.host) === 0 ? endpoint.host : ''
  }

  /** A name with addresses of both families is tried by either (RFC 8305), as Node does by default. */
  dial (): Socket {
    const { protocol, host, port } = this.#endpoint
    if (protocol === 'http') return connect({ host, port, noDelay: true })
    const socket = connectTls({ host, port, servername: this.#servername, ...(this.#session && { session: this.#session }) })
    socket.setNoDelay(true)
    socket.on('session', session => { this.#session = session })
    return socket
  }
}
