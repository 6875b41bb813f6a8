import { METHODS } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import type { FastifyContextConfig, FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { FastifyCorsOptions } from '@fastify/cors'
import { logAnswered, logExchange } from '../src/observe/access-log.js'
import type { RouteSettings, Settings } from '../src/config/index.js'
import { Drain } from '../src/server/in-flight.js'
import { keepFreedMemory } from '../src/node/freed-memory.js'
import { refusalOfMalformed } from '../src/server/malformed.js'
import { Exchange, exchangeOf } from '../src/proxy/exchange.js'
import { errorBody, GatewayError } from '../src/proxy/errors.js'
import { AnswerHeads, RequestHeads } from '../src/proxy/heads.js'
import type { Client } from '../src/proxy/heads.js'
import { Pace } from '../src/proxy/body-rate.js'
import { compileRewrite } from '../src/proxy/path.js'
import type { Route, Settled } from '../src/proxy/route.js'
import { continueInTurn } from '../src/proxy/turn.js'
import { Via } from '../src/proxy/via.js'
import { Target } from '../src/upstream/target.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The prefix of the gateway's route, as routes.json has it. */
    gatewayPrefix?: string
    /** The policy of the route, for @fastify/cors. */
    cors?: FastifyCorsOptions | false
  }
}

export interface Options extends Pick<Settings, 'routes' | 'via' | 'forwarded'> {
  /** One line per request. */
  accessLog: boolean
  /** Whether nobody's hooks write to a request's own log: all requests then share one, without their ids. */
  sharesLog?: boolean
  /** Milliseconds that a closing service waits for what is in flight; absent: the host decides. */
  shutdownTimeout?: number
}

/**
 * One wildcard route per upstream. The scope that this is registered in parses no body any more.
 */
export default fp(async function gateway (fastify: FastifyInstance, options: Options) {
  const drain = new Drain()
  const { shutdownTimeout } = options
  const via = options.via === false ? undefined : new Via(options.via)

  keepFreedMemory()
  continueInTurn(fastify.server)
  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser('*', leaveBodyAlone)
  if (options.accessLog) fastify.addHook('onResponse', logUnforwarded)
  if (shutdownTimeout !== undefined) fastify.addHook('preClose', () => close(fastify, drain, shutdownTimeout))

  // A logger for each request costs as much as everything else that is done here for it.
  const sharedLog = fastify.log.child({}, { level: LOG_LEVEL })
  const ownLog = options.sharesLog === true ? { childLoggerFactory: () => sharedLog } : {}

  acceptEveryMethod(fastify)
  const others = METHODS.filter(method => method !== 'CONNECT' && !WITHOUT_PARSER.includes(method))
  for (const settings of options.routes) mount(settings)

  function mount (settings: RouteSettings): void {
    const route = prepare(settings)
    fastify.addHook('onClose', async () => route.target.connections.close())
    // With Fastify's own two lines a request switched off; what hooks warn of still shows.
    const shared = {
      exposeHeadRoute: false, logLevel: LOG_LEVEL, config: contextConfig(settings), handler, errorHandler: answerError, ...ownLog
    }
    for (const url of mountPoints(settings.prefix)) {
      fastify.route({ ...shared, url, method: WITHOUT_PARSER })
      fastify.route({ ...shared, url, method: others, preParsing: tolerateContentType })
    }

    function handler (request: FastifyRequest, reply: FastifyReply): void {
      if (drain.draining) {
        reply.send(new GatewayError('SERVICE_UNAVAILABLE', 'The gateway is shutting down'))
        return
      }
      drain.enter()
      new Exchange(route, request, reply).start(clientOf(request))
    }
  }

  function prepare (settings: RouteSettings): Route {
    // The root of a prefix that the host has given is that prefix: `/v1`, not `/v1/`.
    const mounted = settings.prefix === '/' && fastify.prefix !== '' ? fastify.prefix : fastify.prefix + settings.prefix
    const target = new Target(settings.target)
    return {
      prefix: mounted,
      target,
      rewrite: compileRewrite(mounted, settings.pathRewrite),
      timeout: settings.timeout,
      upgradeTimeout: settings.upgradeTimeout,
      origins: settings.cors ? settings.cors.origin : undefined,
      maxBodySize: settings.maxBodySize,
      pace: new Pace(settings.requestTimeout, settings.minBodyRate),
      via,
      requestHeads: new RequestHeads({ hostField: target.hostField, forwarded: options.forwarded, via }),
      answerHeads: new AnswerHeads({ cors: Boolean(settings.cors), rateLimit: Boolean(settings.rateLimit), via }),
      onSettled
    }
  }

  function onSettled (exchange: Settled): void {
    drain.leave()
    if (options.accessLog) logExchange(fastify.log, exchange)
  }

  /**
   * An exchange writes its own line, also when it is broken off: this hook only sees answers that were finished, and
   * under HTTP/2 streams that were reset before there was one.
   */
  function logUnforwarded (request: FastifyRequest, reply: FastifyReply, done: () => void): void {
    if (reply.raw.headersSent && exchangeOf(reply.raw) === undefined) logAnswered(fastify.log, request.id, request.raw, reply.statusCode, reply.elapsedTime)
    done()
  }
}, { name: 'stream-gateway', fastify: '5.x' })

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

