import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestAsyncHookHandler, onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { Authentication } from '../src/auth/authentication.js'
import { Rejection } from '../src/auth/authenticator.js'
import type { Authenticator, Decision } from '../src/auth/authenticator.js'
import type { Settings } from '../src/config/index.js'
import { RETRY_AFTER } from '../src/proxy/concurrency.js'
import { GatewayError, rejectedBy } from '../src/proxy/errors.js'
import { identify } from '../src/proxy/identity.js'
import { splitAbsolute } from '../src/proxy/path.js'
import { clientOf } from '../src/server/client.js'
import { closeAfterUpload } from '../src/server/malformed.js'
import type { CountingPolicy, Policy } from '../src/server/policy.js'

interface Options extends Pick<Settings, 'routes'> {
  /** Gets that of the authentication. */
  policies: Policy[]
  /** Come after it. For a request that it rejects they run before the response: guessing is limited as well. */
  counting: readonly CountingPolicy[]
}

/** What one route asks for. */
interface Asked {
  readonly method: Authenticator<FastifyRequest>
  readonly counting: readonly onRequestAsyncHookHandler[]
}

/** Authentication for the gateway's routes. What it rejects reaches no service. */
export default fp(async function gatewayAuth (fastify: FastifyInstance, { routes, policies, counting }: Options) {
  if (!routes.some(route => route.auth)) return
  const authentication = new Authentication<FastifyRequest>(request => clientOf(request, splitAbsolute(request.url)), fastify.log)
  const methods = new Map<unknown, Authenticator<FastifyRequest>>()
  for (const { auth } of routes) if (auth) methods.set(auth, await authentication.make(auth))
  fastify.addHook('onReady', async () => authentication.start())
  fastify.addHook('onClose', async () => authentication.close())

  policies.push(route => {
    if (!route?.auth) return undefined
    const method = methods.get(route.auth)
    // Without it the route would be open to everybody.
    if (method === undefined) throw new TypeError(`there is no authentication for ${route.prefix}`)
    return hookOf({ method, counting: counting.flatMap(policy => policy(route) ?? []) }, fastify)
  })
}, { name: 'stream-gateway-auth', fastify: '5.x' })

function hookOf (asked: Asked, fastify: FastifyInstance): onRequestHookHandler {
  const { method } = asked
  return function authenticate (request, reply, done) {
    const decision = method.authenticate(request)
    if (decision instanceof Promise) return decision.then(async made => await conclude(made, request, reply))
    if (decision instanceof Rejection) return conclude(decision, request, reply)
    accept(decision, request, reply)
    done()
    return undefined
  }

  async function conclude (decision: Decision, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    if (!(decision instanceof Rejection)) {
      accept(decision, request, reply)
      return undefined
    }
    for (const count of asked.counting) await count.call(fastify, request, reply)
    fastify.log.debug({ reqId: request.id, reason: decision.reason }, 'not authenticated')
    return reject(decision, request, reply)
  }
}

function accept (decision: Exclude<Decision, Rejection>, request: FastifyRequest, reply: FastifyReply): void {
  identify(request.raw, decision)
  if (decision.told !== undefined) for (const [name, value] of decision.told) reply.header(name, value)
}

/** @throws GatewayError, unless the client is to go elsewhere */
function reject ({ code, message, challenges, passed }: Rejection, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  closeAfterUpload(request.raw, reply)
  if (challenges.length > 0) reply.header('www-authenticate', challenges)
  if (code === 'SERVICE_UNAVAILABLE') reply.header('retry-after', RETRY_AFTER)
  if (passed !== undefined) for (const [name, value] of passed.headers) reply.header(name, value)
  if (passed !== undefined && passed.status < 400) return reply.code(passed.status).send()
  throw rejectedBy('auth', new GatewayError(code, message))
}
