import { createRequire } from 'node:module'
import Fastify from 'fastify'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import { ConfigError, loadConfig, logLevel, validatePort } from './config/index.js'
import type { Connecting, Settings } from './config/index.js'
import { collectBodies } from './node/body-memory.js'
import { commandLine } from './node/command-line.js'
import { keepFreedMemory } from './node/freed-memory.js'
import { keepTickShape } from './node/tick-shape.js'
import { registerService } from './register-service.js'
import { warnOfFewDescriptors } from './server/descriptors.js'
import { respondToMalformed, respondToUnrouted } from './server/error-responses.js'
import { openOutput, prepareLog } from './server/log.js'
import { requestIds } from './server/request-ids.js'
import { prepareServer, serverFactory } from './server/server.js'
import { endOnSignals } from './server/signals.js'
import { HTTP1_LIMITS, HTTP2_LIMITS } from './upstream/pool.js'

/** One line for each request in a terminal. */
const PRETTY = {
  ignore: 'pid,hostname,method,url,status',
  messageFormat: '{if method}{method} {url} {status} {end}{msg}',
  singleLine: true,
  translateTime: 'SYS:HH:MM:ss.l'
}

// What changes the whole process is done here, where the process is the gateway's own.
keepTickShape()
keepFreedMemory()
collectBodies()

const args = commandLine()
const level = orExplain(() => logLevel(args, process.env))
orExplain(() => validatePort(args, process.env))
/** What routes.json says. */
export const settings = orExplain(() => loadConfig(process.env.ROUTES_FILE ?? 'routes.json', process.env))
const output = isForPeople() ? undefined : openOutput()

/** Read by `fastify start --options` before the server is made. */
export const options: FastifyServerOptions & { https: object | null } = {
  serverFactory: serverFactory(settings.server),
  // Only for the address in Fastify's log.
  https: settings.server.tls === undefined ? null : {},
  trustProxy: settings.server.trustProxy,
  logger: {
    level,
    ...(output === undefined ? { transport: { target: 'pino-pretty', options: PRETTY } } : { stream: output })
  },
  // The gateway writes one access line for each request instead. Early versions of Fastify know the option alone.
  ...('LogController' in Fastify ? { logController: new Fastify.LogController({ disableRequestLogging: true }) } : { disableRequestLogging: true }),
  // What arrives while the service closes gets the gateway's own 503.
  return503OnClosing: false,
  genReqId: requestIds(),
  frameworkErrors: respondToUnrouted,
  clientErrorHandler: respondToMalformed
}

/**
 * The service: everything that routes.json asks for.
 *
 * @param _options fastify-cli rejects an async plugin that does not name them
 */
export default async function app (fastify: FastifyInstance, _options: object): Promise<void> {
  prepareLog(fastify, output)
  warnOfFewDescriptors(fastify.log, mostConnections(settings))
  prepareServer(fastify, settings.server)
  endOnSignals(fastify, settings.server.drainDelay)
  await registerService(fastify, settings)
}

/** Whether the log goes to a terminal, and there is what makes it readable there. */
function isForPeople (): boolean {
  if (!process.stdout.isTTY) return false
  try {
    createRequire(import.meta.url).resolve('pino-pretty')
    return true
  } catch {
    console.error('The log is JSON. For lines that people read: npm install pino-pretty')
    return false
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

/** A mistake in the configuration is for whoever wrote it; a stack would only hide it. */
function orExplain<Value> (read: () => Value): Value {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    console.error(error.message)
    process.exit(1)
  }
}
