import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import Fastify from 'fastify'
import type { RouteSettings, Settings } from '../config/index.js'
import { registerService } from '../register-service.js'
import { respondToMalformed, respondToUnrouted } from '../server/error-responses.js'
import { serverFactory } from '../server/server.js'
import { authorityOf } from '../upstream/target.js'

export interface AskedRequest {
  readonly method: string
  /** In origin-form. */
  readonly target: string
  readonly host: string
  readonly fields: ReadonlyArray<readonly [name: string, value: string]>
}

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

/**
 * Sends a request through the gateway that a configuration makes, in this process, with one service in the place of all
 * that it names: what it gets is what they would. So there is no second copy of any rule.
 */
export async function tryOut (settings: Settings, asked: AskedRequest): Promise<TriedOut> {
  let forwarded: TriedOut['forwarded']
  const service = createServer((request, response) => {
    forwarded = readForwarded(request)
    response.sendDate = false
    response.writeHead(204).end()
  })
  service.on('upgrade', (request: IncomingMessage, connection: Duplex) => {
    forwarded = readForwarded(request)
    connection.end('HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n')
  })
  service.listen(0, LOOPBACK)
  await once(service, 'listening')
  const server = { ...settings.server, tls: undefined, http2: false, accessLog: false, drainDelay: 0, shutdownTimeout: 0 }
  const { tls, ...plain } = server
  const fastify = Fastify({
    serverFactory: serverFactory(plain),
    trustProxy: plain.trustProxy,
    frameworkErrors: respondToUnrouted,
    clientErrorHandler: respondToMalformed
  })
  try {
    await fastify.register(async scope => {
      const routes = settings.routes.map((route, nth) => redirected(countedHere(route), settings.upstreams, nth, portOf(service)))
      const { admin, ...others } = countedHere(settings)
      await registerService(scope, { ...others, tracing: false, server: plain, upstreams: {}, routes })
    })
    await fastify.listen({ port: 0, host: LOOPBACK })
    const response = await ask(portOf(fastify.server), asked)
    return { ...response, forwarded }
  } finally {
    await fastify.close()
    service.closeAllConnections()
    service.close()
  }
}

/** Which route it was, the path tells. */
function readForwarded ({ url = '', rawHeaders }: IncomingMessage): TriedOut['forwarded'] {
  const [, route, path = ''] = /^\/(\d+)(.*)$/.exec(url) ?? []
  return { route: Number(route), path, rawHeaders }
}

/**
 * Nobody shows real credentials to be told where a request would go, and it comes from this machine: it passes as one that
 * is let through, but for what authentication would add.
 */
function redirected ({ target: own, upstream = '', retry, auth, access, ...route }: RouteSettings, upstreams: Settings['upstreams'], nth: number, port: number): RouteSettings {
  const { connectTimeout } = own ?? upstreams[upstream] ?? { connectTimeout: 0 }
  // With several targets any may be asked; the first stands for all.
  const target = own ?? upstreams[upstream]?.targets[0]
  if (target === undefined) return route
  const basePath = `/${nth}${'basePath' in target ? target.basePath ?? '' : ''}`
  return { ...route, host: route.host === 'target' ? authorityOf(target) : route.host, target: { protocol: 'http', host: LOOPBACK, port, basePath, connectTimeout } }
}

/** A request that is only tried out is not counted where it would be a real one. */
function countedHere<Limited extends Pick<Settings, 'rateLimit'>> (settings: Limited): Limited {
  return settings.rateLimit ? { ...settings, rateLimit: { ...settings.rateLimit, store: 'memory' } } : settings
}

async function ask (port: number, { method, target, host, fields }: AskedRequest): Promise<Omit<TriedOut, 'forwarded'>> {
  const hasHost = fields.some(([name]) => name.toLowerCase() === 'host')
  const headers = [...(hasHost ? [] : ['Host', host]), ...fields.flat()]
  const asked = request({ host: LOOPBACK, port, method, path: target, headers, agent: false }).end()
  const [response]: IncomingMessage[] = await once(asked, 'response')
  let body = ''
  if (response !== undefined) for await (const chunk of response) body += String(chunk)
  const kept = Object.entries({ ...response?.headers }).filter(([name]) => !OF_THE_CONNECTION.includes(name))
  return { status: response?.statusCode ?? 0, headers: Object.fromEntries(kept), body }
}

function portOf (server: Server): number {
  const address: AddressInfo | string | null = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
