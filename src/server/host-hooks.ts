import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import { isPromise } from '../proxy/steps.js'

/*
 * What hooks an app has. Fastify keeps them under a symbol, `fastify.hooks`, as lists by their names, and documents
 * nowhere how to read them; each scope has its own lists, with those of the scopes around it.
 */

/** A hook, without what it is given. */
type Hook = (...args: never[]) => unknown

/** As Fastify calls it. */
type OnSendHook = (this: FastifyInstance, request: FastifyRequest, reply: FastifyReply, payload: null, done: (error?: unknown) => void) => unknown

/** Those that run before a request is forwarded, and may change it. */
const BEFORE = ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const

const ours = new WeakSet<Hook>()

/** Marks a hook as the gateway's. */
export function own<One extends Hook> (hook: One): One {
  ours.add(hook)
  return hook
}

/** The hooks of the host that a gateway's routes have beside its own. */
export class HostHooks {
  /** Whether any of them may change a request. */
  changeRequests = false
  /** `undefined` where there are none. */
  onSend: OnSendHook[] | undefined

  /** Adds those of a scope, when all have been registered. */
  addScope (fastify: FastifyInstance): void {
    const lists = listsOf(fastify)
    this.#add(name => Reflect.get(lists, name))
  }

  /** Adds what a host's `onRoute` has given to one of the gateway's routes. */
  addRoute (route: RouteOptions): void {
    this.#add(name => route[name])
  }

  #add (listOf: (name: typeof BEFORE[number] | 'onSend') => unknown): void {
    this.changeRequests ||= BEFORE.some(name => foreign(listOf(name)).length > 0)
    const onSend = foreign(listOf('onSend'))
    if (onSend.length > 0) this.onSend = [...this.onSend ?? [], ...onSend]
  }
}

/** @param hooks one, a list, or none */
function foreign (hooks: unknown): OnSendHook[] {
  return [hooks].flat().filter(isHook).filter(hook => !ours.has(hook))
}

/** What else they are, is checked by Fastify. */
function isHook (value: unknown): value is OnSendHook {
  return typeof value === 'function'
}

/** @throws on a Fastify that keeps them elsewhere */
function listsOf (fastify: FastifyInstance): object {
  const key = Object.getOwnPropertySymbols(fastify).find(({ description }) => description === 'fastify.hooks')
  const lists: unknown = key === undefined ? undefined : Reflect.get(fastify, key)
  if (typeof lists !== 'object' || lists === null) throw new TypeError('this Fastify keeps no hooks under fastify.hooks')
  return lists
}

/**
 * What has to be waited for, hook by hook. They get a payload of null, as for a response without a body: the service's
 * goes past them, its status does not.
 */
export function * runOnSend (hooks: readonly OnSendHook[], fastify: FastifyInstance, request: FastifyRequest, reply: FastifyReply, status: number): Iterable<unknown> {
  reply.raw.statusCode = status
  for (const hook of hooks) yield call(hook, fastify, request, reply)
}

/** @returns a promise only where the hook is not done at once */
function call (hook: OnSendHook, fastify: FastifyInstance, request: FastifyRequest, reply: FastifyReply): unknown {
  let ended: { error: unknown } | undefined
  let end = (error: unknown): void => { ended = { error } }
  const returned = hook.call(fastify, request, reply, null, error => end(error))
  if (isPromise(returned)) return returned
  if (ended === undefined) return new Promise<void>((resolve, reject) => { end = error => error == null ? resolve() : reject(error) })
  if (ended.error != null) throw ended.error
  return undefined
}
