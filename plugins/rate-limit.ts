import type { FastifyInstance, FastifyRequest, preHandlerHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import rateLimit, { normalizeIP } from '@fastify/rate-limit'
import type { RateLimitSettings, Settings } from '../src/config/index.js'
import { GatewayError } from '../src/proxy/errors.js'
import { addressOf } from '../src/server/client.js'
import type { Policy } from '../src/server/policy.js'

interface Options extends Pick<Settings, 'rateLimit' | 'routes'> {
  /** Gets that of the rate limits. */
  policies: Policy[]
}

/**
 * Rate limits for the gateway's routes, by @fastify/rate-limit: a route that names a limit counts apart, all others
 * share one counter per client. In a host that has registered @fastify/rate-limit, its store counts (Redis, say).
 */
export default fp(async function gatewayRateLimit (fastify: FastifyInstance, { rateLimit: shared, routes, policies }: Options) {
  if (!routes.some(route => route.rateLimit)) return
  // `global: false`: the plugin would count each of a route's registrations apart; here a route is one counter.
  if (!fastify.hasDecorator('rateLimit')) await fastify.register(rateLimit, { global: false, keyGenerator })

  const sharedLimit = shared ? limit(fastify, shared) : undefined
  policies.push(route => {
    if (!route?.rateLimit) return undefined
    return (route.ownRateLimit ? undefined : sharedLimit) ?? limit(fastify, route.rateLimit)
  })
}, { name: 'stream-gateway-rate-limit', fastify: '5.x' })

/** An address of IPv4, or the network of one of IPv6: a client there has 2^64 of them. */
function keyGenerator (request: FastifyRequest): string {
  return normalizeIP(addressOf(request))
}

/** By the whole address: the key may be that of a network. */
function isAmong (addresses: string[]): (request: FastifyRequest) => boolean {
  const known = new Set(addresses.map(wholeAddress))
  return request => known.has(wholeAddress(addressOf(request)))
}

function wholeAddress (address: string): string {
  return normalizeIP(address, 128)
}

function limit (fastify: FastifyInstance, { max, timeWindow, maxClients, allowList }: RateLimitSettings): preHandlerHookHandler {
  return fastify.rateLimit({
    max,
    timeWindow,
    cache: maxClients,
    ...(allowList === undefined ? {} : { allowList: isAmong(allowList) }),
    errorResponseBuilder: (_request, { after }) => new GatewayError('TOO_MANY_REQUESTS', `Rate limit exceeded, retry in ${after}`)
  })
}
