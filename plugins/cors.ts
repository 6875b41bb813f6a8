import type { FastifyInstance, onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import cors from '@fastify/cors'
import type { FastifyCorsOptions } from '@fastify/cors'
import type { Settings } from '../src/config/index.js'
import { refusalOfMalformed } from '../src/server/malformed.js'

type Options = Pick<Settings, 'cors' | 'routes'>

/**
 * CORS for the gateway's routes, by @fastify/cors: a preflight is answered here and never reaches a service, every
 * other answer gets its fields before the request is limited, forwarded or refused. A route's own policy is its
 * `config.cors`, which @fastify/cors reads.
 */
export default fp(async function gatewayCors (fastify: FastifyInstance, { cors: policy, routes }: Options) {
  if (!policy && !routes.some(route => route.cors)) return
  // A host's own @fastify/cors has its hook on these routes already, and reads their policies as this one would.
  if (fastify.hasRequestDecorator('corsPreflightEnabled')) return
  fastify.decorateRequest('corsPreflightEnabled', false)

  const options: FastifyCorsOptions = policy || { origin: false }
  const answerPreflight = await corsHook(fastify, options)
  const onlyAddFields = await corsHook(fastify, { ...options, preflight: false })

  fastify.addHook('onRequest', function handleCors (request, reply, done) {
    const { raw } = request
    // @fastify/cors takes every OPTIONS for a preflight; one without these two fields is for the service.
    const isPreflight = raw.method === 'OPTIONS' &&
      raw.headers.origin !== undefined && raw.headers['access-control-request-method'] !== undefined
    const malformed = isPreflight ? refusalOfMalformed(raw, reply) : undefined
    if (malformed !== undefined) done(malformed)
    else (isPreflight ? answerPreflight : onlyAddFields).call(this, request, reply, done)
  })
}, { name: 'stream-gateway-cors', fastify: '5.x' })

/**
 * The hook that @fastify/cors would add. It is asked for it on a stand-in, since the plugin would also claim the
 * route `OPTIONS *`, which exists only once in an app: a second gateway, or a host with CORS, would not start.
 */
async function corsHook (fastify: FastifyInstance, options: FastifyCorsOptions): Promise<onRequestHookHandler> {
  return await new Promise((resolve, reject) => {
    const standIn: FastifyInstance = Object.create(fastify, {
      decorateRequest: { value: () => standIn },
      options: { value: () => standIn },
      addHook: { value: (_name: 'onRequest', hook: onRequestHookHandler) => resolve(hook) }
    })
    // Called without an error once the hook is there, when the promise is settled already.
    cors(standIn, options, reject)
  })
}
