import { compileReplacement } from '../config/index.js'
import type { RouteSettings, Settings } from '../config/index.js'
import { BodyBuffer } from '../proxy/body-buffer.js'
import { BodyRate } from '../proxy/body-rate.js'
import { Concurrency } from '../proxy/concurrency.js'
import { HeaderRules } from '../proxy/header-rules.js'
import { RequestHeads, ResponseHeads } from '../proxy/heads.js'
import { authorityOf, compileLocation, upstreamPrefix } from '../proxy/location.js'
import type { LocationRewrite } from '../proxy/location.js'
import type { Observers } from '../proxy/observers.js'
import { compileOrigins } from '../proxy/origins.js'
import { compileRewrite, compileStrip } from '../proxy/path.js'
import type { Rewrite } from '../proxy/path.js'
import type { Route } from '../proxy/route.js'
import { SecurityHeaders } from '../proxy/security-headers.js'
import { CookieRewrite } from '../proxy/set-cookie.js'
import { Via } from '../proxy/via.js'
import { Target } from '../upstream/target.js'
import { Upstream } from '../upstream/upstream.js'

export type RouteTarget = NonNullable<RouteSettings['target']>

/** Makes of a route's settings what an exchange asks: all that can be done at start is done here. */
export class RouteFactory {
  readonly #via: Via | undefined
  readonly #forwarded: Settings['forwarded']
  readonly #requestHeads: RequestHeads
  readonly #observers: Observers

  constructor ({ via, forwarded }: Pick<Settings, 'via' | 'forwarded'>, observers: Observers) {
    this.#via = via === false ? undefined : new Via(via)
    this.#forwarded = forwarded
    this.#requestHeads = new RequestHeads({ forwarded, via: this.#via })
    this.#observers = observers
  }

  /** @param mounted the prefix as clients have it */
  make (settings: RouteSettings, target: RouteTarget, mounted: string): Route {
    return {
      prefix: mounted,
      upstream: new Upstream(new Target({ ...target, ...hostFieldOf(settings) })),
      preservesHost: settings.host === 'preserve',
      rewrite: rewriteOf(mounted, settings),
      timeout: settings.timeout,
      upgradeTimeout: settings.upgradeTimeout,
      origins: settings.cors ? compileOrigins(settings.cors.origin) : undefined,
      maxBodySize: settings.maxBodySize,
      bodyRate: requestRate(settings),
      responseRate: responseRate(settings),
      bodyBuffer: settings.bodyBuffer === 0 ? undefined : new BodyBuffer(settings.bodyBuffer),
      concurrency: new Concurrency(settings.maxConcurrentPerConnection, settings.maxConcurrentPerClient),
      via: this.#via,
      ...this.#headsOf(settings, mounted),
      observers: this.#observers
    }
  }

  /** Routes that change nothing of a request's head share what makes it. */
  #headsOf (settings: RouteSettings, prefix: string): Pick<Route, 'requestHeads' | 'responseHeads'> {
    const { headers: { request, response }, cookies } = settings
    const rules = response && new HeaderRules(response, prefix)
    return {
      requestHeads: request === undefined ? this.#requestHeads : new RequestHeads({ forwarded: this.#forwarded, via: this.#via, rules: new HeaderRules(request, prefix) }),
      responseHeads: new ResponseHeads({
        cors: Boolean(settings.cors),
        rateLimit: Boolean(settings.rateLimit),
        via: this.#via,
        rules,
        security: settings.securityHeaders ? new SecurityHeaders(rules?.replaced ?? []) : undefined,
        location: settings.rewriteLocation ? locationOf(settings, prefix) : undefined,
        cookies: cookies && new CookieRewrite(cookies)
      })
    }
  }
}

/** What a route's requests have as their Host, where that is neither the target's nor the client's. */
export function hostFieldOf ({ host }: RouteSettings): { hostField?: string } {
  return host === 'target' || host === 'preserve' ? {} : { hostField: host }
}

function rewriteOf (mounted: string, { stripPrefix, pathRewrite, encodedCharacters }: RouteSettings): Rewrite {
  const allowsEncoded = encodedCharacters === 'allow'
  return stripPrefix ? compileStrip(mounted, allowsEncoded) : compileRewrite(mounted, pathRewrite, compileReplacement, allowsEncoded)
}

/** Without a rate the clock of the connection counts; where bodies are collected there is none yet. */
function requestRate ({ requestTimeout, timeout, minBodyRate, bodyBuffer }: RouteSettings): BodyRate {
  return minBodyRate === 0 && bodyBuffer > 0 ? new BodyRate(timeout, 1000 / timeout) : new BodyRate(requestTimeout, minBodyRate)
}

/** `undefined` where the rewrite of the path cannot be undone. */
function locationOf ({ target, host, stripPrefix, pathRewrite }: RouteSettings, prefix: string): LocationRewrite | undefined {
  const from = stripPrefix ? '' : upstreamPrefix(prefix, pathRewrite)
  if (target === undefined || from === undefined) return undefined
  const basePath = 'basePath' in target ? target.basePath ?? '' : ''
  return compileLocation({ from: basePath + from, to: prefix, authorities: [authorityOf(target), ...namesOf(target, host)] })
}

/** By which else the service knows itself: what it is asked for. */
function namesOf (target: object, host: RouteSettings['host']): string[] {
  if (host === 'target' || host === 'preserve') return []
  const name = host.toLowerCase()
  const isSecure = 'protocol' in target && target.protocol === 'https'
  return [/:\d+$/.test(name) ? name : `${name}:${isSecure ? 443 : 80}`]
}

/** Without a rate a client must read something at least within `timeout`, or its exchange would never end. */
function responseRate ({ requestTimeout, timeout, minResponseRate }: RouteSettings): BodyRate {
  return minResponseRate === 0 ? new BodyRate(timeout, 1000 / timeout) : new BodyRate(Math.min(requestTimeout, timeout), minResponseRate)
}
