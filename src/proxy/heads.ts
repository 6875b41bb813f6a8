import { copyEndToEnd, fieldValue, listValue, members, namesNotInTrailers, strippedNames } from './fields.js'
import type { FieldNames, RawFields } from './fields.js'
import type { HeaderRules } from './header-rules.js'
import type { Identity } from './identity.js'
import type { LocationRewrite } from './location.js'
import type { SecurityHeaders } from './security-headers.js'
import type { CookieRewrite } from './set-cookie.js'
import type { Via } from './via.js'

/** Who the client is, as far as the server can vouch for it. */
export interface Client {
  /** The X-Forwarded-For to send: the peer, appended to what it sent when it is a trusted proxy; empty for none. */
  readonly forwardedFor: string
  /** The address of the connection's other end; empty on a Unix socket. */
  readonly peer: string
  /** The address of the client, without a port: the peer's, or what a trusted proxy said. */
  readonly ip: string
  readonly protocol: string
  /** The authority that the client asked for; empty when it named none (HTTP/1.0). */
  readonly host: string
  /** Whether the peer is a proxy that `trustProxy` names, so that what it says of the client may travel on. */
  readonly trusted: boolean
  /** Who it is, where it was authenticated. */
  readonly identity?: Identity | undefined
}

/** Which fields tell an upstream of the client. */
export type ForwardedStyle = 'x-forwarded' | 'rfc7239' | 'both'

/** How a request's body and its head's hop-by-hop fields are set anew. */
export interface Framing {
  /** Whether the body goes in chunks: its length is not known. */
  chunked: boolean
  /** Whether trailers may pass. */
  trailers: boolean
  /** The protocol that the client asks to go over to; `undefined` for an ordinary request. */
  upgrade: string | undefined
}

/** Of a request without a body, which most are. */
export const BODILESS: Framing = { chunked: false, trailers: false, upgrade: undefined }

export interface RequestHeadOptions {
  forwarded: ForwardedStyle
  via: Via | undefined
  /** Of the route. */
  rules?: HeaderRules | undefined
  /** Fields that authentication alone sets, in lower case: nobody may say by them who he is. */
  ofIdentity?: readonly string[]
}

