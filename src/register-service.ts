import type { FastifyInstance } from 'fastify'
import health from '../plugins/health.js'
import type { Settings } from './config/index.js'
import { registerGateway } from './register-gateway.js'
import type { GatewayRegistration } from './register-gateway.js'
import { respondNotFound, respondToError } from './server/error-responses.js'

/**
 * All that an app does which is the gateway alone, whatever runs it: the service itself, or `explain`.
 *
 * @param report takes what is known for the admin listener, where another process has it
 */
export async function registerService (fastify: FastifyInstance, settings: Settings, report?: GatewayRegistration['report']): Promise<void> {
  fastify.setErrorHandler(respondToError)
  await fastify.register(health, settings.server)
  const trial = { settings, prefix: '', isHosted: false, register: registerService }
  await registerGateway(fastify, { ...settings, ...settings.server, configuration: settings, trial, isService: true, ...(report && { report }) })
  fastify.setNotFoundHandler(respondNotFound)
}
