import { METHODS } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import type { FastifyBaseLogger, FastifyContextConfig, FastifyError, FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import type { FastifyCorsOptions } from '@fastify/cors'
import { compileReplacement } from '../src/config/index.js'
import type { RouteSettings, Settings } from '../src/config/index.js'
import { whenTurnComes } from '../src/node/pipeline.js'
import { AccessLog, CLIENT_CLOSED_REQUEST, logLocal } from '../src/observe/access-log.js'
import { BodyBuffer } from '../src/proxy/body-buffer.js'
import { BodyRate } from '../src/proxy/body-rate.js'
import { isGone } from '../src/proxy/client-protocol.js'
import { Choice, groupByPrefix, placeOf } from '../src/proxy/choice.js'
import type { Group, Place } from '../src/proxy/choice.js'
import { Concurrency } from '../src/proxy/concurrency.js'
import { errorBody, GatewayError } from '../src/proxy/errors.js'
import { Exchange, exchangeOf } from '../src/proxy/exchange.js'
import { HeaderRules } from '../src/proxy/header-rules.js'
import { RequestHeads, ResponseHeads } from '../src/proxy/heads.js'
import { authorityOf, compileLocation, upstreamPrefix } from '../src/proxy/location.js'
import type { LocationRewrite } from '../src/proxy/location.js'
import { Observers } from '../src/proxy/observers.js'
import { compileOrigins } from '../src/proxy/origins.js'
import { compileRewrite, compileStrip, splitAbsolute } from '../src/proxy/path.js'
import type { Rewrite } from '../src/proxy/path.js'
import { PrefixTable } from '../src/proxy/prefix-table.js'
import type { Route } from '../src/proxy/route.js'
import { SecurityHeaders } from '../src/proxy/security-headers.js'
import { CookieRewrite } from '../src/proxy/set-cookie.js'
import { Via } from '../src/proxy/via.js'
import { restoreSent, watchArrivals } from '../src/server/arrival.js'
import { clientOf } from '../src/server/client.js'
import { continueInTurn } from '../src/server/continue.js'
import { corsOptions, haveOneCors } from '../src/server/cors-options.js'
import { InFlight } from '../src/server/in-flight.js'
import { localResponse, responderOf, respondUnforwarded } from '../src/server/unforwarded.js'
import type { LocalResponse, Rejection } from '../src/server/unforwarded.js'
import { rejectMalformed } from '../src/server/malformed.js'
import type { Policy } from '../src/server/policy.js'
import { exchangeIds } from '../src/server/request-ids.js'
import { Target } from '../src/upstream/target.js'
import { Upstream } from '../src/upstream/upstream.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The policy of the route, for a host's @fastify/cors. */
    cors?: FastifyCorsOptions | false
  }
}

export interface Options extends Pick<Settings, 'routes' | 'via' | 'forwarded' | 'requestId'> {
  /** What decides before an exchange, in this order. */
  policies: readonly Policy[]
  /** One line per request. */
  accessLog: boolean
  /** Whether the app is the gateway alone: no routes of others stand among its own, nobody's hooks write to a request's log. */
  isService?: boolean
  /** Milliseconds that a closing service waits for what is in flight; absent: the host decides. */
  shutdownTimeout?: number
}

/** A route, and what decides before its exchanges. */
interface Mount {
  /** `undefined` for what is not forwarded. */
  readonly route: Route | undefined
  /** What the gateway has in place of a target. */
  readonly local?: LocalResponse
  /** Where no route of the prefix takes the request. */
  readonly rejection?: Rejection
  /** One for each of the policies; `undefined` for one that has nothing to decide here. */
  readonly hooks: ReadonlyArray<onRequestHookHandler | undefined>
}

const kMount = Symbol('mount')

/** Has its mount from the first hook on. */
type MountedRequest = FastifyRequest & { [kMount]?: Mount }

/**
 * One wildcard route per upstream; or, where the app is the gateway alone, one for all. The scope that this is
 * registered in parses no body any more.
 */