/** Replaced by the target's own (Host), or of this hop alone (Expect: the client gets its 100 from the gateway). */
const REPLACED = ['host', 'expect', 'http2-settings']
/** What tells of a client. From a peer that is nobody's proxy none of it passes, under whatever name a service might read it. */
const FROM_STRANGERS = [...REPLACED, 'forwarded', 'x-forwarded', 'x-forwarded-*', 'x-real-ip']
/** Set anew from what the server knows. Underscores no proxy writes: they are its client's, whom it let through. */
const OF_PROXIES = [...REPLACED, 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-real-ip']
const CONTENT_LENGTH = ['content-length']
const NONE: readonly string[] = []

/** Methods under which a request without framing has no body; under any other the sender says Content-Length: 0. */
export const USUALLY_BODILESS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE'])

/** Makes the heads of a route's requests. */
export class RequestHeads {
  /** What trailers must not have. */
  readonly notInTrailers: FieldNames
  readonly #via: Via | undefined
  readonly #setsXForwarded: boolean
  readonly #setsForwarded: boolean
  readonly #rules: HeaderRules | undefined
  readonly #ofStrangers: FieldNames
  readonly #ofProxies: FieldNames

  constructor ({ forwarded, via, rules, ofIdentity = NONE }: RequestHeadOptions) {
    const replaced = [...rules?.replaced ?? NONE, ...ofIdentity]
    this.notInTrailers = namesNotInTrailers(replaced)
    this.#via = via
    this.#setsXForwarded = forwarded !== 'rfc7239'
    this.#setsForwarded = forwarded !== 'x-forwarded'
    this.#rules = rules
    this.#ofStrangers = strippedNames([...FROM_STRANGERS, ...replaced])
    this.#ofProxies = strippedNames([...OF_PROXIES, ...(this.#setsForwarded ? ['forwarded'] : NONE), ...replaced], this.#ofStrangers)
  }

  /**
   * The head that the upstream gets, less the value of Host, which each attempt sets: the client's fields in their order and case, less what is of the hop, framed
   * anew, and the forwarded fields last, where no field of the client can replace or nominate them away.
   *
   * The framing is set here, by the function that strips it: Node writes the body of a GET or DELETE without any
   * on a kept connection when neither Content-Length nor Transfer-Encoding is given, and the body would be
   * read as the next request.
   */
  build (raw: RawFields, method: string, version: string, { chunked, trailers, upgrade }: Framing, client: Client, requestId: string): string[] {
    const head = ['Host', '']
    copyEndToEnd(raw, client.trusted ? this.#ofProxies : this.#ofStrangers, chunked ? CONTENT_LENGTH : NONE, head)
    if (chunked) head.push('Transfer-Encoding', 'chunked')
    else if (!USUALLY_BODILESS.has(method) && fieldValue(raw, 'content-length') === undefined) head.push('Content-Length', '0')
    if (upgrade !== undefined) head.push('Connection', 'Upgrade', 'Upgrade', upgrade)
    // TE is of the hop and says so itself (RFC 9110 section 10.1.4).
    else if (trailers) head.push('TE', 'trailers', 'Connection', 'TE')
    if (trailers && chunked) announceTrailers(raw, head)
    if (this.#rules !== undefined) this.#rules.addTo(head, client, requestId, NONE)
    if (client.identity !== undefined) head.push(...client.identity.fields)
    this.#pushForwarded(raw, client, head)
    if (this.#via !== undefined) head.push('Via', this.#via.entry(version))
    return head
  }

  #pushForwarded (raw: RawFields, { trusted, forwardedFor, peer, ip, protocol, host }: Client, head: string[]): void {
    if (this.#setsXForwarded) {
      if (forwardedFor !== '') head.push('X-Forwarded-For', forwardedFor)
      head.push('X-Forwarded-Proto', protocol)
      if (host !== '') head.push('X-Forwarded-Host', host)
      if (ip !== '') head.push('X-Real-IP', ip)
    }
    if (this.#setsForwarded) {
      const before = trusted ? listValue(raw, 'forwarded') : undefined
      const hop = forwardedElement(peer, protocol, host)
      head.push('Forwarded', before === undefined ? hop : `${before}, ${hop}`)
    }
  }
}

/** Gives a head that was made for chunks a length, once it is known. What belongs to chunks alone goes with them. */
export function frameByLength (head: string[], length: number): void {
  for (let i = head.length - 2; i >= 0; i -= 2) {
    if (head[i] === 'Trailer') head.splice(i, 2)
    else if (head[i] === 'Transfer-Encoding') head.splice(i, 2, 'Content-Length', String(length))
  }
}

/** Trailer names what follows the last chunk, and travels where trailers do (RFC 9110 section 6.6.2). */
export function announceTrailers (raw: RawFields, head: string[]): void {
  const announced = listValue(raw, 'trailer')
  if (announced !== undefined) head.push('Trailer', announced)
}

/** RFC 7239: an address of IPv6 in brackets, what has a colon in quotes (section 4), and a word for none (section 6.3). */
function forwardedElement (peer: string, protocol: string, host: string): string {
  const node = peer.includes(':') ? `"[${peer}]"` : peer || 'unknown'
  return `for=${node}${host === '' ? '' : `;host=${host.includes(':') ? `"${host}"` : host}`};proto=${protocol}`
}

/** How a client is told of its limit: by the fields that are in use, or by those of the IETF's draft. */
export type LimitFields = 'x-ratelimit' | 'draft'

/** Of a service behind a limit of the gateway's they would tell of another. */
const LIMIT_FIELDS: Readonly<Record<LimitFields, readonly string[]>> = { 'x-ratelimit': ['x-ratelimit-*'], draft: ['ratelimit', 'ratelimit-*'] }

/** What hooks set through `reply.header()`: names in lower case. */
export type HookFields = Record<string, number | string | string[] | undefined>

export interface ResponseHeadOptions {
  /** Whether CORS on this route is the gateway's. */
  cors: boolean
  /** Whose fields tell a client of its limit, where there is one. */
  rateLimit: LimitFields | undefined
  via: Via | undefined
  rules?: HeaderRules | undefined
  security?: SecurityHeaders | undefined
  location?: LocationRewrite | undefined
  cookies?: CookieRewrite | undefined
}

/** Makes the heads of the responses that a route's clients get. */
export class ResponseHeads {
  /** What trailers must not have. */
  readonly notInTrailers: FieldNames
  readonly #stripped: FieldNames
  readonly #via: Via | undefined
  readonly #rules: HeaderRules | undefined
  readonly #security: SecurityHeaders | undefined
  readonly #location: LocationRewrite | undefined
  readonly #cookies: CookieRewrite | undefined

  constructor ({ cors, rateLimit, via, rules, security, location, cookies }: ResponseHeadOptions) {
    // Of requests only; in a response Node would send the head as UTF-8.
    const names: string[] = ['expect', ...rules?.replaced ?? NONE]
    if (cors) names.push('access-control-*')
    if (rateLimit !== undefined) names.push(...LIMIT_FIELDS[rateLimit])
    this.#stripped = strippedNames(names)
    this.notInTrailers = namesNotInTrailers(rules?.replaced)
    this.#via = via
    this.#rules = rules
    this.#security = security
    this.#location = location
    this.#cookies = cookies
  }

  /**
   * The upstream's fields as they came (three Set-Cookie stay three), less what is of the hop or the gateway's own,
   * then what the hooks set. Vary is the sum of both: each names what its response depends on; and a cookie
   * of the host's replaces none of the upstream's. The route's own rules come last, and touch nothing that hooks set.
   */
  build (raw: RawFields, status: number, version: string, fields: HookFields, client: Client, requestId: string): string[] {
    const head: string[] = []
    const own = Object.keys(fields)
    const replaced = own.includes('set-cookie') ? own.filter(name => name !== 'set-cookie') : own
    // RFC 9110 section 8.6: no Content-Length in a 1xx or 204.
    copyEndToEnd(raw, this.#stripped, status === 204 || status === 101 ? [...replaced, 'content-length'] : replaced, head)
    if (this.#location !== undefined) this.#location.applyTo(head, status)
    if (this.#cookies !== undefined) this.#cookies.applyTo(head)
    for (const name of own) {
      const value = fields[name]
      if (name === 'vary') head.push(name, mergeVary(this.#stripped.has(name) ? undefined : listValue(raw, name), String(value)))
      else if (Array.isArray(value)) for (const one of value) head.push(name, one)
      else if (value !== undefined) head.push(name, String(value))
    }
    if (this.#rules !== undefined) this.#rules.addTo(head, client, requestId, own)
    if (this.#security !== undefined) this.#security.addTo(head, client.protocol)
    if (this.#via !== undefined) head.push('Via', this.#via.entry(version))
    return head
  }

  /** The fields of an interim response; what the hooks set belongs to the final one. */
  interim (raw: RawFields): string[] {
    const head: string[] = []
    // RFC 9110 section 8.6: no Content-Length in a 1xx.
    copyEndToEnd(raw, this.#stripped, CONTENT_LENGTH, head)
    return head
  }
}

function mergeVary (theirs: string | undefined, ours: string): string {
  if (theirs === undefined || ours === '*') return ours
  const named = members(theirs.toLowerCase())
  if (named.includes('*')) return theirs
  const missing = members(ours).filter(name => !named.includes(name.toLowerCase()))
  return [theirs, ...missing].join(', ')
}
