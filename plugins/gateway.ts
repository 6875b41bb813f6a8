import type {
  FastifyBaseLogger, FastifyContextConfig, FastifyError, FastifyInstance, FastifyReply, FastifyRequest, FastifySchema,
  onRequestHookHandler
} from 'fastify'
import fp from 'fastify-plugin'
import type { AccessLogSettings, RouteSettings, Settings } from '../src/config/index.js'
import { whenTurnComes } from '../src/node/pipeline.js'
import { AccessLog, CLIENT_CLOSED_REQUEST, localOutcome, logLocal } from '../src/observe/access-log.js'
import type { Tally } from '../src/observe/tally.js'
import { isGone, releaseGone } from '../src/proxy/client-protocol.js'
import { groupByPrefix } from '../src/proxy/choice.js'
import type { Group, Place } from '../src/proxy/choice.js'
import { errorBody, GatewayError } from '../src/proxy/errors.js'
import type { Rejecter } from '../src/proxy/errors.js'
import { ExchangeHooks } from '../src/proxy/exchange-hooks.js'
import type { HooksOfRoute } from '../src/proxy/exchange-hooks.js'
import { Exchange, exchangeOf } from '../src/proxy/exchange.js'
import type { Observer } from '../src/proxy/observers.js'
import { splitAbsolute } from '../src/proxy/path.js'
import { PrefixTable } from '../src/proxy/prefix-table.js'
import { acceptEveryMethod, leaveBodyAlone, OTHER_METHODS, tolerateContentType, WITHOUT_PARSER } from '../src/server/any-request.js'
import { headerChanges, noteHeaders } from '../src/server/arrived-headers.js'
import { restoreSent, watchArrivals } from '../src/server/arrival.js'
import { accessLinesOf } from '../src/server/access-lines.js'
import { addressIn, clientOf } from '../src/server/client.js'
import { continueInTurn, goOn, holdBody } from '../src/server/continue.js'
import { closeServer } from '../src/server/close.js'
import { contextConfig } from '../src/server/context-config.js'
import { gatewayOf } from '../src/server/gateway.js'
import type { GivenRoute } from '../src/server/hooks.js'
import { HostHooks, own, runOnSend } from '../src/server/host-hooks.js'
import { warnOfBodyLimit } from '../src/server/body-limit.js'
import { InFlight } from '../src/server/in-flight.js'
import { responderOf, respondUnforwarded } from '../src/server/unforwarded.js'
import { rejectMalformed } from '../src/server/malformed.js'
import { Mounts } from '../src/server/mounts.js'
import type { Mount } from '../src/server/mounts.js'
import type { Policy } from '../src/server/policy.js'
import { RouteFactory } from '../src/server/route-factory.js'
import { Upstreams } from '../src/server/upstreams.js'
import { exchangeIds } from '../src/server/request-ids.js'
import { sharedLog, withoutFastifysLines } from '../src/server/request-log.js'

export interface Options extends Pick<Settings, 'routes' | 'upstreams' | 'via' | 'forwarded' | 'requestId'> {
  /** What decides before an exchange, in this order. */
  policies: readonly Policy[]
  /** Who else is told of exchanges. */
  observers: readonly Observer[]
  /** One line per request, and how. */
  accessLog: AccessLogSettings
  /** Whether the app is the gateway alone: no routes of others stand among its own, nobody's hooks write to a request's log. */
  isService?: boolean
  /** Milliseconds that a closing service waits for what is in flight; absent: the host decides. */
  shutdownTimeout?: number
  /** What a program gave for each of the routes; absent for the service. */
  given?: readonly GivenRoute[]
  /** Who counts what becomes of requests; absent: nobody does. */
  counts?: Counts
}

export interface Counts {
  readonly tally: Tally
  /** Also wants to know how it stands with these. */
  watch (upstreams: Upstreams): void
}

const kMount = Symbol('mount')
const kRejecter = Symbol('rejecter')

/** Has its mount from the first hook on. */
type MountedRequest = FastifyRequest & { [kMount]?: Mount, [kRejecter]?: Rejecter | undefined }

/**
 * One wildcard route per upstream; or, where the app is the gateway alone, one for all. The scope that this is
 * registered in parses no body any more.
 */