export default fp(async function gateway (fastify: FastifyInstance, options: Options) {
  const inFlight = new InFlight()
  const { shutdownTimeout } = options
  const upstreams: Upstream[] = []
  const via = options.via === false ? undefined : new Via(options.via)
  const { forwarded } = options
  const requestHeads = new RequestHeads({ forwarded, via })
  const observers = new Observers([inFlight, ...(options.accessLog ? [new AccessLog(fastify.log)] : [])])

  continueInTurn(fastify.server)
  watchArrivals(fastify.server, options.isService === true ? ['/'] : options.routes.map(({ prefix }) => fastify.prefix + prefix))
  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser('*', leaveBodyAlone)
  if (options.accessLog) fastify.addHook('onResponse', logUnforwarded)
  fastify.addHook('onClose', async () => { for (const upstream of upstreams) upstream.close() })
  if (shutdownTimeout !== undefined) fastify.addHook('preClose', () => close(fastify, inFlight, shutdownTimeout))

  // A logger for each request costs as much as everything else that is done here for it. All share one, without ids.
  const sharedLog = fastify.log.child({}, { level: LOG_LEVEL })
  const ownLog = options.isService === true ? { childLoggerFactory: () => sharedLog } : {}

  const passId = options.requestId && exchangeIds(fastify, options.requestId, options.isService === true ? undefined : logOf)

  acceptEveryMethod(fastify)
  const others = METHODS.filter(method => method !== 'CONNECT' && !WITHOUT_PARSER.includes(method))
  const hooks = options.policies.map((_, nth) => hookOfMount(nth))
  const unrouted = mountOf(undefined)
  const unmatched: Mount = { ...unrouted, rejection: { code: 'NOT_FOUND' } }
  const groups = groupByPrefix(options.routes)
  if (options.isService === true) mountTogether()
  else for (const group of groups) mountApart(group)

  /** Fastify's router keeps 3 KiB for each of 34 methods of each prefix, which a thousand routes need not pay. */
  function mountTogether (): void {
    const table = new PrefixTable<Place<Mount>>()
    for (const group of groups) table.add(mountedPrefix(group.prefix), placeOf(group, mountOf))
    mountAt('/*', {}, request => chosen(table.find(splitAbsolute(request.url)?.path ?? request.url) ?? unrouted, request))
  }

  /** Only Fastify's router knows the routes of a host that stand between the prefixes and below them. */
  function mountApart (group: Group<RouteSettings>): void {
    const place = placeOf(group, mountOf)
    for (const url of mountPoints(group.prefix)) mountAt(url, contextConfig(group.routes), request => chosen(place, request))
  }

  /** @param settings of a route; `undefined` for the paths that have none */
  function mountOf (settings: RouteSettings | undefined): Mount {
    const hooks = options.policies.map(policy => policy(settings))
    if (settings === undefined) return { route: undefined, hooks }
    const { target } = settings
    if (target !== undefined) return { route: prepare(settings, target), hooks }
    return { route: undefined, local: localResponse(mountedPrefix(settings.prefix), settings), hooks }
  }

  /** Of the routes of one prefix the one that takes the request, or what rejects it behind the policies. */
  function chosen (place: Place<Mount>, { raw }: FastifyRequest): Mount {
    if (!(place instanceof Choice)) return place
    const mount = place.find(raw)
    if (mount !== undefined) return mount
    const others = place.others(raw)
    if (others === undefined) return unmatched
    return { route: undefined, rejection: { code: 'METHOD_NOT_ALLOWED', allow: others.methods }, hooks: others.first.hooks }
  }

  function mountAt (url: string, config: FastifyContextConfig, find: (request: FastifyRequest) => Mount): void {
    // With Fastify's own two lines a request switched off; what hooks warn of still shows.
    const shared = {
      url,
      exposeHeadRoute: false,
      logLevel: LOG_LEVEL,
      config,
      onRequest: [arrive, ...hooks],
      handler: forward,
      errorHandler,
      ...ownLog
    }
    fastify.route({ ...shared, method: WITHOUT_PARSER })
    fastify.route({ ...shared, method: others, preParsing: tolerateContentType })

    /**
     * Finds the mount, and has the request wait for its turn, before anything is spent on it: else a client with one
     * connection and a few thousand pipelined requests would take all connections of the target.
     */
    function arrive (request: MountedRequest, reply: FastifyReply, done: () => void): void {
      restoreSent(request.raw)
      request[kMount] = find(request)
      if (passId !== undefined) passId(request, reply)
      if (reply.raw.socket !== null) done()
      else whenTurnComes(reply.raw, done, () => abandon(request, reply))
    }
  }

  /** The client left before the turn of its request came. */
  function abandon (request: MountedRequest, reply: FastifyReply): void {
    const route = request[kMount]?.route
    if (route === undefined) {
      giveUp(request, reply)
      return
    }
    reply.hijack()
    inFlight.begun()
    new Exchange(route, request, reply).ended()
  }

  function forward (request: MountedRequest, reply: FastifyReply): void {
    const mount = request[kMount]
    const route = mount?.route
    if (route === undefined) {
      respondUnforwarded(mount, request, reply)
      return
    }
    if (inFlight.isClosing) {
      reply.send(new GatewayError('SERVICE_UNAVAILABLE', 'The gateway is shutting down'))
      return
    }
    inFlight.begun()
    const exchange = new Exchange(route, request, reply)
    if (exchange.isClientGone) {
      // Nobody can be asked for its address any more.
      exchange.ended()
      return
    }
    const absolute = splitAbsolute(request.url)
    exchange.start(clientOf(request, absolute), absolute?.path ?? request.url)
  }

  /** The root of a prefix that the host has given is that prefix: `/v1`, not `/v1/`. */
  function mountedPrefix (prefix: string): string {
    return prefix === '/' && fastify.prefix !== '' ? fastify.prefix : fastify.prefix + prefix
  }

  function prepare (settings: RouteSettings, target: NonNullable<RouteSettings['target']>): Route {
    const mounted = mountedPrefix(settings.prefix)
    const upstream = new Upstream(new Target({ ...target, ...hostFieldOf(settings) }))
    upstreams.push(upstream)
    return {
      prefix: mounted,
      upstream,
      preservesHost: settings.host === 'preserve',
      rewrite: rewriteOf(mounted, settings),
      timeout: settings.timeout,
      upgradeTimeout: settings.upgradeTimeout,
      origins: settings.cors ? compileOrigins(settings.cors.origin) : undefined,
      maxBodySize: settings.maxBodySize,
      bodyRate: requestRate(settings),
      responseRate: responseRate(settings),
      bodyBuffer: settings.bodyBuffer === 0 ? undefined : new BodyBuffer(settings.bodyBuffer),
      concurrency: new Concurrency(settings.maxConcurrentPerConnection, settings.maxConcurrentPerClient),
      via,
      ...headsOf(settings, mounted),
      observers
    }
  }

  /** Routes that change nothing of a request's head share what makes it. */
  function headsOf (settings: RouteSettings, prefix: string): Pick<Route, 'requestHeads' | 'responseHeads'> {
    const { headers: { request, response }, cookies } = settings
    const rules = response && new HeaderRules(response, prefix)
    return {
      requestHeads: request === undefined ? requestHeads : new RequestHeads({ forwarded, via, rules: new HeaderRules(request, prefix) }),
      responseHeads: new ResponseHeads({
        cors: Boolean(settings.cors),
        rateLimit: Boolean(settings.rateLimit),
        via,
        rules,
        security: settings.securityHeaders ? new SecurityHeaders(rules?.replaced ?? []) : undefined,
        location: settings.rewriteLocation ? locationOf(settings, prefix) : undefined,
        cookies: cookies && new CookieRewrite(cookies)
      })
    }
  }

  /** As Fastify makes it. */
  function logOf ({ id, raw }: FastifyRequest): FastifyBaseLogger {
    return fastify.childLoggerFactory(fastify.log, { [fastify.initialConfig.requestIdLogLabel ?? 'reqId']: id }, { level: LOG_LEVEL }, raw)
  }

  /** A hook that wants the address of a client that is gone fails; it is nobody's fault, and there is nobody to tell. */
  function errorHandler (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
    if (exchangeOf(reply.raw) !== undefined || !isGone(request.raw)) {
      respondToError(error, request, reply)
      return
    }
    giveUp(request, reply)
  }

  /** Nobody is there any more to get a response. */
  function giveUp (request: FastifyRequest, reply: FastifyReply): void {
    reply.hijack()
    const { id, raw: { method, url } } = request
    if (options.accessLog) logLocal(fastify.log, { reqId: id, method, url }, CLIENT_CLOSED_REQUEST, reply.elapsedTime)
  }

  /**
   * An exchange writes its own line, also when it is broken off: this hook only sees responses that were finished, and
   * under HTTP/2 streams that were reset before there was one.
   */
  function logUnforwarded (request: FastifyRequest, reply: FastifyReply, done: () => void): void {
    if (reply.raw.headersSent && exchangeOf(reply.raw) === undefined) {
      const { id, raw: { method, url } } = request
      logLocal(fastify.log, { reqId: id, method, url, ...responderOf(request) }, reply.statusCode, reply.elapsedTime)
    }
    done()
  }
}, { name: 'stream-gateway', fastify: '5.x' })

