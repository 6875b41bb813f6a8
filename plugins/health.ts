import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { ServerSettings } from '../src/config/index.js'
import { isDraining } from '../src/server/drain.js'
import { gatewayOf } from '../src/server/gateway.js'
import { readinessOf } from '../src/server/readiness.js'

const UNLOGGED = { config: { accessLog: false } }
const NO_STORE = { 'cache-control': 'no-store' }

/**
 * Whether the service is alive, and whether it wants new work, for whoever watches it. Registered before the gateway,
 * in a scope of its own: they are asked every few seconds, and have neither policies nor access lines.
 */
export default fp(async function health (fastify: FastifyInstance, { health: paths }: Pick<ServerSettings, 'health'>) {
  if (paths === false) return
  await fastify.register(async function checks (scope) {
    scope.get(paths.alive, UNLOGGED, (_request, reply) => { reply.headers(NO_STORE).send({ status: 'ok' }) })
    scope.get(paths.ready, UNLOGGED, (_request, reply) => {
      const { code, body } = readinessOf(isDraining(fastify.server), gatewayOf(fastify).unavailable)
      reply.code(code).headers(NO_STORE).send(body)
    })
  })
}, { name: 'stream-gateway-health', fastify: '5.x' })
