import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import type { RouteSettings, Settings } from '../config/index.js'
import { USUALLY_BODILESS } from '../proxy/heads.js'
import { respondToMalformed, respondToUnrouted } from '../server/error-responses.js'
import { serverFactory } from '../server/server.js'
import { authorityOf, basePathOf } from '../upstream/target.js'
import type { AskedRequest } from './asked-request.js'

/** A gateway that requests are tried out with. */
export interface Trial {
  readonly settings: Settings
  /** Where a host has mounted it. */
  readonly prefix: string
  /** Whether it is part of a larger app, which has routes of its own. */
  readonly isHosted: boolean
  /** Makes the gateway in an app of its own. */
  readonly register: (fastify: FastifyInstance, settings: Settings) => Promise<void>
}

/** One of the routes, and its place in the configuration. */
export type Candidate = readonly [index: number, route: RouteSettings]

export interface TriedOut {
  /** What a service would get; `undefined` where none would be asked. */
  readonly forwarded: { readonly route: number, readonly path: string, readonly rawHeaders: readonly string[] } | undefined
  readonly status: number
  /** What the gateway adds to a response, or responds itself. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

const LOOPBACK = '127.0.0.1'
const OF_THE_CONNECTION = ['connection', 'keep-alive', 'date', 'content-length', 'transfer-encoding', 'upgrade']
/** Characters of a response's body that are of interest. */
const MOST_BODY = 65_536

/**
 * Sends a request through the gateway that a configuration makes, in this process, with one service in the place of all
 * that it names: what it gets is what they would. So there is no second copy of any rule.
 *
 * @param candidates the routes that there are
 * @param signal breaks it off
 */
export async function tryOut ({ settings, prefix, register }: Trial, asked: AskedRequest, candidates: readonly Candidate[] = [...settings.routes.entries()], signal?: AbortSignal): Promise<TriedOut> {
  let forwarded: TriedOut['forwarded']
  const service = createServer((request, response) => {
    forwarded = readForwarded(request)
    request.resume()
    response.sendDate = false
    response.writeHead(204).end()
  })
  service.on('upgrade', (request: IncomingMessage, connection: Duplex) => {
    forwarded = readForwarded(request)
    connection.on('error', ignore).end('HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n')
  })
  service.listen(0, LOOPBACK)
  await once(service, 'listening')
  const server = { ...settings.server, tls: undefined, http2: false, accessLog: false, drainDelay: 0, shutdownTimeout: 0 }
  const { tls, ...plain } = server
  const fastify = Fastify({
    serverFactory: serverFactory(plain),
    trustProxy: plain.trustProxy,
    frameworkErrors: respondToUnrouted,
    clientErrorHandler: respondToMalformed,
    // Nobody else is to be here, and nobody is waited for.
    forceCloseConnections: true
  })
  try {
    const routes = candidates.map(([index, route]) => redirected(countedHere(route), settings.upstreams, index, portOf(service)))
    const { admin, ...others } = countedHere(settings)
    await fastify.register(async scope => await register(scope, { ...others, tracing: false, server: plain, upstreams: {}, routes }), { prefix })
    await fastify.listen({ port: 0, host: LOOPBACK })
    const response = await ask(portOf(fastify.server), asked, signal)
    return { ...response, forwarded }
  } finally {
    await fastify.close()
    service.closeAllConnections()
    service.close()
  }
}

/** Which route it was, the path tells. */
function readForwarded ({ url = '', rawHeaders }: IncomingMessage): TriedOut['forwarded'] {
  const path = url.replace(/^\/\d+/, '')
  return { route: Number(url.slice(1, url.length - path.length)), path, rawHeaders }
}

/**
 * Nobody shows real credentials to be told where a request would go, and it comes from this machine: it passes as one that
 * is let through, but for what authentication would add.
 */
function redirected ({ target: own, upstream = '', retry, auth, access, ...route }: RouteSettings, upstreams: Settings['upstreams'], index: number, port: number): RouteSettings {
  const { connectTimeout } = own ?? upstreams[upstream] ?? { connectTimeout: 0 }
  // With several targets any may be asked; the first stands for all.
  const target = own ?? upstreams[upstream]?.targets[0]
  if (target === undefined) return route
  const basePath = `/${index}${basePathOf(target)}`
  return { ...route, host: route.host === 'target' ? authorityOf(target) : route.host, target: { protocol: 'http', host: LOOPBACK, port, basePath, connectTimeout } }
}

/** A request that is only tried out is not counted where it would be a real one. */
function countedHere<Limited extends Pick<Settings, 'rateLimit'>> (settings: Limited): Limited {
  return settings.rateLimit ? { ...settings, rateLimit: { ...settings.rateLimit, store: 'memory' } } : settings
}

async function ask (port: number, { method, target, host, fields, body }: AskedRequest, signal: AbortSignal | undefined): Promise<Omit<TriedOut, 'forwarded'>> {
  const names = fields.map(([name]) => name.toLowerCase())
  const headers = [...(names.includes('host') ? [] : ['Host', host]), ...fields.flat(), ...(names.some(isFraming) ? [] : framing(method, body))]
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = request({ host: LOOPBACK, port, method, path: target, headers, agent: false, ...(signal && { signal }) }, resolve)
    // One that comes when there is a response, of a connection that the gateway closes, is nobody's business; unheard it would end the process.
    asked.on('error', reject).end(body, 'latin1')
  })
  let text = ''
  response.setEncoding('utf8')
  for await (const chunk of response) if (text.length < MOST_BODY) text += String(chunk)
  const { statusCode: status = 0 } = response
  const kept = Object.entries(response.headers).filter(([name]) => !OF_THE_CONNECTION.includes(name))
  return { status, headers: Object.fromEntries(kept), body: text }
}

function ignore (): void {}

function isFraming (name: string): boolean {
  return name === 'content-length' || name === 'transfer-encoding'
}

/** Node would send chunks otherwise. */
function framing (method: string, body: string | undefined): string[] {
  return body === undefined && USUALLY_BODILESS.has(method) ? [] : ['Content-Length', String(body?.length ?? 0)]
}

function portOf (server: Server): number {
  const address: AddressInfo | string | null = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