/** The name that the target gets as Host, where it is another than its own. */
function hostFieldOf ({ host }: RouteSettings): { hostField?: string } {
  return host === 'target' || host === 'preserve' ? {} : { hostField: host }
}

function rewriteOf (mounted: string, { stripPrefix, pathRewrite, encodedCharacters }: RouteSettings): Rewrite {
  const allowsEncoded = encodedCharacters === 'allow'
  return stripPrefix ? compileStrip(mounted, allowsEncoded) : compileRewrite(mounted, pathRewrite, compileReplacement, allowsEncoded)
}

/** Runs what one of the policies has made of the route that was found. */
function hookOfMount (nth: number): onRequestHookHandler {
  return function (request: MountedRequest, reply, done) {
    const hook = request[kMount]?.hooks[nth]
    if (hook === undefined) done()
    // Fastify waits for a promise as well.
    else return hook.call(this, request, reply, done)
  }
}

/** Without a rate the clock of the connection counts; where bodies are collected there is none yet. */
function requestRate ({ requestTimeout, timeout, minBodyRate, bodyBuffer }: RouteSettings): BodyRate {
  return minBodyRate === 0 && bodyBuffer > 0 ? new BodyRate(timeout, 1000 / timeout) : new BodyRate(requestTimeout, minBodyRate)
}

