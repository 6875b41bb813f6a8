import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import Fastify from 'fastify'
import { portOf } from './service.js'

/** The gateway's name in Via. */
export const VIA = 'fuzzed'
/** What the service's paths begin with: the gateway has them at `/api`. */
export const PREFIX = '/service'

export interface Gateway {
  readonly port: number
  /** What was logged at level error, and what is left at the end. */
  readonly complaints: string[]
  /** Connections of clients. */
  connections (): Promise<number>
  close (): Promise<void>
}

/** The service of `npm start` in this process, in front of the service at that port. */
export async function startGateway (upstream: number): Promise<Gateway> {
  const folder = mkdtempSync(join(tmpdir(), 'fuzz-'))
  const file = join(folder, 'routes.json')
  writeFileSync(file, JSON.stringify({
    server: { shutdownTimeout: 1 },
    via: VIA,
    routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}`, pathRewrite: { pattern: '^/api', replacement: PREFIX }, timeout: '20s' }]
  }))
  process.env.ROUTES_FILE = file
  const { default: service, options } = await import('../src/app.js')
  rmSync(folder, { recursive: true })

  const complaints: string[] = []
  const stream = { write (line: string) { complaints.push(...[line.trim()].filter(isComplaint)) } }
  const app = Fastify({ ...options, logger: { level: 'info', stream } })
  await app.register(service)
  await app.listen({ port: 0, host: '127.0.0.1' })
  return {
    port: portOf(app.server.address()),
    complaints,
    connections: promisify(app.server.getConnections.bind(app.server)),
    close: async () => { await app.close() }
  }
}

/** An error of the gateway's own; or exchanges that had not ended with their connections. */
export function isComplaint (line: string): boolean {
  return /"level":[56]0/.test(line) || line.includes('broken off"')
}
