import type { RouteSettings } from '../config/index.js'
import { groupByPrefix } from '../proxy/choice.js'
import type { AskedRequest } from './asked-request.js'
import { tryOut } from './try-out.js'
import type { Candidate, Trial, TriedOut } from './try-out.js'
import { whyElsewhere, whyNot, whyUnmatched, whyUnrouted } from './why-not.js'

/** What becomes of a request. */
export interface Way {
  /** `undefined` where it is for the app around the gateway to respond. */
  readonly tried?: TriedOut
  /** The route that takes it. */
  readonly taker?: Candidate | undefined
  /** Why it is not forwarded. */
  readonly why?: string
}

/**
 * Tries a request out. First it is found out to which prefix it belongs, with routes that forward whatever they get: those
 * of all others need not be made then, of which there may be a thousand.
 */
export async function findWay (trial: Trial, asked: AskedRequest, signal?: AbortSignal): Promise<Way> {
  const routes = [...trial.settings.routes.entries()]
  const tryWith = async (candidates: readonly Candidate[]): Promise<{ tried: TriedOut, taker: Candidate | undefined }> => {
    const tried = await tryOut(trial, asked, candidates, signal)
    return { tried, taker: tried.forwarded && routes[tried.forwarded.route] }
  }
  const firsts = groupByPrefix(routes.map(([index, route]) => ({ prefix: route.prefix, index, route }))).map(({ routes: [{ index, route }] }): Candidate => [index, forAll(route)])
  const { tried: { status }, taker: first } = await tryWith(firsts)
  if (first === undefined && status === 404 && trial.isHosted) return { why: whyElsewhere() }
  const candidates = first === undefined ? withoutPrefix(routes, status) : routes.filter(([, { prefix }]) => prefix === first[1].prefix)
  const { tried, taker } = await tryWith(candidates)
  if (taker !== undefined) return { tried, taker }
  if (first === undefined) return { tried, why: whyUnrouted(tried) }
  const { taker: unforwarded } = await tryWith(candidates.map(([index, route]) => [index, forwarding(route)]))
  if (unforwarded === undefined) return { tried, why: whyUnmatched(tried, trial.prefix + first[1].prefix) }
  return { tried, taker: unforwarded, why: whyNot(tried, asked, unforwarded) }
}

/** Of a path that belongs to none any one will do; what is rejected for another reason may be by any. */
function withoutPrefix (routes: readonly Candidate[], status: number): readonly Candidate[] {
  return status === 404 ? routes.slice(0, 1) : routes
}

/** Forwards whatever it takes. */
function forwarding ({ upstream, respond, redirect, mirror, pathRewrite, concurrency, ...route }: RouteSettings): RouteSettings {
  const target = { protocol: 'http', host: 'localhost', port: 1, connectTimeout: 1_000 } as const
  return { ...route, target, cors: false, rateLimit: false, headers: {}, maxBodySize: Number.MAX_SAFE_INTEGER, bodyBuffer: 0, encodedCharacters: 'allow' }
}

function forAll (route: RouteSettings): RouteSettings {
  const { hosts, methods, ...others } = forwarding(route)
  return others
}
