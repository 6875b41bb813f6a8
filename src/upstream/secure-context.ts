import { createSecureContext } from 'node:tls'
import type { SecureContext, SecureVersion } from 'node:tls'

/**
 * How an upstream is checked, and what it is shown. All are PEM. Whoever made this object may replace them in it: the
 * connections to come have what is there then.
 */
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

/** What OpenSSL has made of the texts in `TlsOptions`, once for all connections; anew when others are there. */
export class LiveContext {
  readonly #tls: TlsOptions
  #made: TlsOptions
  #context: SecureContext

  /** @throws when something in `tls` cannot be used */
  constructor (tls: TlsOptions) {
    this.#tls = tls
    this.#made = { ...tls }
    this.#context = createContext(tls)
  }

  /** Another object than before where the texts are others. */
  get current (): SecureContext {
    const { ca, cert, key } = this.#made
    if (this.#tls.ca !== ca || this.#tls.cert !== cert || this.#tls.key !== key) {
      this.#made = { ...this.#tls }
      this.#context = createContext(this.#tls)
    }
    return this.#context
  }
}

/** @throws when something in `tls` cannot be used */
export function createContext ({ ca, cert, key, minVersion }: TlsOptions): SecureContext {
  return createSecureContext({ ca, cert, key, minVersion })
}
