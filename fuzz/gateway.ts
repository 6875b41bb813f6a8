import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { portOf } from './service.js'

/** The gateway's name in Via. */
export const VIA = 'fuzzed'
/** What the service's paths begin with: the gateway has them at `/api`. */
export const PREFIX = '/service'

export interface Gateway {
  readonly port: number
  /** For clients that speak HTTP/2 over TLS. */
  readonly securePort: number
  /** What was logged at level error, and what is left at the end. */
  readonly complaints: string[]
  /** Connections of clients. */
  connections (): Promise<number>
  close (): Promise<void>
}

/** Ports of the services. */
export interface Upstreams {
  readonly http1: number
  readonly http2: number
}

const TLS = { cert: resolve('test/fixtures/tls/localhost.pem'), key: resolve('test/fixtures/tls/localhost.key') }

/** The service of `npm start` in this process, twice: for HTTP/1 and for HTTP/2, in front of the services at those ports. */
export async function startGateway (upstreams: Upstreams): Promise<Gateway> {
  const complaints: string[] = []
  const plain = await startApp('plain', { shutdownTimeout: 1 }, upstreams, complaints)
  const secure = await startApp('secure', { shutdownTimeout: 1, http2: true, tls: TLS }, upstreams, complaints)
  const both = [plain.server, secure.server]
  return {
    port: portOf(plain.server.address()),
    securePort: portOf(secure.server.address()),
    complaints,
    connections: async () => {
      const counts = await Promise.all(both.map(async server => await promisify(server.getConnections.bind(server))()))
      return counts.reduce((sum, count) => sum + count)
    },
    close: async () => { await Promise.all([plain.close(), secure.close()]) }
  }
}

/** @param name of its own, as a module's settings are read once */
async function startApp (name: string, server: object, upstreams: Upstreams, complaints: string[]): Promise<FastifyInstance> {
  const folder = mkdtempSync(join(tmpdir(), 'fuzz-'))
  const file = join(folder, 'routes.json')
  writeFileSync(file, JSON.stringify({
    server,
    via: VIA,
    routes: [
      { prefix: '/api', target: `http://127.0.0.1:${upstreams.http1}`, pathRewrite: { pattern: '^/api', replacement: PREFIX }, timeout: '20s' },
      { prefix: '/h2', target: `http://127.0.0.1:${upstreams.http2}`, http2: true, pathRewrite: { pattern: '^/h2', replacement: PREFIX }, timeout: '20s' }
    ]
  }))
  process.env.ROUTES_FILE = file
  const { default: service, options }: typeof import('../src/app.js') = await import(`../src/app.js?${name}`)
  rmSync(folder, { recursive: true })

  const stream = { write (line: string) { complaints.push(...[line.trim()].filter(isComplaint)) } }
  const app = Fastify({ ...options, logger: { level: 'info', stream } })
  await app.register(service)
  await app.listen({ port: 0, host: '127.0.0.1' })
  return app
}

/** An error of the gateway's own; or exchanges that had not ended with their connections. */
export function isComplaint (line: string): boolean {
  return /"level":[56]0/.test(line) || line.includes('broken off"')
}
