import type { IncomingMessage } from 'node:http'
import type { ClientConnection } from '../upstream/pool.js'
import { isHttp2 } from './client-protocol.js'
import type { ClientProtocol } from './client-protocol.js'
import type { GatewayError } from './errors.js'
import { members } from './fields.js'
import type { RawFields } from './fields.js'
import { BODILESS } from './heads.js'
import type { Framing } from './heads.js'
import { http1Client } from './http1-client.js'
import { http2Client } from './http2-client.js'
import type { OriginTest } from './origins.js'
import { hasBodyOnConnection, upgradeOf, upgradingClient, validateOrigin } from './upgrade.js'
import { validateRequest } from './validate.js'
import type { RequestRules } from './validate.js'

/** What a route asks of its requests and its upgrades. */
interface Rules extends RequestRules {
  readonly origins: OriginTest | undefined
}

/** What a client asks, and how it comes: over which protocol, with which body, to end up in what. */
export class ClientRequest {
  readonly protocol: ClientProtocol
  readonly hasBody: boolean
  /** Whether the client reads a trailer section. */
  readonly wantsTrailers: boolean
  /** The protocols that the client asks to go over to; `undefined` for an ordinary request. */
  readonly upgrade: string | undefined

  constructor (readonly raw: IncomingMessage) {
    this.upgrade = upgradeOf(raw)
    this.protocol = protocolOf(raw, this.upgrade)
    this.hasBody = this.protocol.hasBody(raw)
    this.wantsTrailers = this.upgrade === undefined && wantsTrailers(raw)
  }

  /** As HTTP/1 would have them, `Host` included. */
  get fields (): RawFields {
    return this.protocol.fields(this.raw)
  }

  /** That it came on, which other requests may share. */
  get connection (): ClientConnection {
    return this.protocol.connection(this.raw)
  }

  /** The connection, where it carries several requests at once. */
  get sharedConnection (): object | undefined {
    return this.protocol.sharedConnection(this.raw)
  }

  /** Whether there is nobody left to respond to. */
  get isGone (): boolean {
    return this.protocol.isGone(this.raw)
  }

  /** Whether a body follows whose length is not known: only chunks can carry it, and trailers behind it. */
  get isChunked (): boolean {
    return this.hasBody && this.raw.headers['content-length'] === undefined
  }

  /** Whether some of its body is still to come. */
  get isUploading (): boolean {
    return this.hasBody && !this.raw.complete
  }

  /** How its body goes on. */
  get framing (): Framing {
    const { upgrade, wantsTrailers } = this
    if (upgrade !== undefined) return { chunked: false, trailers: false, upgrade }
    if (!this.hasBody && !wantsTrailers) return BODILESS
    return { chunked: this.isChunked, trailers: wantsTrailers, upgrade }
  }

  header (name: string): string | undefined {
    return this.raw.headers[name]?.toString()
  }

  /** @param host the authority that the client asked for */
  validate (fields: RawFields, rules: Rules, host: string): GatewayError | undefined {
    const wrong = validateRequest(this.raw, fields, rules)
    if (wrong !== undefined || this.upgrade === undefined) return wrong
    return validateOrigin(this.raw.headers.origin, rules.origins, host)
  }
}

/** RFC 9110 section 6.5.1. */
function wantsTrailers ({ headers: { te }, httpVersion }: IncomingMessage): boolean {
  return te !== undefined && httpVersion !== '1.0' && members(String(te).toLowerCase()).includes('trailers')
}

function protocolOf (request: IncomingMessage, upgrade: string | undefined): ClientProtocol {
  if (isHttp2(request)) return http2Client
  return upgrade !== undefined && hasBodyOnConnection(request) ? upgradingClient : http1Client
}
