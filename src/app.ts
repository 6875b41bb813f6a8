import type { FastifyInstance } from 'fastify'
import { keepTickShape } from './node/tick-shape.js'

// Before the rest is loaded: a collection meanwhile may take what is to be kept.
keepTickShape()
const { ConfigError, loadConfig, logLevel, validatePort } = await import('./config/index.js')
const { commandLine } = await import('./node/command-line.js')
const { makeService } = await import('./service.js')

const args = commandLine()
const level = orExplain(() => logLevel(args, process.env))
orExplain(() => validatePort(args, process.env))
const service = makeService(orExplain(() => loadConfig(process.env.ROUTES_FILE ?? 'routes.json', process.env)), level)

/** Read by `fastify start --options` before the server is made. */
export const { options } = service

/**
 * The service as fastify-cli runs it: everything that routes.json asks for.
 *
 * @param _options fastify-cli rejects an async plugin that does not name them
 */
export default async function app (fastify: FastifyInstance, _options: object): Promise<void> {
  await service.register(fastify)
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
