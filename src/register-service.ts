import type { FastifyInstance } from 'fastify'
import health from '../plugins/health.js'
import type { Settings } from './config/index.js'
import { registerGateway } from './register-gateway.js'
import { respondNotFound, respondToError } from './server/error-responses.js'

/** All that an app does which is the gateway alone, whatever runs it: the service itself, or `explain`. */
export async function registerService (fastify: FastifyInstance, settings: Settings): Promise<void> {
  fastify.setErrorHandler(respondToError)
  await fastify.register(health, settings.server)
  await registerGateway(fastify, { ...settings, ...settings.server, isService: true })
  fastify.setNotFoundHandler(respondNotFound)
}
