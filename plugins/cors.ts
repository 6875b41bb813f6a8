import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import cors from '@fastify/cors'
import type { FastifyCorsOptions } from '@fastify/cors'
import type { CorsSettings, Settings } from '../src/config/index.js'
import { groupByPrefix, isPreflight } from '../src/proxy/choice.js'
import { corsOptions, haveOneCors } from '../src/server/cors-options.js'
import { rejectMalformed } from '../src/server/malformed.js'
import type { Policy } from '../src/server/policy.js'

interface Options extends Pick<Settings, 'cors' | 'routes'> {
  /** Gets that of CORS. */
  policies: Policy[]
}

/** Origins whose headers are remembered, for each policy. */
const MAX_ORIGINS = 256

/**
 * CORS for the gateway's routes, by @fastify/cors: a preflight is responded to here and never reaches an upstream, every
 * other response gets its headers before the request is limited, forwarded or rejected.
 */
export default fp(async function gatewayCors (fastify: FastifyInstance, { cors: global, routes, policies }: Options) {
  if (!global && !routes.some(route => route.cors)) return
  // A host's own @fastify/cors has its hook on these routes already, and reads their policies as this one would. What
  // it cannot read is which of several routes with one prefix takes a request.
  const isHosts = fastify.hasRequestDecorator('corsPreflightEnabled')
  const left = isHosts ? groupByPrefix(routes).flatMap(({ routes }) => haveOneCors(routes) ? [] : routes) : routes
  if (left.length === 0) return
  if (!isHosts) fastify.decorateRequest('corsPreflightEnabled', false)

  const options: FastifyCorsOptions = global ? corsOptions(global) : { origin: false }
  const respondToPreflight = await corsHook(fastify, options)
  const addHeaders = await corsHook(fastify, { ...options, preflight: false })
  const known = new Map<string, KnownOrigins>()

  /** Routes whose policies are alike share what is known. */
  function knownOrigins (settings: CorsSettings): KnownOrigins {
    const key = JSON.stringify(settings)
    const origins = known.get(key) ?? new KnownOrigins(fastify, addHeaders, settings)
    known.set(key, origins)
    return origins
  }

  function hookOf (settings: CorsSettings): onRequestHookHandler {
    const origins = knownOrigins(settings)
    // Where @fastify/cors looks for the policy of a route; Fastify's own may have those of many.
    const routeOptions = { value: { config: { cors: corsOptions(settings) } } }
    return function addCorsHeaders (request, reply, done) {
      // @fastify/cors takes every OPTIONS for one.
      if (isPreflight(request.raw)) {
        const malformed = rejectMalformed(request.raw, reply)
        if (malformed === undefined) respondToPreflight.call(this, Object.create(request, { routeOptions }), reply, done)
        else done(malformed)
      } else if (reply.hasHeader('vary')) {
        addHeaders.call(this, Object.create(request, { routeOptions }), reply, done)
      } else {
        origins.addTo(reply, request.raw.headers.origin)
        done()
      }
    }
  }

  policies.push(route => {
    if (route === undefined) return global && !isHosts ? hookOf(global) : undefined
    return route.cors && left.includes(route) ? hookOf(route.cors) : undefined
  })
}, { name: 'stream-gateway-cors', fastify: '5.x' })

/**
 * The headers that one policy gives to responses, by the origin of the page. @fastify/cors is asked once for each, on
 * stand-ins for request and reply: it makes new options for every request, and reads these from a request in a costly way.
 */
class KnownOrigins {
  readonly #headers = new Map<string | undefined, Array<[name: string, value: string]>>()

  constructor (readonly fastify: FastifyInstance, readonly addHeaders: onRequestHookHandler, readonly settings: CorsSettings) {}

  addTo (reply: FastifyReply, origin: string | undefined): void {
    const headers = this.#headers.get(origin) ?? this.#ask(origin)
    for (const [name, value] of headers) reply.header(name, value)
  }

  #ask (origin: string | undefined): Array<[name: string, value: string]> {
    const headers: Array<[name: string, value: string]> = []
    const request: FastifyRequest = Object.create(null, {
      headers: { value: { origin } },
      raw: { value: { method: 'GET' } },
      routeOptions: { value: { config: { cors: corsOptions(this.settings) } } }
    })
    const reply: FastifyReply = Object.create(null, {
      getHeader: { value: () => undefined },
      header: { value: (name: string, value: string) => headers.push([name.toLowerCase(), value]) }
    })
    this.addHeaders.call(this.fastify, request, reply, () => {})
    if (this.#headers.size >= MAX_ORIGINS) this.#headers.clear()
    this.#headers.set(origin, headers)
    return headers
  }
}

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
    // Called without an error once the hook is there, when the promise is resolved already.
    cors(standIn, options, reject)
  })
}
