import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { Settings } from '../src/config/index.js'
import type { UpgradeConnection } from '../src/node/given-connection.js'
import { takeUpgrades } from '../src/node/server-upgrades.js'
import type { ServerRequest, UpgradeTaker } from '../src/node/server-upgrades.js'
import { Choice, groupByPrefix, placeOf } from '../src/proxy/choice.js'
import type { Place } from '../src/proxy/choice.js'
import { http1Client } from '../src/proxy/http1-client.js'
import { splitAbsolute } from '../src/proxy/path.js'
import { protocolsAsked } from '../src/proxy/upgrade.js'
import { makeRoutable, routableTarget } from '../src/server/arrival.js'
import { respondToUpgrade } from '../src/server/error-responses.js'
import { serveOrdinary, serveUpgrade } from '../src/server/upgrade-connection.js'

export interface Options extends Pick<Settings, 'routes' | 'upstreams'> {
  /** Whether the app is the gateway alone: its routes are one to Fastify's router. */
  isService?: boolean
  /** Milliseconds that a closing service waits for what is in flight; absent: the host decides. */
  shutdownTimeout?: number
}

/** Milliseconds that open tunnels are left when the app closes, at most. WebSocket clients connect again, elsewhere. */
const GRACE = 5_000
/** In an app of somebody else's, which closes at once but for this. */
const HOSTED_GRACE = 1_000

/** One for each server, however many gateways it has. */
const known = new WeakMap<object, Upgrades>()

/**
 * Requests that ask to go over to another protocol (WebSocket), on the gateway's own routes: they take the way of all
 * requests, through the same hooks to the same handler. Everybody else's upgrades are left to whoever listens for them.
 */
export default fp(async function gatewayUpgrade (fastify: FastifyInstance, { routes, upstreams, isService, shutdownTimeout }: Options) {
  let upgrades = known.get(fastify.server)
  if (upgrades === undefined) {
    const first = new Upgrades(fastify)
    known.set(fastify.server, first)
    upgrades = first
    fastify.addHook('preClose', async () => {
      const ended = first.end(Math.min(shutdownTimeout ?? HOSTED_GRACE, GRACE))
      // A service goes on to wait for all that is in flight, tunnels as well.
      if (shutdownTimeout === undefined) await ended
    })
  }
  for (const group of groupByPrefix(routes)) {
    const mounted = withoutSlash(fastify.prefix + group.prefix)
    const tunnels = placeOf(group, ({ target, upstream = '' }) => mayTunnel(target ?? upstreams[upstream]))
    upgrades.mount({ fastify, prefix: mounted, routed: isService === true ? fastify.prefix : mounted, tunnels })
  }
}, { name: 'stream-gateway-upgrade', fastify: '5.x' })

/** HTTP/2 knows no Upgrade (RFC 9113 section 8.6), and what the gateway responds itself is no tunnel. */
function mayTunnel (connecting: { http2?: boolean } | undefined): boolean {
  return connecting !== undefined && connecting.http2 !== true
}

interface Mount {
  readonly fastify: FastifyInstance
  /** Without a slash at its end. */
  readonly prefix: string
  /** What Fastify's router takes for the prefix. */
  readonly routed: string
  /** Whether there is an upstream that may be asked. */
  readonly tunnels: Place<boolean>
}

/** All upgrades that one server is asked for. */
class Upgrades implements UpgradeTaker {
  readonly #fastify: FastifyInstance
  readonly #mounts: Mount[] = []
  readonly #open = new Set<Socket>()
  #closing = false

  constructor (fastify: FastifyInstance) {
    this.#fastify = fastify
    takeUpgrades(fastify.server, this)
  }

  mount (mount: Mount): void {
    this.#mounts.push(mount)
    this.#mounts.sort((a, b) => b.prefix.length - a.prefix.length)
  }

  /** Takes no new ones, and closes those that are open still after the grace. */
  async end (grace: number): Promise<void> {
    this.#closing = true
    const timer = setTimeout(() => { for (const connection of this.#open) connection.destroy() }, grace)
    await Promise.all([...this.#open].map(async connection => await new Promise(resolve => connection.once('close', resolve))))
    clearTimeout(timer)
  }

  #isOthers (mount: Mount | undefined): boolean {
    return mount === undefined && this.#fastify.server.listenerCount('upgrade') > 1
  }

  /** Asked beforehand, Node reads the body of an ordinary request itself, and what asks for no protocol of ours is one. */
  wants (request: ServerRequest): boolean | undefined {
    const mount = this.#mountOf(request)
    if (this.#isOthers(mount)) return undefined
    return !http1Client.hasBody(request) || (mount !== undefined && this.#protocols(mount, request) !== undefined)
  }

  /** @returns whether the upgrade is ours */
  take (request: ServerRequest, connection: UpgradeConnection, early: Buffer): boolean {
    const mount = this.#mountOf(request)
    if (this.#isOthers(mount)) return false
    const protocols = mount && this.#protocols(mount, request)
    if (mount === undefined || protocols === undefined) {
      serveOrdinary(request, connection, early, error => respondToUpgrade(this.#fastify, request, connection, error))
    } else {
      this.#open.add(connection)
      connection.once('close', () => this.#open.delete(connection))
      serveUpgrade(request, connection, early, protocols, response => {
        makeRoutable(request, [mount.prefix])
        mount.fastify.routing(request, response)
      })
    }
    return true
  }

  #protocols ({ tunnels }: Mount, request: ServerRequest): string | undefined {
    const mayTunnel = tunnels instanceof Choice ? tunnels.find(request) === true : tunnels
    return mayTunnel && !this.#closing ? protocolsAsked(request) : undefined
  }

  #mountOf ({ method, url }: ServerRequest): Mount | undefined {
    const routable = routableTarget(url)
    const target = splitAbsolute(routable)?.path ?? routable
    const query = target.indexOf('?')
    const path = query === -1 ? target : target.slice(0, query)
    const mounts = this.#mounts.filter(({ prefix }) => path === prefix || path.startsWith(`${prefix}/`))
    return mounts.find(({ fastify, routed }) => isRoutedTo(fastify, method, path, routed))
  }
}

function withoutSlash (prefix: string): string {
  return prefix.endsWith('/') ? prefix.slice(0, -1) : prefix
}

/**
 * Whether the route that Fastify finds for a path is the gateway's: a host may have more special ones beneath a
 * prefix, `/ws` or `/chat/:room` where the gateway has `/`.
 *
 * @param path that can be decoded, as `routableTarget` makes it; the router reads no fragment of it
 */
function isRoutedTo (fastify: FastifyInstance, method: string, path: string, prefix: string): boolean {
  const found = fastify.findRoute({ method, url: path })
  if (found === null) return false
  const params: [name: string, value: unknown][] = Object.entries(found.params)
  if (params.length === 0) return path === prefix
  return params.every(([name, value]) => name === '*' && value === decodeURIComponent(path.slice(prefix.length + 1)))
}
