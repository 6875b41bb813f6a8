import type { FastifyInstance, FastifyRequest, onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import rateLimit from '@fastify/rate-limit'
import type { RateLimitOptions, RateLimitPluginOptions } from '@fastify/rate-limit'
import type { RateLimitSettings, RouteSettings, Settings } from '../src/config/index.js'
import { compileClientKey } from '../src/proxy/client-key.js'
import { RETRY_AFTER } from '../src/proxy/concurrency.js'
import { GatewayError, rejectedBy } from '../src/proxy/errors.js'
import { addressOf } from '../src/server/client.js'
import type { Policy } from '../src/server/policy.js'
import { compileAddresses } from '../src/server/rate-limit-addresses.js'
import { compileFields, inWords } from '../src/server/rate-limit-fields.js'
import { openRedis, StoreAwayError } from '../src/server/rate-limit-store.js'
import type { StoreSettings } from '../src/server/rate-limit-store.js'

interface Options extends Pick<Settings, 'rateLimit' | 'routes'> {
  /** Gets that of the rate limits. */
  policies: Policy[]
}

/** Makes what counts a request for one limit. */
type CreateLimit = FastifyInstance['createRateLimit']

type KeyOf = (request: FastifyRequest) => string | Promise<string>

interface Store {
  readonly create: CreateLimit
  /** Whether all limits are counted in one place, so that their keys must differ. */
  readonly isShared: boolean
  /** The host's own keys, for limits that have none. */
  readonly keyOf?: KeyOf
}

/**
 * Rate limits for the gateway's routes, by @fastify/rate-limit: a route that names a limit counts apart, all others
 * share one counter per client. In a host that has registered @fastify/rate-limit, its store counts, where the gateway
 * has no Redis of its own.
 */
export default fp(async function gatewayRateLimit (fastify: FastifyInstance, { rateLimit: shared, routes, policies }: Options) {
  const limits = routes.flatMap(({ rateLimit }) => rateLimit ? [rateLimit] : [])
  if (limits.length === 0) return
  const stores = new Map<string, Store>()
  for (const settings of [...shared ? [shared] : [], ...limits]) {
    if (!stores.has(placeOf(settings))) stores.set(placeOf(settings), await openStore(fastify, settings))
  }

  /** @param name by which the counter is the same one in every gateway */
  function hookOf (settings: RateLimitSettings, name: string): onRequestHookHandler | undefined {
    const store = stores.get(placeOf(settings))
    return store && limitHook(store, settings, `${fastify.prefix}${name} `)
  }

  const sharedHook = shared ? hookOf(shared, '*') : undefined
  policies.push(route => {
    if (!route?.rateLimit) return undefined
    return (route.ownRateLimit ? undefined : sharedHook) ?? hookOf(route.rateLimit, nameOf(route))
  })
}, { name: 'stream-gateway-rate-limit', fastify: '5.x' })

function placeOf ({ store, tls }: StoreSettings): string {
  return JSON.stringify([store, tls])
}

/** No two routes have all of this in common. */
function nameOf ({ prefix, hosts = [], methods = [] }: RouteSettings): string {
  return [prefix, ...hosts, ...methods].join(',')
}

async function openStore (fastify: FastifyInstance, settings: StoreSettings): Promise<Store> {
  if (settings.store === 'memory') {
    return fastify.hasDecorator('createRateLimit') ? storeOfHost(fastify) : { create: await limitsOn(fastify, {}), isShared: false }
  }
  const redis = await openRedis(settings, fastify.log)
  fastify.addHook('onReady', async () => await redis.open())
  fastify.addHook('onClose', async () => redis.close())
  return { create: await limitsOn(fastify, { redis }), isShared: true }
}

function storeOfHost ({ createRateLimit: create }: FastifyInstance): Store {
  // Whoever is allowed is not counted, but has a key.
  const ask = create({ allowList: () => true })
  return { create, isShared: true, keyOf: async request => (await ask(request)).key }
}

/**
 * What @fastify/rate-limit would decorate the app with. It is asked for it on a stand-in, since an app has one alone,
 * with one store: that of the host, or of another gateway in it.
 */
async function limitsOn (fastify: FastifyInstance, options: RateLimitPluginOptions): Promise<CreateLimit> {
  return await new Promise((resolve, reject) => {
    const standIn: FastifyInstance = Object.create(fastify, {
      hasDecorator: { value: () => false },
      decorateRequest: { value: () => standIn },
      decorate: { value: (name: string, value: CreateLimit) => { if (name === 'createRateLimit') resolve(value) } },
      addHook: { value: () => standIn }
    })
    rateLimit(standIn, options, reject)
  })
}

function limitHook ({ create, isShared, keyOf: ownKeyOf }: Store, settings: RateLimitSettings, name: string): onRequestHookHandler {
  const { max, timeWindow, maxClients, allowList, onStoreError } = settings
  const keyOf = (settings.key === undefined ? ownKeyOf : undefined) ?? keyBy(settings.key)
  const options: RateLimitOptions = {
    max,
    timeWindow,
    cache: maxClients,
    keyGenerator: isShared ? async request => name + await keyOf(request) : keyOf,
    ...(allowList && { allowList: isAmong(allowList) })
  }
  const count = create(options)
  const methods = settings.methods && new Set(settings.methods.flatMap(method => method === 'GET' ? ['GET', 'HEAD'] : [method]))
  const tell = compileFields(settings)
  return async function limitRate (request, reply) {
    if (methods !== undefined && !methods.has(request.method)) return
    let counted
    try {
      counted = await count(request)
    } catch (error) {
      if (!(error instanceof StoreAwayError)) throw error
      if (onStoreError === 'allow') return
      reply.header('retry-after', RETRY_AFTER)
      throw rejectedBy('rate-limit', new GatewayError('SERVICE_UNAVAILABLE', 'The rate limit cannot be checked at the moment'))
    }
    if (counted.isAllowed) return
    tell(reply, counted)
    if (!counted.isExceeded) return
    reply.header('retry-after', counted.ttlInSeconds)
    throw rejectedBy('rate-limit', new GatewayError('TOO_MANY_REQUESTS', `Rate limit exceeded, retry in ${inWords(counted.ttlInSeconds)}`))
  }
}

function keyBy (source: string | undefined): KeyOf {
  const keyOf = compileClientKey(source)
  return request => keyOf(addressOf(request), request.raw)
}

/** By the whole address: the key may be that of a network. */
function isAmong (list: readonly string[]): (request: FastifyRequest) => boolean {
  const has = compileAddresses(list)
  return request => has(addressOf(request))
}
