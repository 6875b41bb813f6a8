import Fastify from 'fastify'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import { destination } from 'pino'
import { ConfigError, loadConfig } from './config/index.js'
import type { Settings } from './config/index.js'
import { collectBodies } from './node/body-memory.js'
import { keepFreedMemory } from './node/freed-memory.js'
import { keepTickShape } from './node/tick-shape.js'
import { registerGateway } from './register-gateway.js'
import { warnOfFewDescriptors } from './server/descriptors.js'
import { respondNotFound, respondToError, respondToMalformed, respondToUnrouted } from './server/error-responses.js'
import { prepareServer, serverFactory } from './server/server.js'
import { HTTP1_LIMITS, HTTP2_LIMITS } from './upstream/pool.js'

/** One line for each request in a terminal. */
const PRETTY = {
  ignore: 'pid,hostname,method,url,status',
  messageFormat: '{if method}{method} {url} {status} {end}{msg}',
  singleLine: true,
  translateTime: 'SYS:HH:MM:ss.l'
}

/** A write for each line would cost more than the request that it tells of. What is left is written at the end of the process. */
const BUFFERED = { dest: 1, sync: false, minLength: 4096, periodicFlush: 100 }

// What changes the whole process is done here, where the process is the gateway's own.
keepTickShape()
keepFreedMemory()
collectBodies()

const settings = load(process.env.ROUTES_FILE ?? 'routes.json')

/** Read by `fastify start --options` before the server is made. */
export const options: FastifyServerOptions & { https: object | null } = {
  serverFactory: serverFactory(settings.server),
  // Only for the address in Fastify's log.
  https: settings.server.tls === undefined ? null : {},
  trustProxy: settings.server.trustProxy,
  logger: {
    level: process.env.FASTIFY_LOG_LEVEL ?? 'info',
    ...(process.stdout.isTTY ? { transport: { target: 'pino-pretty', options: PRETTY } } : { stream: destination(BUFFERED) })
  },
  // The gateway writes one access line for each request instead.
  logController: new Fastify.LogController({ disableRequestLogging: true }),
  // What arrives while the service closes gets the gateway's own 503.
  return503OnClosing: false,
  frameworkErrors: respondToUnrouted,
  clientErrorHandler: respondToMalformed
}

/**
 * The service: everything that routes.json asks for.
 *
 * @param _options fastify-cli refuses an async plugin that does not name them
 */
export default async function app (fastify: FastifyInstance, _options: object): Promise<void> {
  warnOfFewDescriptors(fastify.log, mostConnections(settings))
  prepareServer(fastify, settings.server)
  fastify.setErrorHandler(respondToError)
  await registerGateway(fastify, { ...settings, ...settings.server, isService: true })
  fastify.setNotFoundHandler(respondNotFound)
}

/** To clients and to upstreams, at the same time. */
function mostConnections ({ server: { maxConnections, http2 }, routes }: Settings): number {
  const pooled = routes.reduce((sum, { target }) => sum + (target.http2 === true ? HTTP2_LIMITS : HTTP1_LIMITS).maxConnections, 0)
  // Over HTTP/1 a client's connection carries one request at a time, so that it needs one to an upstream at most.
  return maxConnections + (http2 ? pooled : Math.min(maxConnections, pooled))
}

function load (file: string): Settings {
  try {
    return loadConfig(file, process.env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    // For whoever wrote the file; a stack would only hide it.
    console.error(error.message)
    process.exit(1)
  }
}
