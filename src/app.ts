import type { FastifyInstance } from 'fastify'
import { ConfigError, loadConfig, logLevel, validatePort } from './config/index.js'
import { commandLine } from './node/command-line.js'
import { makeService } from './service.js'

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
