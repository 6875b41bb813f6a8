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

/** In the order in which they are started and printed. */
export const contenders: readonly Contender[] = [
  { name: OURS, file: here('ours'), versions: () => packageVersion('fastify-stream-gateway', 'fastify') },
  { name: 'ours+log', file: here('ours'), options: { accessLog: true }, versions: () => packageVersion('pino') },
  {
    name: '@fastify/http-proxy',
    file: here('fastify-http-proxy'),
    versions: () => packageVersion('@fastify/http-proxy', 'undici', '@fastify/cors', '@fastify/rate-limit')
  },
  {
    name: 'http-proxy-middleware',
    file: here('http-proxy-middleware'),
    versions: () => packageVersion('http-proxy-middleware', 'express', 'cors', 'express-rate-limit')
  },
  {
    name: 'nginx',
    file: here('nginx'),
    keeper: true,
    versions: () => programVersion('nginx', '-v'),
    missing () {
      if (process.platform !== 'linux') return 'read from /proc, so only on Linux'
      return installed('nginx') ? undefined : 'not installed'
    }
  },
  { name: 'direct', versions: () => 'the service itself' }
]

export async function startContender (contender: Contender, upstreamPort: number, cpus: Cpus): Promise<Running> {
  const { name, file, keeper = false, options } = contender
  if (file === undefined) {
    return { contender, port: upstreamPort, begin: async () => undefined, end: async () => undefined, stop: async () => {} }
  }
  const child = Child.start(name, file, {
    cpu: keeper ? cpus.load : cpus.gateway,
    options: { ...options, upstreamPort, ...(keeper ? { cpu: cpus.gateway } : {}) }
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
