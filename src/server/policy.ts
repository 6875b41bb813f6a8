import type { onRequestHookHandler } from 'fastify'
import type { RouteSettings } from '../config/index.js'

/**
 * What decides before an exchange: makes the hook of one route, at start; `undefined` where the route has none. The
 * order in which a request meets them is that of their list in `registerGateway`.
 */
export type Policy = (route: RouteSettings) => onRequestHookHandler | undefined