export default fp(async function gateway (fastify: FastifyInstance, options: Options) {
  const inFlight = new InFlight()
  const { shutdownTimeout } = options
  const hosts = new HostHooks()
  const host = gatewayOf(fastify)
  const lines = await accessLinesOf(fastify, options.accessLog, options.isService === true)
  const upstreams = new Upstreams(options.upstreams, fastify.log, change => host.tell(change, fastify.log))
  const tally = options.counts?.tally
  const routes = new RouteFactory(options, [inFlight, ...options.observers, ...(lines === undefined ? [] : [new AccessLog(lines)])])
  const mounts = new Mounts({ ...options, mountedPrefix, ...(tally && { tally }) }, upstreams, routes)
  options.counts?.watch(upstreams)

  continueInTurn(fastify.server)
  watchArrivals(fastify.server, options.isService === true ? ['/'] : options.routes.map(({ prefix }) => fastify.prefix + prefix))
  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser('*', leaveBodyAlone)
  if (lines !== undefined || tally !== undefined) fastify.addHook('onResponse', unforwardedEnded)
  fastify.addHook('onReady', async () => await upstreams.start())
  fastify.addHook('onClose', async () => upstreams.close())
  if (shutdownTimeout !== undefined) fastify.addHook('preClose', () => closeServer(fastify, inFlight, shutdownTimeout))

  const ownLog = options.isService === true ? sharedLog(fastify, holdBody) : { childLoggerFactory: beginRequest }
  if (options.isService !== true) watchHost()
  host.add({ routes: mounts.registered, inFlight, upstreams })

  const passId = options.requestId && exchangeIds(fastify, options.requestId, options.isService === true ? undefined : logOf)

  acceptEveryMethod(fastify)
  const hooks = options.policies.map((_, nth) => own(hookOfMount(nth)))
  const groups = groupByPrefix(options.routes)
  if (options.isService === true) mountTogether()
  else for (const group of groups) mountApart(group)

  /** Fastify's router keeps 3 KiB for each of 34 methods of each prefix, which a thousand routes need not pay. */
  function mountTogether (): void {
    const table = new PrefixTable<Place<Mount>>()
    for (const group of groups) table.add(mountedPrefix(group.prefix), mounts.placeOf(group))
    mountAt('/*', {}, request => mounts.find(table.find(splitAbsolute(request.url)?.path ?? request.url) ?? mounts.unrouted, request))
  }

  /** Only Fastify's router knows the routes of a host that stand between the prefixes and below them. */
  function mountApart (group: Group<RouteSettings>): void {
    const place = mounts.placeOf(group)
    for (const url of mountPoints(group.prefix)) mountAt(url, contextConfig(group.routes), request => mounts.find(place, request))
  }

  function mountAt (url: string, config: FastifyContextConfig, find: (request: FastifyRequest) => Mount): void {
    const shared = {
      url,
      exposeHeadRoute: false,
      // Of @fastify/swagger: what the services behind take is not for the host's documentation to say.
      schema: HIDDEN,
      config,
      // A host's hooks behind these may read the body.
      onRequest: [own(arrive), ...hooks, ...(options.isService === true ? [] : [own(letGoOn)])],
      handler: forward,
      errorHandler,
      ...ownLog
    }
    fastify.route({ ...shared, method: WITHOUT_PARSER })
    fastify.route({ ...shared, method: OTHER_METHODS, preParsing: own(tolerateContentType) })

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
      // Node tells a response nothing that never had its connection.
      reply.raw.emit('close')
      return
    }
    reply.hijack()
    new Exchange(route, request, reply, hooksFor(request, reply)).ended()
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
    const changes = headerChanges(request)
    const exchange = new Exchange(route, request, reply, hooksFor(request, reply))
    if (exchange.isClientGone) {
      // Nobody can be asked for its address any more.
      exchange.ended()
      return
    }
    const absolute = splitAbsolute(request.url)
    exchange.start(clientOf(request, absolute), absolute?.path ?? request.url, changes)
    if (exchange.outcome === undefined) goOn(request.raw)
  }

  function hooksFor (request: MountedRequest, reply: FastifyReply): ExchangeHooks<FastifyRequest> | undefined {
    const calls = request[kMount]?.calls
    const { onSend } = hosts
    if (calls === undefined && onSend === undefined) return undefined
    const beforeHead = onSend && ((status: number) => runOnSend(onSend, fastify, request, reply, status))
    return new ExchangeHooks(calls ?? NO_HOOKS, request, request.log, beforeHead)
  }

  /** What an app has beside the gateway is known when all of it is registered. */
  function watchHost (): void {
    fastify.addHook('onRoute', route => hosts.addRoute(route))
    fastify.addHook('onReady', async () => {
      hosts.addScope(fastify)
      warnOfBodyLimit(fastify, options.routes)
    })
  }

  /** The first that Fastify calls for a request. */
  function beginRequest (...[log, bindings, more, request]: Parameters<FastifyInstance['childLoggerFactory']>): FastifyBaseLogger {
    holdBody(request)
    if (hosts.changeRequests) noteHeaders(request)
    return withoutFastifysLines(fastify.childLoggerFactory(log, bindings, more, request), log)
  }

  /** The root of a prefix that the host has given is that prefix: `/v1`, not `/v1/`. */
  function mountedPrefix (prefix: string): string {
    return prefix === '/' && fastify.prefix !== '' ? fastify.prefix : fastify.prefix + prefix
  }

  /** The log of a request that has another id now. */
  function logOf ({ id, raw }: FastifyRequest): FastifyBaseLogger {
    const label = fastify.initialConfig.requestIdLogLabel ?? 'reqId'
    return withoutFastifysLines(fastify.childLoggerFactory(fastify.log, { [label]: id }, {}, raw), fastify.log)
  }

  /** A hook that wants the address of a client that is gone fails; it is nobody's fault, and there is nobody to tell. */
  function errorHandler (error: FastifyError, request: MountedRequest, reply: FastifyReply): void {
    if (error instanceof GatewayError) request[kRejecter] = error.rejecter
    if (exchangeOf(reply.raw) !== undefined || !isGone(request.raw)) {
      respondToError(error, request, reply)
      return
    }
    giveUp(request, reply)
  }

  /** Nobody is there any more to get a response. */
  function giveUp (request: MountedRequest, reply: FastifyReply): void {
    reply.hijack()
    endedLocally(request, CLIENT_CLOSED_REQUEST, reply.elapsedTime)
    releaseGone(request.raw)
  }

  /**
   * An exchange writes its own line, also when it is broken off: this hook only sees responses that were finished, and
   * under HTTP/2 streams that were reset before there was one.
   */
  function unforwardedEnded (request: FastifyRequest, reply: FastifyReply, done: () => void): void {
    if (reply.raw.headersSent && exchangeOf(reply.raw) === undefined && request.routeOptions.config.accessLog !== false) {
      endedLocally(request, reply.statusCode, reply.elapsedTime)
    }
    done()
  }

  function endedLocally (request: MountedRequest, status: number, duration: number): void {
    const { id, method, raw } = request
    const responder = responderOf(request)
    if (lines !== undefined) logLocal(lines, { reqId: id, ...addressIn(request), method, url: raw.url, ...responder }, status, duration, raw)
    const counted = request[kMount]?.tally ?? tally?.unrouted
    counted?.endedLocally({ method, status, duration, outcome: responder === undefined ? localOutcome(status) : 'completed', rejecter: request[kRejecter] })
  }
}, { name: 'stream-gateway', fastify: '5.x' })