/** `undefined` where the rewrite of the path cannot be undone. */
function locationOf ({ target, host, stripPrefix, pathRewrite }: RouteSettings, prefix: string): LocationRewrite | undefined {
  const from = stripPrefix ? '' : upstreamPrefix(prefix, pathRewrite)
  if (target === undefined || from === undefined) return undefined
  const basePath = 'basePath' in target ? target.basePath ?? '' : ''
  return compileLocation({ from: basePath + from, to: prefix, authorities: [authorityOf(target), ...namesOf(target, host)] })
}

/** By which else the service knows itself: what it is asked for. */
function namesOf (target: object, host: RouteSettings['host']): string[] {
  if (host === 'target' || host === 'preserve') return []
  const name = host.toLowerCase()
  const isSecure = 'protocol' in target && target.protocol === 'https'
  return [/:\d+$/.test(name) ? name : `${name}:${isSecure ? 443 : 80}`]
}

/** Without a rate a client must read something at least within `timeout`, or its exchange would never end. */
function responseRate ({ requestTimeout, timeout, minResponseRate }: RouteSettings): BodyRate {
  return minResponseRate === 0 ? new BodyRate(timeout, 1000 / timeout) : new BodyRate(Math.min(requestTimeout, timeout), minResponseRate)
}

/** Of what hooks and Fastify write about a request. */
const LOG_LEVEL = 'warn' as const

/** Methods under which Fastify never looks at Content-Type. */
const WITHOUT_PARSER = ['GET', 'HEAD']

/** The prefix itself and what is below it: `/api/auth` and `/api/auth/x`, not `/api/authx`. */
function mountPoints (prefix: string): string[] {
  return prefix === '/' ? ['/*'] : [prefix, `${prefix}/*`]
}

/** Node parses more methods than Fastify knows. `hasBody: false` only means that Fastify leaves the body alone. */
function acceptEveryMethod (fastify: FastifyInstance): void {
  for (const method of METHODS) {
    if (method !== 'CONNECT' && !fastify.supportedMethods.includes(method)) fastify.addHttpMethod(method, { hasBody: false })
  }
}

/** Read by a host's @fastify/cors and @fastify/rate-limit; the gateway's own policies are hooks of the route. */
function contextConfig (routes: Group<RouteSettings>['routes']): FastifyContextConfig {
  const config: FastifyContextConfig = {}
  const [{ cors }] = routes
  if (!haveOneCors(routes)) config.cors = false
  else if (cors !== undefined) config.cors = cors && corsOptions(cors)
  if (routes.some(({ rateLimit }) => rateLimit !== undefined)) config.rateLimit = false
  return config
}

/** The parser for every content type: the body stays in `request.raw`. */
function leaveBodyAlone (_request: FastifyRequest, _payload: unknown, done: (error: null) => void): void {
  done(null)
}

/**
 * Fastify responds with 415 to a Content-Type that is not well formed before any parser is asked. What the type is worth
 * is for the upstream to say, which gets the field from `rawHeaders`. Only a QUERY without a type is still rejected,
 * as RFC 10008 section 2 demands of every server.
 */
function tolerateContentType (request: FastifyRequest, _reply: FastifyReply, _payload: unknown, done: () => void): void {
  const { headers } = request.raw
  if (headers['content-type'] !== undefined && request.mediaType === undefined) delete headers['content-type']
  done()
}

function respondToError (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  // An exchange has validated its request itself.
  const malformed = exchangeOf(reply.raw) === undefined ? rejectMalformed(request.raw, reply) : undefined
  const known = malformed ?? error
  // Not the gateway's: thrown on to the error handler of the host.
  if (!(known instanceof GatewayError)) throw known
  reply.code(known.statusCode).send(errorBody(known.code, known.message, request.id))
}

/** Milliseconds that a client has at the end to take the last of its response. */
const LAST_MOMENT = 1_000

/** Stops accepting, lets what is in flight end, and breaks off what does not, and the connections that ask for nothing. */
async function close ({ server, log }: FastifyInstance, inFlight: InFlight, timeout: number): Promise<void> {
  const closed = new Promise<unknown>(resolve => { server.close(resolve) })
  log.info('shutting down: nothing new is accepted')
  const left = await inFlight.finish(timeout)
  if (left > 0) {
    log.warn({ exchanges: left, timeout }, 'shutting down: broken off')
  } else {
    server.closeIdleConnections()
    await Promise.race([closed, setTimeout(LAST_MOMENT, undefined, { ref: false })])
  }
  server.closeAllConnections()
}
