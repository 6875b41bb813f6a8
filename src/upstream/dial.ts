import { connect, isIP } from 'node:net'
import type { OnReadOpts, Socket } from 'node:net'
import { connect as connectTls, createSecureContext } from 'node:tls'
import type { ConnectionOptions, SecureVersion } from 'node:tls'

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

/** How an upstream is checked, and what it is shown. All are PEM. */
export interface TlsOptions {
  /** Who may have signed the upstream's certificate; absent: those that Node trusts. */
  readonly ca?: string
  /** For an upstream that asks for a certificate, with its key. */
  readonly cert?: string
  readonly key?: string
  /** The name that is asked for, and that the certificate must have; absent: the host. */
  readonly servername?: string
  /** @default true */
  readonly rejectUnauthorized?: boolean
  /** @default 'TLSv1.2' */
  readonly minVersion?: SecureVersion
}

const CONNECT_TIMEOUT = 5_000

/** For net and tls. */
interface Reading { onread?: OnReadOpts }

/** As many bytes as Node reads at once. Otherwise it has memory made for every read. */
const RECEIVED = Buffer.allocUnsafeSlow(65_536)

/** Opens connections to one endpoint. Under TLS the latest session is offered again, which spares a handshake. */
export class Dialer {
  readonly #endpoint: Endpoint
  /** The event by which a socket tells that it is connected. */
  readonly connected: 'connect' | 'secureConnect'
  readonly #tls: ConnectionOptions | undefined
  #session: Buffer | undefined

  /** @throws when something in `tls` cannot be used */
  constructor (endpoint: Endpoint) {
    this.#endpoint = endpoint
    this.connected = endpoint.protocol === 'https' ? 'secureConnect' : 'connect'
    if (endpoint.protocol === 'https') this.#tls = tlsOptions(endpoint)
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

  #connectTls (options: ConnectionOptions, reading: Reading): Socket {
    const socket = connectTls({ ...options, ...reading, session: this.#session })
    socket.setNoDelay(true)
    // Node tells only of sessions with an upstream that passed the checks.
    socket.on('session', session => { this.#session = session })
    return socket
  }
}

/** The certificates are read here, once for all connections. */
function tlsOptions ({ host, port, address = host, tls = {}, http2 = false }: TcpEndpoint & Endpoint): ConnectionOptions {
  // An IP address is no server name (RFC 6066 section 3).
  const { servername = isIP(host) === 0 ? host : '', rejectUnauthorized = true, ...context } = tls
  return { host: address, port, servername, rejectUnauthorized, ALPNProtocols: [http2 ? 'h2' : 'http/1.1'], secureContext: createSecureContext(context) }
}

function giveUp (socket: Socket, timeout: number): void {
  socket.destroy(Object.assign(new Error(`not connected within ${timeout} ms`), { code: 'ERR_CONNECT_TIMEOUT' }))
}
