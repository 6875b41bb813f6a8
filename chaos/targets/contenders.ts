import { existsSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gatewayConfig, haproxyConfig, nginxConfig } from './configurations.js'
import { Process, temporaryFolder } from './process.js'

export const NAMES = ['gateway', 'gateway, checks', 'nginx', 'haproxy, checks'] as const

export type Name = typeof NAMES[number]

const COMMAND = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const NGINX = '/usr/sbin/nginx'
const HAPROXY = '/usr/sbin/haproxy'

/** Who stands between clients and targets. */
export interface Contender {
  readonly port: number
  readonly process: Process
  /** When its last target became available again, by `performance.now()`, as far as it tells. */
  available (): number | undefined
}

export function missing (name: Name): boolean {
  return (name === 'nginx' && !existsSync(NGINX)) || (name === 'haproxy, checks' && !existsSync(HAPROXY))
}

/** @param targets host and port of each */
export async function startContender (name: Name, targets: readonly string[]): Promise<Contender> {
  if (name === 'gateway' || name === 'gateway, checks') return await startGateway(gatewayConfig(targets, name === 'gateway, checks'))
  const folder = temporaryFolder()
  const port = await freePort()
  const file = join(folder, 'proxy.conf')
  const isNginx = name === 'nginx'
  writeFileSync(file, isNginx ? nginxConfig(targets, port, folder) : haproxyConfig(targets, port))
  const process = new Process(isNginx ? [NGINX, '-p', folder, '-c', file, '-e', 'stderr'] : [HAPROXY, '-db', '-q', '-f', file], folder)
  await process.listening(port)
  return { port, process, available: () => undefined }
}

/** The gateway as a user starts it. @param file where its configuration is written */
export async function startGateway (config: object, args: readonly string[] = [], file = join(temporaryFolder(), 'routes.json')): Promise<Contender> {
  writeFileSync(file, JSON.stringify(config))
  const port = await freePort()
  let available: number | undefined
  const process_ = new Process([process.execPath, COMMAND, 'start', ...args, '-p', `${port}`, '-a', '127.0.0.1', file], temporaryFolder(), line => {
    if (line.includes('"state":"available"')) available = performance.now()
  })
  await process_.listening(port)
  return { port, process: process_, available: () => available }
}

async function freePort (): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new TypeError('not listening on a port')
  return address.port
}
