import type { onRequestAsyncHookHandler, onRequestHookHandler } from 'fastify'
import type { RouteSettings } from '../config/index.js'

/**
 * What decides before an exchange: makes the hook of one route, at start; `undefined` where the route has none. The
 * order in which a request meets them is that of their list in `registerGateway`.
 *
 * @param route `undefined` for the paths of a service that have none
 */
export type Policy = (route: RouteSettings | undefined) => onRequestHookHandler | undefined

/** One that counts requests. */
export type CountingPolicy = (route: RouteSettings | undefined) => onRequestAsyncHookHandler | undefined
