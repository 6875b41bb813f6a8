import type { FastifyRequest } from 'fastify'
import { ConfigError } from '../config/index.js'
import type { GatewayConfig } from '../config/index.js'
import { HOOK_NAMES } from '../proxy/hooks.js'
import type { Hooks } from '../proxy/hooks.js'

/** What a program may decide of each exchange; see docs/hooks.md. */
export type GatewayHooks = Hooks<FastifyRequest>

/** A route as the plugin takes it: what routes.json says of one, and the hooks of a program beside it. */
export type RouteOptions = GatewayConfig['routes'][number] & GatewayHooks

/** What a program has given for a route, beside what was made of it. */
export interface GivenRoute {
  readonly options: RouteOptions
  /** Its own, and those for all that it has none of its own for; `undefined` where there are none. */
  readonly hooks: GatewayHooks | undefined
}

/** Options that have been taken apart. */
export interface SplitOptions {
  /** What routes.json could say. */
  readonly config: unknown
  /** In the order of the routes. */
  readonly hooks: ReadonlyArray<GatewayHooks | undefined>
}

/**
 * Takes the functions out of a program's options: what is left has the form of routes.json, which knows none.
 *
 * @param source what is read, for an error
 * @throws ConfigError where a hook is no function
 */
export function splitHooks (options: object, source: string): SplitOptions {
  const mistakes: ConfigError['mistakes'] = []
  const { hooks: forAll, rest } = split(options, '', mistakes)
  const given: unknown = Reflect.get(options, 'routes')
  const routes = Array.isArray(given) ? given.map((route, nth) => split(route, `routes[${nth}].`, mistakes)) : []
  if (mistakes.length > 0) throw new ConfigError(source, mistakes)
  return {
    config: Array.isArray(given) ? Object.assign({}, rest, { routes: routes.map(({ rest }) => rest) }) : rest,
    hooks: routes.map(({ hooks }) => laidOver(forAll, hooks))
  }
}

function split (options: unknown, path: string, mistakes: ConfigError['mistakes']): { hooks: GatewayHooks, rest: unknown } {
  if (typeof options !== 'object' || options === null) return { hooks: {}, rest: options }
  const hooks: GatewayHooks = {}
  const rest: object = { ...options }
  for (const name of HOOK_NAMES) {
    const hook: unknown = Reflect.get(options, name)
    Reflect.deleteProperty(rest, name)
    if (typeof hook === 'function') Object.assign(hooks, { [name]: hook })
    else if (hook !== undefined) mistakes.push({ path: path + name, message: `found ${JSON.stringify(hook)}, must be a function` })
  }
  return { hooks, rest }
}

function laidOver (forAll: GatewayHooks, own: GatewayHooks): GatewayHooks | undefined {
  const hooks = { ...forAll, ...own }
  return Object.keys(hooks).length === 0 ? undefined : hooks
}
