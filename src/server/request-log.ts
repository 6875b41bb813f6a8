import type { IncomingMessage } from 'node:http'
import type { FastifyBaseLogger, FastifyInstance, RouteShorthandOptions } from 'fastify'

const kInfo = Symbol('info')

type Quiet = FastifyBaseLogger & { [kInfo]: FastifyBaseLogger['info'] }

/** Of what is written about a request of the service, where no hooks are anybody's. */
const LEVEL = 'warn'

/**
 * A logger for each request costs as much as everything else that is done here for it. All share one, without ids.
 *
 * @param began told of each request, before anything else
 */
export function sharedLog ({ log }: FastifyInstance, began: (request: IncomingMessage) => void): Pick<RouteShorthandOptions, 'logLevel' | 'childLoggerFactory'> {
  const shared = log.child({}, { level: LEVEL })
  return {
    logLevel: LEVEL,
    childLoggerFactory: (_log, _bindings, _more, request) => {
      began(request)
      return shared
    }
  }
}

/**
 * The log of a request without the two lines that Fastify writes about each, in whose place the gateway has one of its
 * own. What hooks write shows, at the level of their host.
 */
export function withoutFastifysLines (log: FastifyBaseLogger, parent: FastifyBaseLogger): FastifyBaseLogger {
  // A logger that has no children, as that of an app without a log, is everybody's.
  if (log === parent) return log
  return Object.assign(log, { [kInfo]: log.info, info })
}

/** One for all: loggers that are made of a request's own have it, too. */
function info (this: Quiet, ...line: Parameters<FastifyBaseLogger['info']>): void {
  const [what, message]: unknown[] = line
  if (!isFastifys(what, message)) this[kInfo](...line)
}

function isFastifys (what: unknown, message: unknown): boolean {
  if (message !== 'incoming request' && message !== 'request completed') return false
  return typeof what === 'object' && what !== null && ('req' in what || 'res' in what)
}
