import { isIP } from 'node:net'
import type { Mistake } from './config-error.js'
import { show } from './explain.js'
import { checkHealthChecks } from './health-consistency.js'
import { below } from './json-path.js'
import { nearest } from './nearest.js'
import { isSection, type RawSection } from './raw-section.js'
import { bareHost } from './target.js'
import { checkPair } from './tls-consistency.js'

// What the keys of an upstream, and of a route that names one, say about one another.

export function checkUpstreams (upstreams: unknown): Mistake[] {
  if (!isSection(upstreams)) return []
  return Object.entries(upstreams).flatMap(([name, upstream]) => isSection(upstream) ? checkUpstream(upstream, below('upstreams', name)) : [])
}

function checkUpstream (upstream: RawSection, path: string): Mistake[] {
  const targets: unknown[] = Array.isArray(upstream.targets) ? upstream.targets : []
  const urls = targets.map(urlOf)
  return [
    ...checkDistinct(urls, targets, `${path}.targets`),
    ...checkBackups(targets, `${path}.targets`),
    ...checkTls(upstream.tls, urls, `${path}.tls`),
    ...checkDns(upstream.dns, urls, `${path}.dns`),
    ...checkHealthChecks(upstream.health, `${path}.health`)
  ]
}

function urlOf (target: unknown): string {
  return String(isSection(target) ? target.url : target)
}

function checkDistinct (urls: string[], targets: unknown[], path: string): Mistake[] {
  return urls.flatMap((url, index) => {
    const first = urls.findIndex(other => other.replace(/\/$/, '').toLowerCase() === url.replace(/\/$/, '').toLowerCase())
    if (first === index) return []
    const place = isSection(targets[index]) ? `${below(path, index)}.url` : below(path, index)
    return [{ path: place, message: `found ${show(url)}, which ${below(path, first)} has already: give one of them a weight of 2 instead` }]
  })
}

function checkBackups (targets: unknown[], path: string): Mistake[] {
  const areBackups = targets.length > 0 && targets.every(target => isSection(target) && target.backup === true)
  return areBackups ? [{ path, message: 'found backups alone, must have a target without backup' }] : []
}

function checkTls (tls: unknown, urls: string[], path: string): Mistake[] {
  if (tls !== undefined && !urls.some(url => /^https:/i.test(url))) return [{ path, message: `found ${show(tls)}, must be left out: no target is https` }]
  return checkPair(tls, path)
}

function checkDns (dns: unknown, urls: string[], path: string): Mistake[] {
  const areNames = urls.some(url => /^https?:/i.test(url) && URL.canParse(url) && isIP(bareHost(new URL(url).hostname)) === 0)
  return dns === undefined || areNames ? [] : [{ path, message: `found ${show(dns)}, must be left out: no target has a name` }]
}

/** Of a target, and with a named upstream its own. */
const OF_UPSTREAMS = ['connectTimeout', 'http2', 'tls']

/** What a route says of an upstream that it names, and what it may say only then. */
export function checkNamed (route: RawSection, upstreams: unknown, path: string): Mistake[] {
  const { upstream, mirror } = route
  const names = isSection(upstreams) ? Object.keys(upstreams) : []
  const mirrored = isSection(mirror) && mirror.upstream !== undefined ? checkName(mirror.upstream, names, `${path}.mirror.upstream`) : []
  return [...mirrored, ...upstream === undefined ? checkWithout(route, path) : checkOwn(route, upstream, names, path)]
}

function checkWithout ({ retry }: RawSection, path: string): Mistake[] {
  return retry === undefined || retry === false
    ? []
    : [{ path: `${path}.retry`, message: `found ${show(retry)}, must come with upstream: there is no other target that could be tried` }]
}

function checkOwn (route: RawSection, upstream: unknown, names: string[], path: string): Mistake[] {
  return [
    ...checkName(upstream, names, `${path}.upstream`),
    ...OF_UPSTREAMS.filter(key => route[key] !== undefined)
      .map(key => ({ path: `${path}.${key}`, message: `found ${show(route[key])}, must stand in the upstream` }))
  ]
}

function checkName (upstream: unknown, known: string[], path: string): Mistake[] {
  if (typeof upstream !== 'string' || known.includes(upstream)) return []
  const guess = nearest(upstream, known)
  const allowed = known.length === 0 ? 'but there are no upstreams' : guess === undefined ? `must be one of ${known.join(', ')}` : `did you mean ${show(guess)}?`
  return [{ path, message: `found ${show(upstream)}, ${allowed}` }]
}
