import { existsSync } from 'node:fs'
import { Child } from '../children.js'
import type { Reading, Ready } from '../child.js'
import { installed, packageVersion, programVersion } from '../machine.js'
import type { Cpus } from '../machine.js'
import type { ContenderOptions } from './policy.js'

export interface Contender {
  name: string
  /** Module of its process; absent: the service is asked directly. */
  file?: URL
  options?: Partial<ContenderOptions>
  /** Whether its process is only the keeper of the one that is measured. */
  keeper?: boolean
  /** Whether it may run on all cores. */
  unpinned?: boolean
  /** Whether it is this package, in whatever state and under whatever Node. */
  own?: boolean
  /** The node that runs it; absent: the one that runs this. */
  node?: string
  versions: () => string
  missing?: () => string | undefined
}

/** A started contender. */
export interface Running {
  contender: Contender
  port: number
  /** Undefined where there is no process between. */
  begin: () => Promise<Reading | undefined>
  end: () => Promise<Reading | undefined>
  stop: () => Promise<void>
}

export const OURS = 'ours'
export const LOGGING = 'ours+log'
export const FASTIFY_HTTP_PROXY = '@fastify/http-proxy'
export const HTTP_PROXY_MIDDLEWARE = 'http-proxy-middleware'
export const NGINX = 'nginx'
export const HAPROXY = 'haproxy'

export const ours: Contender = {
  name: OURS, file: here('ours'), own: true, versions: () => packageVersion('fastify-stream-gateway', 'fastify')
}

export const fastifyHttpProxy: Contender = {
  name: FASTIFY_HTTP_PROXY,
  file: here('fastify-http-proxy'),
  versions: () => packageVersion('@fastify/http-proxy', 'undici', '@fastify/cors', '@fastify/rate-limit')
}

/** In the order in which they are started and printed. */
export const contenders: readonly Contender[] = [
  ours,
  { ...ours, name: LOGGING, options: { accessLog: true }, versions: () => packageVersion('pino') },
  fastifyHttpProxy,
  {
    name: HTTP_PROXY_MIDDLEWARE,
    file: here('http-proxy-middleware'),
    versions: () => packageVersion('http-proxy-middleware', 'express', 'cors', 'express-rate-limit')
  },
  kept(NGINX),
  kept(HAPROXY),
  { name: 'direct', versions: () => 'the service itself' }
]

function kept (program: string): Contender {
  return {
    name: program,
    file: here(program),
    keeper: true,
    versions: () => programVersion(program, '-v'),
    missing () {
      if (process.platform !== 'linux') return 'read from /proc, so only on Linux'
      return installed(program) ? undefined : 'not installed'
    }
  }
}

/** The service in several processes; none where a build has no such thing yet. */
export function clusterOf (own: Contender): Contender[] {
  const source = own.options?.source ?? new URL('../../', import.meta.url).href
  if (!existsSync(new URL('src/cli/cluster.js', source))) return []
  return [{ ...own, file: here('ours-cluster'), keeper: true, unpinned: true }]
}

/** @param more options beside the contender's own */
export async function startContender (
  contender: Contender, upstreamPort: number, cpus: Cpus, more: Partial<ContenderOptions> = {}
): Promise<Running> {
  const { name, file, keeper = false, unpinned = false, options, node } = contender
  const cpu = unpinned ? undefined : cpus.gateway
  if (file === undefined) {
    return { contender, port: upstreamPort, begin: async () => undefined, end: async () => undefined, stop: async () => {} }
  }
  const child = Child.start(name, file, {
    cpu: keeper && !unpinned ? cpus.load : cpu,
    node,
    options: { ...options, ...more, upstreamPort, ...(keeper ? { cpu } : {}) }
  })
  const { port } = await child.next<Ready>()
  return {
    contender,
    port,
    begin: () => child.ask<Reading>('begin'),
    end: () => child.ask<Reading>('end'),
    stop: () => child.stop()
  }
}

function here (name: string): URL {
  return new URL(`./${name}.js`, import.meta.url)
}
