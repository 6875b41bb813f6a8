import { EventEmitter } from 'node:events'
import type { Server } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { readWeightedTarget } from '../config/index.js'
import type { TargetChange } from '../upstream/balanced-upstream.js'
import type { TargetState } from '../upstream/condition.js'
import type { Target } from '../upstream/target.js'
import type { Upstream } from '../upstream/upstream.js'
import type { RouteOptions } from './hooks.js'
import type { InFlight } from './in-flight.js'
import type { NamedUpstream } from './named-upstream.js'
import type { Upstreams } from './upstreams.js'

export type { TargetChange } from '../upstream/balanced-upstream.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** The gateway of the app, however often the plugin is registered in it. */
    gateway: Gateway
  }
}

/** A route as it was registered. */
export interface RegisteredRoute {
  /** With that of the scope that it was registered in. */
  readonly prefix: string
  /** `http://localhost:3001`, `unix:/run/app.sock`; `undefined` for a route that has none. */
  readonly target: string | undefined
  /** The name of the one that it goes to; `undefined` for a route that has none. */
  readonly upstream: string | undefined
  readonly options: RouteOptions
}

/** How it stands with a target at the moment. */
export interface TargetView {
  /** The name of its upstream; `undefined` for a route's own target. */
  readonly upstream: string | undefined
  /** `http://localhost:3001`, `unix:/run/app.sock`. */
  readonly target: string
  /** `available`, `unhealthy` by its active checks, or `ejected` by how its requests ended. */
  readonly state: TargetState
  /** Requests in progress. */
  readonly inFlight: number
  /** Open connections. */
  readonly size: number
  /** Of these, those that nobody uses. */
  readonly idle: number
  /** Requests that wait for a connection. */
  readonly waiting: number
}

export interface GatewayState {
  /** Exchanges that have not ended, tunnels included. */
  readonly inFlight: number
  readonly upstreams: readonly TargetView[]
}

/** A target as a program gives it. */
export type GivenTarget = string | { readonly url: string, readonly weight?: number, readonly backup?: boolean }

/** One of `upstreams`, as a program sees it. */
export interface UpstreamView {
  readonly name: string
  readonly targets: readonly TargetView[]
  /** Requests that wait for a target with room. */
  readonly waiting: number
  /**
   * Changes the targets. Those that are there already go on as they are; those that are gone get no new requests and end
   * what is in progress. An upstream with `dns` asks it no longer.
   *
   * @throws TypeError for what is no target; nothing has changed then
   */
  setTargets (targets: readonly GivenTarget[]): void
}

/** One registration of the plugin. */
interface Registered {
  readonly routes: readonly RegisteredRoute[]
  readonly inFlight: InFlight
  readonly upstreams: Upstreams
}

/** `fastify.gateway`: what a program can see and say of the gateway in its app. */
export class Gateway {
  /** `target`, with `{ upstream, target, state, reason }`: what has happened to a target of one of `upstreams`. */
  readonly events = new EventEmitter<{ target: [TargetChange] }>()
  readonly #registered: Registered[] = []

  /** Tells of a change when what led to it is done: a listener may change the targets itself, and one that throws must not stop anything. */
  tell (change: TargetChange, log: { error (line: object, message: string): void }): void {
    process.nextTick(() => {
      try {
        this.events.emit('target', change)
      } catch (err) {
        log.error({ err }, 'a listener for changes of targets failed')
      }
    })
  }

  add (registered: Registered): void {
    this.#registered.push(registered)
  }

  get routes (): readonly RegisteredRoute[] {
    return this.#registered.flatMap(({ routes }) => routes)
  }

  get state (): GatewayState {
    return {
      inFlight: this.#registered.reduce((sum, { inFlight }) => sum + inFlight.count, 0),
      upstreams: this.#upstreams.flatMap(({ name, targets }) => targets.map(target => viewOf(name, target)))
    }
  }

  /** One of `upstreams` by its name; `undefined` where there is none. */
  upstream (name: string): UpstreamView | undefined {
    for (const { upstreams } of this.#registered) {
      const named = upstreams.find(name)
      if (named !== undefined) return new View(named)
    }
    return undefined
  }

  /** The names of the upstreams that have no target that is available. */
  get unavailable (): readonly string[] {
    return this.#registered.flatMap(({ upstreams }) => upstreams.unavailable)
  }

  /** Takes no new requests, which get a 503, and closes all connections that are idle. Resolves when what is in flight has ended. */
  async close (): Promise<void> {
    const ended = this.#registered.map(async ({ inFlight }) => await inFlight.stop())
    for (const upstream of this.#upstreams) upstream.close()
    await Promise.all(ended)
  }

  get #upstreams (): Upstream[] {
    return this.#registered.flatMap(({ upstreams }) => [...upstreams])
  }
}

class View implements UpstreamView {
  readonly #named: NamedUpstream

  constructor (named: NamedUpstream) {
    this.#named = named
  }

  get name (): string {
    return this.#named.upstream.name
  }

  get targets (): readonly TargetView[] {
    return this.#named.upstream.targets.map(target => viewOf(this.name, target))
  }

  get waiting (): number {
    return this.#named.upstream.waiting
  }

  setTargets (targets: readonly GivenTarget[]): void {
    this.#named.setTargets(targets.map(readWeightedTarget))
  }
}

function viewOf (upstream: string | undefined, { name, inFlight, condition, pool: { size, idle, waiting } }: Target): TargetView {
  return { upstream, target: name, state: condition?.state ?? 'available', inFlight, size, idle, waiting }
}

const gateways = new WeakMap<Server, Gateway>()

/** The gateway of an app; the first time it becomes `fastify.gateway`, in every scope of it. */
export function gatewayOf (fastify: FastifyInstance): Gateway {
  const known = gateways.get(fastify.server)
  if (known !== undefined) return known
  const gateway = new Gateway()
  gateways.set(fastify.server, gateway)
  const root = outermost(fastify)
  // A name that the host has given to something of its own stays that.
  if (!root.hasDecorator('gateway')) root.decorate('gateway', gateway)
  return gateway
}

/** Scopes inherit from those around them. */
function outermost (fastify: FastifyInstance): FastifyInstance {
  const around: unknown = Object.getPrototypeOf(fastify)
  return isScope(around) ? outermost(around) : fastify
}

function isScope (value: unknown): value is FastifyInstance {
  return typeof value === 'object' && value !== null && 'decorate' in value
}
