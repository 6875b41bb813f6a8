import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
// Not by the index: a supervisor lives long, and needs neither the schema nor what reads it.
import { ConfigError } from '../config/config-error.js'
import type { AdminSettings } from '../config/index.js'
import { errorBody, GatewayError } from '../proxy/errors.js'
import { readinessOf } from '../server/readiness.js'
import { Access } from './access.js'
import { Events } from './events.js'
import { ExplainRequests } from './explain-requests.js'
import { indexOf, PAGE } from './page-files.js'
import type { PageFile } from './page-files.js'
import type { Prometheus } from './prometheus.js'
import type { Log, Source } from './source.js'
import { StateReader } from './state.js'

/** Those who run a gateway are few. */
const LIMITS = { maxHeaderSize: 8_192, headersTimeout: 5_000, requestTimeout: 5_000, keepAliveTimeout: 60_000, connectionsCheckingInterval: 2_000 }
const MAX_CONNECTIONS = 256

/** The one thing that is asked with a body; it changes nothing either. */
const EXPLAIN = '/api/explain'

const JSON_TYPE = 'application/json; charset=utf-8'

const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY'
}

/** The listener for those who run the gateway, apart from that of its clients. */
export class AdminListener {
  readonly #source: Source
  readonly #prometheus: Prometheus
  readonly #log: Log
  readonly #reader: StateReader
  readonly #events: Events
  readonly #explainRequests: ExplainRequests
  readonly #server: Server
  #settings: AdminSettings
  #access: Access
  #index: PageFile

  constructor (settings: AdminSettings, source: Source, prometheus: Prometheus, log: Log) {
    this.#settings = settings
    this.#access = new Access(settings)
    this.#index = indexOf(settings.token !== undefined)
    this.#source = source
    this.#prometheus = prometheus
    this.#log = log
    this.#reader = new StateReader(source)
    this.#events = new Events(source, this.#reader, log)
    this.#explainRequests = new ExplainRequests(source)
    this.#server = createServer(LIMITS, (request, response) => { this.#respond(request, response) })
    this.#server.maxConnections = MAX_CONNECTIONS
  }

  /** @throws ConfigError where nobody can listen there */
  async listen (): Promise<void> {
    const { port, host } = this.#settings
    this.#server.listen(port, host)
    await once(this.#server, 'listening').catch(({ message }: Error) => {
      throw new ConfigError('the admin listener', [{ path: 'admin.port', message: `found ${port}, where it cannot listen (${message})` }])
    })
    this.#log.info({ admin: this.url }, 'admin listener')
  }

  /** Where it listens. */
  get url (): string {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') return ''
    return `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`
  }

  /** Takes over who may read, and what. @returns `false` where it would have to listen elsewhere */
  change (settings: AdminSettings): boolean {
    if (settings.port !== this.#settings.port || settings.host !== this.#settings.host) return false
    this.#settings = settings
    this.#access = new Access(settings)
    this.#index = indexOf(settings.token !== undefined)
    return true
  }

  /** At once: what it has under way can be asked for again. */
  async close (): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#events.close()
    this.#server.closeAllConnections()
    await closed
  }

  async #respond (request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value)
    try {
      await this.#route(request, response)
    } catch (error) {
      const known = error instanceof GatewayError ? error : new GatewayError('INTERNAL_ERROR')
      if (known !== error) this.#log.error({ err: error }, 'the admin listener failed')
      if (response.headersSent) response.destroy()
      else sendError(response, known)
    }
  }

  /** @throws GatewayError */
  async #route (request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = ''] = String(request.url).split('?', 1)
    validateMethod(request, response, path === EXPLAIN ? ['POST'] : ['GET', 'HEAD'])
    if (path === '/healthz') return send(response, JSON_TYPE, JSON.stringify({ status: 'ok' }))
    if (path === '/readyz') return await this.#ready(response)
    orThrow(this.#access.validateHost(request))
    const file = path === '/' ? this.#index : PAGE.get(path)
    // It asks for the token itself, and there is nothing in it that is not in the package.
    if (file !== undefined) return send(response, file.type, file.body)
    orThrow(this.#access.validateOrigin(request))
    orThrow(this.#access.validateToken(request))
    switch (path) {
      case '/metrics': return await this.#metrics(response)
      case '/api/state': return send(response, JSON_TYPE, JSON.stringify({ ...await this.#reader.read(), configuration: this.#source.configuration }))
      case '/api/events': return this.#follow(request, response)
      case EXPLAIN: return send(response, JSON_TYPE, JSON.stringify(await this.#explainRequests.respondTo(request, response)))
      default: throw new GatewayError('NOT_FOUND', 'There is nothing at this path')
    }
  }

  async #ready (response: ServerResponse): Promise<void> {
    const unavailable = this.#source.isDraining ? [] : await this.#reader.unavailable()
    const { code, body } = readinessOf(this.#source.isDraining || unavailable === undefined, unavailable ?? [])
    response.statusCode = code
    send(response, JSON_TYPE, JSON.stringify(body))
  }

  async #metrics (response: ServerResponse): Promise<void> {
    const { processes } = await this.#source.metrics()
    send(response, this.#prometheus.contentType, await this.#prometheus.text(processes))
  }

  #follow ({ method }: IncomingMessage, response: ServerResponse): void {
    if (method === 'HEAD') send(response, 'text/event-stream', '')
    else orThrow(this.#events.follow(response, this.#settings.maxStreams))
  }
}

/** @throws GatewayError */
function validateMethod ({ method = '' }: IncomingMessage, response: ServerResponse, allowed: readonly string[]): void {
  if (allowed.includes(method)) return
  response.setHeader('allow', allowed.join(', '))
  throw new GatewayError('METHOD_NOT_ALLOWED', 'There is nothing to change here')
}

function orThrow (error: GatewayError | undefined): void {
  if (error !== undefined) throw error
}

function send (response: ServerResponse, type: string, body: string | Buffer): void {
  response.setHeader('content-type', type)
  response.setHeader('content-length', Buffer.byteLength(body))
  response.end(body)
}

function sendError (response: ServerResponse, { statusCode, code, message }: GatewayError): void {
  response.statusCode = statusCode
  if (statusCode === 401) response.setHeader('www-authenticate', 'Bearer')
  if (statusCode === 503) response.setHeader('retry-after', '1')
  send(response, JSON_TYPE, JSON.stringify(errorBody(code, message, randomUUID())))
}
