import { EventEmitter } from 'node:events'
import type { Server } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { RouteOptions } from './hooks.js'
import type { InFlight } from './in-flight.js'

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
  readonly options: RouteOptions
}

/** How it stands with an upstream's connections at the moment. */
export interface UpstreamState {
  readonly target: string
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
  readonly upstreams: readonly UpstreamState[]
}

/** What is used of an upstream. */
interface Pooled {
  readonly targets: ReadonlyArray<{ readonly name: string, readonly pool: Omit<UpstreamState, 'target'> }>
  close (): void
}

/** One registration of the plugin. */
interface Registered {
  readonly routes: readonly RegisteredRoute[]
  readonly inFlight: InFlight
  /** Those of the moment. */
  readonly upstreams: () => Iterable<Pooled>
}

/** `fastify.gateway`: what a program can see and say of the gateway in its app. */
export class Gateway {
  /** What happens to its targets. */
  readonly events = new EventEmitter()
  readonly #registered: Registered[] = []

  add (registered: Registered): void {
    this.#registered.push(registered)
  }

  get routes (): readonly RegisteredRoute[] {
    return this.#registered.flatMap(({ routes }) => routes)
  }

  get state (): GatewayState {
    return {
      inFlight: this.#registered.reduce((sum, { inFlight }) => sum + inFlight.count, 0),
      upstreams: this.#upstreams.flatMap(({ targets }) => targets).map(({ name, pool: { size, idle, waiting } }) => ({ target: name, size, idle, waiting }))
    }
  }

  /** Takes no new requests, which get a 503, and closes all connections that are idle. Resolves when what is in flight has ended. */
  async close (): Promise<void> {
    const ended = this.#registered.map(async ({ inFlight }) => await inFlight.stop())
    for (const upstream of this.#upstreams) upstream.close()
    await Promise.all(ended)
  }

  get #upstreams (): Pooled[] {
    return this.#registered.flatMap(({ upstreams }) => [...upstreams()])
  }
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
