import Fastify from 'fastify'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import type { Connecting, Settings } from './config/index.js'
import { collectBodies } from './node/body-memory.js'
import { keepFreedMemory } from './node/freed-memory.js'
import type { GatewayRegistration } from './register-gateway.js'
import { registerService } from './register-service.js'
import { warnOfFewDescriptors } from './server/descriptors.js'
import { respondToMalformed, respondToUnrouted } from './server/error-responses.js'
import { openLog, prepareLog } from './server/log.js'
import { requestIds } from './server/request-ids.js'
import { prepareServer, serverFactory } from './server/server.js'
import { endOnSignals } from './server/signals.js'
import { HTTP1_LIMITS, HTTP2_LIMITS } from './upstream/pool.js'

export interface Service {
  /** Of Fastify's server. */
  readonly options: FastifyServerOptions & { https: object | null }
  /** Registers everything that the settings ask for. */
  readonly register: (fastify: FastifyInstance) => Promise<void>
}

/**
 * What the process is that is the gateway's own, whatever started it: fastify-cli, or a supervisor.
 *
 * @param report takes what is known for the admin listener, where a supervisor has it
 */
export function makeService (settings: Settings, level: string, report?: GatewayRegistration['report']): Service {
  // What changes the whole process is done here, but for `keepTickShape`, which comes before this file is loaded.
  keepFreedMemory()
  collectBodies()
  const { output, ...log } = openLog(level)
  return {
    options: {
      serverFactory: serverFactory(settings.server),
      // Only for the address in Fastify's log.
      https: settings.server.tls === undefined ? null : {},
      trustProxy: settings.server.trustProxy,
      logger: log,
      // The gateway writes one access line for each request instead.
      /* c8 ignore next -- early versions of Fastify know the option alone */
      ...('LogController' in Fastify ? { logController: new Fastify.LogController({ disableRequestLogging: true }) } : { disableRequestLogging: true }),
      // What arrives while the service closes gets the gateway's own 503.
      return503OnClosing: false,
      genReqId: requestIds(),
      frameworkErrors: respondToUnrouted,
      clientErrorHandler: respondToMalformed
    },
    async register (fastify) {
      prepareLog(fastify, output)
      warnOfFewDescriptors(fastify.log, mostConnections(settings))
      prepareServer(fastify, settings.server)
      endOnSignals(fastify, settings.server.drainDelay)
      await registerService(fastify, settings, report)
    }
  }
}

/** To clients and to upstreams, at the same time. */
function mostConnections ({ server: { maxConnections, http2 }, routes, upstreams }: Settings): number {
  const own = routes.flatMap(({ target }) => target === undefined ? [] : mostTo(target))
  const named = Object.values(upstreams).map(upstream => upstream.targets.length * (upstream.maxConnections ?? mostTo(upstream)))
  const pooled = [...own, ...named].reduce((sum, most) => sum + most, 0)
  // Over HTTP/1 a client's connection carries one request at a time, so that it needs one to an upstream at most.
  return maxConnections + (http2 ? pooled : Math.min(maxConnections, pooled))
}

/** To one target, where nothing else is said. */
function mostTo ({ http2 }: Connecting): number {
  return (http2 === true ? HTTP2_LIMITS : HTTP1_LIMITS).maxConnections
}
