import { connect, isIP } from 'node:net'
import type { OnReadOpts, Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ConnectionOptions, SecureContext } from 'node:tls'
import { LiveContext } from './secure-context.js'
import type { TlsOptions } from './secure-context.js'

export type { TlsOptions } from './secure-context.js'

/** Where connections go, and how they are made. */
export type Endpoint = (TcpEndpoint | UnixEndpoint) & {
  /**
   * Milliseconds for all that comes before the first byte of a request: the name's lookup, TCP and TLS.
   * @default 5000
   */
  readonly connectTimeout?: number
  /**
   * Whether HTTP/2 is spoken: agreed by ALPN under TLS, and known beforehand without (RFC 9113 section 3.3).
   * @default false
   */
  readonly http2?: boolean
}

export interface TcpEndpoint {
  readonly protocol: 'http' | 'https'
  /** A name or an address, without brackets also for IPv6. */
  readonly host: string
  readonly port: number
  /**
   * Where to connect in place of a look-up of `host`, which must be a name then: Host and TLS go by it still.
   * @default what `host` stands for
   */
  readonly address?: string
  /** For https. */
  readonly tls?: TlsOptions
}

export interface UnixEndpoint {
  readonly protocol: 'http'
  readonly socketPath: string
}

const CONNECT_TIMEOUT = 5_000

/** For net and tls. */
interface Reading { onread?: OnReadOpts }

/** How connections under TLS are made. */
interface Secured {
  readonly options: ConnectionOptions
  readonly context: LiveContext
}

/** As many bytes as Node reads at once. Otherwise it has memory made for every read. */
const RECEIVED = Buffer.allocUnsafeSlow(65_536)

/** Opens connections to one endpoint. Under TLS the latest session is offered again, which spares a handshake. */
export class Dialer {
  readonly #endpoint: Endpoint
  /** The event by which a socket tells that it is connected. */
  readonly connected: 'connect' | 'secureConnect'
  readonly #tls: Secured | undefined
  #session: Buffer | undefined
  /** What the session was agreed under: it spares the upstream the checks. */
  #sessionOf: SecureContext | undefined

  /** @throws when something in `tls` cannot be used */
  constructor (endpoint: Endpoint) {
    this.#endpoint = endpoint
    this.connected = endpoint.protocol === 'https' ? 'secureConnect' : 'connect'
    if (endpoint.protocol === 'https') this.#tls = secured(endpoint)
  }

  /**
   * The connection, as yet to be made; a request may be written on it. What cannot be connected in time is destroyed
   * with the code `ERR_CONNECT_TIMEOUT`.
   *
   * @param receive is given what arrives instead of the socket's own stream, for as long as it takes to return: all
   * connections read into one buffer. `false` stops the reading until `resume`.
   */
  dial (receive?: (bytes: Buffer) => boolean): Socket {
    const { connectTimeout = CONNECT_TIMEOUT } = this.#endpoint
    const reading: Reading = receive === undefined ? {} : { onread: { buffer: RECEIVED, callback: size => receive(RECEIVED.subarray(0, size)) } }
    const socket = this.#tls === undefined ? this.#connect(reading) : this.#connectTls(this.#tls, reading)
    const timer = setTimeout(giveUp, connectTimeout, socket, connectTimeout)
    const stopClock = (): void => clearTimeout(timer)
    socket.once(this.connected, stopClock)
    socket.once('close', stopClock)
    return socket
  }

  /** A name with addresses of both families is tried by either (RFC 8305), as Node does by default. */
  #connect (reading: Reading): Socket {
    if ('socketPath' in this.#endpoint) return connect({ ...reading, path: this.#endpoint.socketPath })
    const { host, port, address = host } = this.#endpoint
    return connect({ ...reading, host: address, port, noDelay: true })
  }

  #connectTls ({ options, context }: Secured, reading: Reading): Socket {
    const secureContext = context.current
    if (secureContext !== this.#sessionOf) this.#session = undefined
    const socket = connectTls({ ...options, ...reading, secureContext, session: this.#session })
    socket.setNoDelay(true)
    // Node tells only of sessions with an upstream that passed the checks.
    socket.on('session', session => {
      this.#session = session
      this.#sessionOf = secureContext
    })
    return socket
  }
}

function secured ({ host, port, address = host, tls = {}, http2 = false }: TcpEndpoint & Endpoint): Secured {
  // An IP address is no server name (RFC 6066 section 3).
  const { servername = isIP(host) === 0 ? host : '', rejectUnauthorized = true } = tls
  return { options: { host: address, port, servername, rejectUnauthorized, ALPNProtocols: [http2 ? 'h2' : 'http/1.1'] }, context: new LiveContext(tls) }
}

function giveUp (socket: Socket, timeout: number): void {
  socket.destroy(Object.assign(new Error(`not connected within ${timeout} ms`), { code: 'ERR_CONNECT_TIMEOUT' }))
}