/** Read by @fastify/cors and @fastify/rate-limit, a host's as well; the gateway's own limits are hooks of the route. */
function contextConfig ({ prefix, cors, rateLimit }: RouteSettings): FastifyContextConfig {
  const config: FastifyContextConfig = { gatewayPrefix: prefix }
  if (cors !== undefined) config.cors = cors
  if (rateLimit !== undefined) config.rateLimit = false
  return config
}

/** The parser for every content type: the body stays in `request.raw`. */
function leaveBodyAlone (_request: FastifyRequest, _payload: unknown, done: (error: null) => void): void {
  done(null)
}

/**
 * Fastify answers 415 to a Content-Type that is not well formed before any parser is asked. What the type is worth
 * is for the service to say, which gets the field from `rawHeaders`. Only a QUERY without a type is still refused,
 * as RFC 10008 section 2 demands of every server.
 */
function tolerateContentType (request: FastifyRequest, _reply: FastifyReply, _payload: unknown, done: () => void): void {
  const { headers } = request.raw
  if (headers['content-type'] !== undefined && request.mediaType === undefined) delete headers['content-type']
  done()
}

function clientOf (request: FastifyRequest): Client {
  const { headers, socket } = request.raw
  const peer = socket.remoteAddress ?? ''
  const { ips } = request
  // With `trustProxy` Fastify lists the peer and, behind it, what it said, as far as it is trusted.
  const trusted = ips !== undefined && ips.length > 1
  return {
    forwardedFor: trusted ? `${headers['x-forwarded-for']}, ${peer}` : peer,
    peer,
    ip: request.ip,
    protocol: request.protocol,
    host: request.host,
    trusted
  }
}

function answerError (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  // An exchange has judged its request itself.
  const malformed = exchangeOf(reply.raw) === undefined ? refusalOfMalformed(request.raw, reply) : undefined
  const answer = malformed ?? error
  // Not the gateway's: thrown on to the error handler of the host.
  if (!(answer instanceof GatewayError)) throw answer
  reply.code(answer.statusCode).send(errorBody(answer.code, answer.message, request.id))
}

/** Milliseconds that a client has at the end to take the last of its answer. */
const LAST_MOMENT = 1_000

/** Stops accepting, lets what is in flight end, and breaks off what does not, and the connections that ask for nothing. */
async function close ({ server, log }: FastifyInstance, drain: Drain, timeout: number): Promise<void> {
  const closed = new Promise<unknown>(resolve => { server.close(resolve) })
  log.info('shutting down: nothing new is accepted')
  const left = await drain.finish(timeout)
  if (left > 0) {
    log.warn({ exchanges: left, timeout }, 'shutting down: broken off')
  } else {
    server.closeIdleConnections()
    await Promise.race([closed, setTimeout(LAST_MOMENT, undefined, { ref: false })])
  }
  server.closeAllConnections()
}
