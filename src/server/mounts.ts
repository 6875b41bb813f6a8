import type { FastifyRequest, onRequestHookHandler } from 'fastify'
import type { RouteSettings } from '../config/index.js'
import type { RouteTally, Tally } from '../observe/tally.js'
import { Choice, placeOf } from '../proxy/choice.js'
import type { Group, Place } from '../proxy/choice.js'
import type { HooksOfRoute } from '../proxy/exchange-hooks.js'
import type { Route } from '../proxy/route.js'
import type { RegisteredRoute } from './gateway.js'
import type { GivenRoute } from './hooks.js'
import type { Policy } from './policy.js'
import type { RouteFactory } from './route-factory.js'
import { localResponse } from './unforwarded.js'
import type { LocalResponse, Rejection } from './unforwarded.js'
import type { Upstreams } from './upstreams.js'

/** A route, and what decides before its exchanges. */
export interface Mount {
  /** `undefined` for what is not forwarded. */
  readonly route: Route | undefined
  /** What the gateway has in place of a target. */
  readonly local?: LocalResponse
  /** Where no route of the prefix takes the request. */
  readonly rejection?: Rejection
  /** One for each of the policies; `undefined` for one that has nothing to decide here. */
  readonly hooks: ReadonlyArray<onRequestHookHandler | undefined>
  /** What a program decides of its exchanges. */
  readonly calls: HooksOfRoute<FastifyRequest> | undefined
  /** What is counted of it, where somebody counts. */
  readonly tally?: RouteTally | undefined
}

export interface MountOptions {
  readonly routes: readonly RouteSettings[]
  readonly policies: readonly Policy[]
  /** What a program gave for each of the routes. */
  readonly given?: readonly GivenRoute[]
  /** What is counted, where somebody counts. */
  readonly tally?: Tally
  /** A prefix as clients have it. */
  readonly mountedPrefix: (prefix: string) => string
}

/** Makes what a request can meet of the settings, at start, and finds what it does meet. */
export class Mounts {
  /** For the paths that have no route. */
  readonly unrouted: Mount
  /** What a program gave, and where it is. */
  readonly registered: RegisteredRoute[] = []
  readonly #options: MountOptions
  readonly #upstreams: Upstreams
  readonly #routes: RouteFactory
  readonly #unmatched: Mount

  constructor (options: MountOptions, upstreams: Upstreams, routes: RouteFactory) {
    this.#options = options
    this.#upstreams = upstreams
    this.#routes = routes
    this.unrouted = { route: undefined, hooks: this.#hooksOf(undefined), calls: undefined }
    this.#unmatched = { ...this.unrouted, rejection: { code: 'NOT_FOUND' } }
  }

  placeOf (group: Group<RouteSettings>): Place<Mount> {
    return placeOf(group, settings => this.#make(settings))
  }

  #hooksOf (settings: RouteSettings | undefined): Mount['hooks'] {
    return this.#options.policies.map(policy => policy(settings))
  }

  #make (settings: RouteSettings): Mount {
    const hooks = this.#hooksOf(settings)
    const given = this.#options.given?.[this.#options.routes.indexOf(settings)]
    const prefix = this.#options.mountedPrefix(settings.prefix)
    const to = this.#upstreams.of(settings)
    if (given !== undefined) this.registered.push({ prefix, target: settings.target && to?.upstream.targets[0]?.name, upstream: settings.upstream, options: given.options })
    const tally = this.#options.tally?.of(prefix, settings.upstream ?? to?.upstream.targets[0]?.name ?? 'none')
    if (to === undefined) return { route: undefined, calls: undefined, local: localResponse(prefix, settings), hooks, tally }
    const calls = given?.hooks && { hooks: given.hooks, allowsEncoded: settings.encodedCharacters === 'allow', upstreamFor: to.choose }
    return { route: this.#routes.make(settings, to, prefix, tally), hooks, calls, tally }
  }

  /** Of the routes of one prefix the one that takes the request, or what rejects it behind the policies. */
  find (place: Place<Mount>, { raw }: FastifyRequest): Mount {
    if (!(place instanceof Choice)) return place
    const mount = place.find(raw)
    if (mount !== undefined) return mount
    const others = place.others(raw)
    if (others === undefined) return this.#unmatched
    return { route: undefined, calls: undefined, rejection: { code: 'METHOD_NOT_ALLOWED', allow: others.methods }, hooks: others.first.hooks, tally: others.first.tally }
  }
}