/** Runs what one of the policies has made of the route that was found. */
function hookOfMount (nth: number): onRequestHookHandler {
  return function (request: MountedRequest, reply, done) {
    const hook = request[kMount]?.hooks[nth]
    if (hook === undefined) done()
    // Fastify waits for a promise as well.
    else return hook.call(this, request, reply, done)
  }
}

function letGoOn (request: FastifyRequest, _reply: FastifyReply, done: () => void): void {
  goOn(request.raw)
  done()
}

/** Where the hooks of the host are all there is. */
const NO_HOOKS: HooksOfRoute<FastifyRequest> = {
  hooks: {},
  allowsEncoded: false,
  /* c8 ignore next -- that which asks for it is one of the hooks that are not there */
  upstreamFor () { throw new TypeError('there is nothing to choose') }
}

/** A key of @fastify/swagger, whose types know it alone. */
const HIDDEN: FastifySchema & { hide: true } = { hide: true }

/** The prefix itself and what is below it: `/api/auth` and `/api/auth/x`, not `/api/authx`. */
function mountPoints (prefix: string): string[] {
  return prefix === '/' ? ['/*'] : [prefix, `${prefix}/*`]
}

function respondToError (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  // An exchange has validated its request itself.
  const malformed = exchangeOf(reply.raw) === undefined ? rejectMalformed(request.raw, reply) : undefined
  const known = malformed ?? error
  // Not the gateway's: thrown on to the error handler of the host.
  if (!(known instanceof GatewayError)) throw known
  reply.code(known.statusCode).send(errorBody(known.code, known.message, request.id))
}
