import { compileReplacement } from '../config/index.js'
import type { RouteSettings, Settings, Target } from '../config/index.js'
import { BodyBuffer } from '../proxy/body-buffer.js'
import { BodyRate } from '../proxy/body-rate.js'
import { compileClientKey } from '../proxy/client-key.js'
import { Concurrency } from '../proxy/concurrency.js'
import { HeaderRules } from '../proxy/header-rules.js'
import { RequestHeads, ResponseHeads } from '../proxy/heads.js'
import { authorityOf, compileLocation, upstreamPrefix } from '../proxy/location.js'
import type { LocationRewrite } from '../proxy/location.js'
import { Mirror } from '../proxy/mirror.js'
import { Observers } from '../proxy/observers.js'
import type { Observer } from '../proxy/observers.js'
import { compileOrigins } from '../proxy/origins.js'
import { withoutParameters } from '../proxy/parameters.js'
import { compileRewrite, compileStrip } from '../proxy/path.js'
import type { Rewrite } from '../proxy/path.js'
import { RetryPolicy } from '../proxy/retry.js'
import type { Route } from '../proxy/route.js'
import { SecurityHeaders } from '../proxy/security-headers.js'
import { CookieRewrite } from '../proxy/set-cookie.js'
import { Via } from '../proxy/via.js'
import { basePathOf } from '../upstream/target.js'
import type { RouteUpstream } from './upstreams.js'

/** Makes of a route's settings what an exchange asks: all that can be done at start is done here. */
export class RouteFactory {
  readonly #via: Via | undefined
  readonly #forwarded: Settings['forwarded']
  readonly #requestHeads: RequestHeads
  readonly #observed: readonly Observer[]
  readonly #observers: Observers

  constructor ({ via, forwarded }: Pick<Settings, 'via' | 'forwarded'>, observers: readonly Observer[]) {
    this.#via = via === false ? undefined : new Via(via)
    this.#forwarded = forwarded
    this.#requestHeads = new RequestHeads({ forwarded, via: this.#via })
    this.#observed = observers
    this.#observers = new Observers(observers)
  }

  /**
   * @param mounted the prefix as clients have it
   * @param own an observer of this route alone
   */
  make (settings: RouteSettings, { upstream, addresses, mirror }: RouteUpstream, mounted: string, own?: Observer): Route {
    return {
      prefix: mounted,
      upstream,
      retry: settings.retry ? new RetryPolicy(settings.retry) : undefined,
      mirror: mirror && settings.mirror && new Mirror(mirror, settings.mirror.percent),
      preservesHost: settings.host === 'preserve',
      hostField: settings.host === 'target' || settings.host === 'preserve' ? undefined : settings.host,
      rewrite: rewriteOf(mounted, settings),
      timeout: settings.timeout,
      upgradeTimeout: settings.upgradeTimeout,
      origins: settings.cors ? compileOrigins(settings.cors.origin) : undefined,
      maxBodySize: settings.maxBodySize,
      bodyRate: requestRate(settings),
      responseRate: responseRate(settings),
      bodyBuffer: settings.bodyBuffer === 0 ? undefined : new BodyBuffer(settings.bodyBuffer),
      concurrency: concurrencyOf(settings),
      via: this.#via,
      ...this.#headsOf(settings, addresses, mounted),
      observers: own === undefined ? this.#observers : new Observers([...this.#observed, own])
    }
  }

  /** Routes that change nothing of a request's head share what makes it. */
  #headsOf (settings: RouteSettings, addresses: readonly Target[], prefix: string): Pick<Route, 'requestHeads' | 'responseHeads'> {
    const { headers: { request, response }, cookies, keptBack } = settings
    const rules = response && new HeaderRules(response, prefix)
    return {
      requestHeads: request === undefined && keptBack.headers.length === 0
        ? this.#requestHeads
        : new RequestHeads({ forwarded: this.#forwarded, via: this.#via, rules: request && new HeaderRules(request, prefix), ofIdentity: keptBack.headers }),
      responseHeads: new ResponseHeads({
        cors: Boolean(settings.cors),
        rateLimit: settings.rateLimit ? settings.rateLimit.headers : undefined,
        via: this.#via,
        rules,
        security: settings.securityHeaders ? new SecurityHeaders(rules?.replaced ?? []) : undefined,
        location: settings.rewriteLocation ? locationOf(settings, addresses, prefix) : undefined,
        cookies: cookies && new CookieRewrite(cookies)
      })
    }
  }
}

/** A key in the query is for the gateway alone: services write their queries to logs. */
function rewriteOf (mounted: string, settings: RouteSettings): Rewrite {
  const { keptBack: { parameters } } = settings
  const rewrite = pathRewriteOf(mounted, settings)
  return parameters.length === 0 ? rewrite : target => rewrite(withoutParameters(target, parameters))
}

function pathRewriteOf (mounted: string, { stripPrefix, pathRewrite, encodedCharacters }: RouteSettings): Rewrite {
  const allowsEncoded = encodedCharacters === 'allow'
  return stripPrefix ? compileStrip(mounted, allowsEncoded) : compileRewrite(mounted, pathRewrite, compileReplacement, allowsEncoded)
}

/** Who one client is, is for the rate limit to say where there is one. */
function concurrencyOf ({ maxConcurrentPerConnection, concurrency, rateLimit }: RouteSettings): Concurrency {
  return new Concurrency({ perConnection: maxConcurrentPerConnection, ...concurrency, keyOf: compileClientKey(rateLimit ? rateLimit.key : undefined) })
}

/** Without a rate the clock of the connection counts; where bodies are collected there is none yet. */
function requestRate ({ requestTimeout, timeout, minBodyRate, bodyBuffer }: RouteSettings): BodyRate {
  return minBodyRate === 0 && bodyBuffer > 0 ? new BodyRate(timeout, 1000 / timeout) : new BodyRate(requestTimeout, minBodyRate)
}

/** `undefined` where the rewrite of the path cannot be undone, or every target undoes it in another way. */
function locationOf ({ host, stripPrefix, pathRewrite }: RouteSettings, addresses: readonly Target[], prefix: string): LocationRewrite | undefined {
  const from = stripPrefix ? '' : upstreamPrefix(prefix, pathRewrite)
  const basePaths = new Set(addresses.map(basePathOf))
  const [basePath] = basePaths
  if (basePath === undefined || basePaths.size > 1 || from === undefined) return undefined
  const authorities = addresses.flatMap(address => [authorityOf(address), ...namesOf(address, host)])
  return compileLocation({ from: basePath + from, to: prefix, authorities })
}

/** By which else the service knows itself: what it is asked for. */
function namesOf ({ protocol }: Target, host: RouteSettings['host']): string[] {
  if (host === 'target' || host === 'preserve') return []
  const name = host.toLowerCase()
  return [/:\d+$/.test(name) ? name : `${name}:${protocol === 'https' ? 443 : 80}`]
}

/** Without a rate a client must read something at least within `timeout`, or its exchange would never end. */
function responseRate ({ requestTimeout, timeout, minResponseRate }: RouteSettings): BodyRate {
  return minResponseRate === 0 ? new BodyRate(timeout, 1000 / timeout) : new BodyRate(Math.min(requestTimeout, timeout), minResponseRate)
}
