import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { AdminSettings } from '../config/index.js'
import { GatewayError } from '../proxy/errors.js'

/** Who may read what an admin listener has. */
export class Access {
  readonly #token: Buffer | undefined
  readonly #hosts: ReadonlySet<string>

  constructor ({ token, hosts, host }: Pick<AdminSettings, 'token' | 'hosts' | 'host'>) {
    this.#token = token === undefined ? undefined : digest(token)
    this.#hosts = new Set(['localhost', '127.0.0.1', '::1', host, ...hosts].map(plain))
  }

  /**
   * A page of another site may have its name bound to this machine (DNS rebinding), and browsers would let it read what
   * it gets: it cannot change the name that they ask for.
   */
  validateHost ({ headers: { host = '' }, socket: { localAddress = '' } }: IncomingMessage): GatewayError | undefined {
    const name = plain(host.replace(/:\d*$/, ''))
    // By its address nobody is misled.
    const isHere = this.#hosts.has(name) || name === plain(localAddress.replace(/^::ffff:(?=\d+\.)/i, ''))
    return isHere ? undefined : new GatewayError('MISDIRECTED_REQUEST', 'Nothing is served here under this name: admin.hosts has those that are')
  }

  validateToken ({ headers: { authorization = '' } }: IncomingMessage): GatewayError | undefined {
    if (this.#token === undefined) return undefined
    const given = /^bearer +(\S+) *$/i.exec(authorization)?.[1]
    // Digests are of one length, and tell nothing of how much was right by how long it takes.
    return given !== undefined && timingSafeEqual(digest(given), this.#token) ? undefined : new GatewayError('UNAUTHORIZED')
  }

  /** Without a token, a page of another site could open as many streams as there may be, although it cannot read them. */
  validateOrigin ({ headers: { 'sec-fetch-site': site = 'none' } }: IncomingMessage): GatewayError | undefined {
    return site === 'none' || site === 'same-origin' ? undefined : new GatewayError('FORBIDDEN', 'A page of another site may not ask for this')
  }
}

function digest (text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** A name, or an address, as it is compared: without brackets, a trailing dot and capitals. */
function plain (host: string): string {
  return host.toLowerCase().replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')
}
