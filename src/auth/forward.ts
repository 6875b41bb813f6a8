import { Agent, request as requestHttp } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { Agent as SecureAgent, request as requestHttps } from 'node:https'
import type { ForwardSettings } from '../config/index.js'
import type { Client } from '../proxy/heads.js'
import { withoutParameters } from '../proxy/parameters.js'
import { splitAbsolute } from '../proxy/path.js'
import { Rejection, UNCHECKED } from './authenticator.js'
import type { Authenticator, AuthRequest, Decision, ResponseField } from './authenticator.js'
import { headerOf, TWICE } from './credentials.js'

/** Connections to the service at once, and those of them that are kept while they are idle. */
const MOST_CONNECTIONS = 64
const MOST_IDLE = 16

/** Who the client is, as other services are told. */
export type ClientOf<Asked> = (request: Asked) => Client

/** Asks another service, as nginx' auth_request and Traefik's ForwardAuth do. What is not a clear yes is a no. */
export class Forward<Asked extends AuthRequest> implements Authenticator<Asked> {
  readonly #settings: ForwardSettings
  readonly #url: URL
  readonly #clientOf: ClientOf<Asked>
  readonly #by: string
  readonly #hidden: readonly string[]
  readonly #agent: Agent
  readonly #request: typeof requestHttp
  readonly #asked: readonly string[]
  /** As they are written, by their names in lower case. */
  readonly #forService: ReadonlyMap<string, string>
  readonly #forClient: readonly string[]
  #inProgress = 0

  /**
   * @param by names the method among those of a route
   * @param hidden parameters of the query that are for the gateway alone
   */
  constructor (settings: ForwardSettings, clientOf: ClientOf<Asked>, by: string, hidden: readonly string[]) {
    this.#settings = settings
    this.#url = new URL(settings.url)
    this.#clientOf = clientOf
    this.#by = by
    this.#hidden = hidden
    const isSecure = this.#url.protocol === 'https:'
    const bounds = { keepAlive: true, maxSockets: MOST_CONNECTIONS, maxFreeSockets: MOST_IDLE }
    this.#agent = isSecure ? new SecureAgent(bounds) : new Agent(bounds)
    this.#request = isSecure ? requestHttps : requestHttp
    this.#asked = settings.copyRequestHeaders.map(name => name.toLowerCase())
    this.#forService = new Map(settings.copyResponseHeaders.map(name => [name.toLowerCase(), name]))
    this.#forClient = settings.copyClientHeaders.map(name => name.toLowerCase())
  }

  close (): void {
    this.#agent.destroy()
  }

  async authenticate (request: Asked): Promise<Decision> {
    // The service would see the first one, whoever is behind the gateway perhaps the second.
    if (this.#asked.includes('authorization') && headerOf(request.raw, 'authorization') === TWICE) return SEVERAL
    if (this.#inProgress >= this.#settings.maxRequests) return BUSY
    this.#inProgress++
    const decision = await this.#decisionOn(request).catch((error: unknown) =>
      new Rejection('SERVICE_UNAVAILABLE', `the service for authentication did not respond: ${String(error)}`, UNCHECKED))
    this.#inProgress--
    return decision
  }

  async #decisionOn (request: Asked): Promise<Decision> {
    return this.#decide(await this.#ask(this.#head(request)))
  }

  /** A GET without a body, whatever the request is: whether it may be is asked before its body is read. */
  #head (request: Asked): string[] {
    const { forwardedFor, protocol, host } = this.#clientOf(request)
    const head = ['Host', this.#url.host]
    for (const name of this.#asked) {
      const value = request.raw.headers[name]
      if (value !== undefined) head.push(name, String(value))
    }
    head.push('X-Forwarded-Method', request.method, 'X-Forwarded-Proto', protocol)
    head.push('X-Forwarded-Uri', withoutParameters(splitAbsolute(request.url)?.path ?? request.url, this.#hidden))
    if (host !== '') head.push('X-Forwarded-Host', host)
    if (forwardedFor !== '') head.push('X-Forwarded-For', forwardedFor)
    return head
  }

  async #ask (headers: string[]): Promise<IncomingMessage> {
    return await new Promise((resolve, reject) => {
      const ask = (isRepeated: boolean): ClientRequest => {
        const asked = this.#request(this.#url, { agent: this.#agent, headers }, resolve)
        asked.on('error', error => {
          // An idle connection that the service has closed in this moment: nothing was decided.
          if (asked.reusedSocket && !isRepeated && error !== late) last = ask(true)
          else reject(error)
        })
        // Where nobody listens for it, Node breaks the connection off and tells nobody.
        asked.on('upgrade', (_response, connection) => {
          connection.destroy()
          reject(noHttp)
        })
        // Behind the end of the response, which must come in time as well.
        asked.on('close', () => { if (asked === last) clearTimeout(timer) })
        return asked.end()
      }
      const late = new Error('not in time')
      const noHttp = new Error('a 101')
      const timer = setTimeout(() => last.destroy(late), this.#settings.timeout)
      let last = ask(false)
    })
  }

  #decide (response: IncomingMessage): Decision {
    // Nobody wants its body; one without an end costs its connection.
    discard(response)
    const { statusCode: status = 0, headers } = response
    if (status >= 200 && status < 300) return this.#accepted(response)
    const { location } = headers
    if (status >= 300 && status < 400 && status !== 304 && location !== undefined) {
      const cache = headers['cache-control'] ?? 'no-store'
      return new Rejection('UNAUTHORIZED', 'the service for authentication redirects', undefined, {
        passed: { status, headers: [['location', location], ['cache-control', cache], ...cookiesOf(response)] }
      })
    }
    if (status === 401 || status === 403) {
      return new Rejection(status === 401 ? 'UNAUTHORIZED' : 'FORBIDDEN', `the service for authentication says ${status}`, status === 401 ? undefined : 'This is not allowed', {
        challenges: valuesOf(response, 'www-authenticate'), passed: { status, headers: cookiesOf(response) }
      })
    }
    return new Rejection('BAD_GATEWAY', `the service for authentication says ${status}`, UNCHECKED)
  }

  #accepted (response: IncomingMessage): Decision {
    const { rawHeaders } = response
    const fields: string[] = []
    const claims: Record<string, string> = {}
    for (let i = 0, name = rawHeaders[0], value = rawHeaders[1]; name !== undefined && value !== undefined; i += 2, name = rawHeaders[i], value = rawHeaders[i + 1]) {
      const lowerCase = name.toLowerCase()
      const written = this.#forService.get(lowerCase)
      if (written === undefined || value === '') continue
      fields.push(written, value)
      // As text: it is encoded again where it is told.
      claims[lowerCase] ??= Buffer.from(value, 'latin1').toString()
    }
    const told = this.#forClient.flatMap((name): ResponseField[] => {
      const values = valuesOf(response, name)
      return values.length === 0 ? [] : [[name, values]]
    })
    return { fields, vouched: [{ by: this.#by, claims }], ...(told.length > 0 && { told }) }
  }
}

const SEVERAL = new Rejection('UNAUTHORIZED', 'several credentials')
const BUSY = new Rejection('SERVICE_UNAVAILABLE', 'too many requests wait for the service for authentication', UNCHECKED)

/** Bytes of a body that are read for its connection's sake. */
const MOST_DISCARDED = 64 * 1024

function discard (response: IncomingMessage): void {
  let size = 0
  response.on('error', () => {})
  response.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > MOST_DISCARDED) response.destroy()
  })
}

function valuesOf ({ headersDistinct }: IncomingMessage, name: string): string[] {
  return headersDistinct[name] ?? []
}

function cookiesOf (response: IncomingMessage): ResponseField[] {
  const cookies = valuesOf(response, 'set-cookie')
  return cookies.length === 0 ? [] : [['set-cookie', cookies]]
}
