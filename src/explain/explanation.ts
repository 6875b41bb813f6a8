// Not by the index: `explain` of the command loads the schema when it reads a file.
import { hideInField, hideSecrets } from '../config/hide-secrets.js'
import type { AccessSettings, AuthSettings, RouteSettings, Settings } from '../config/index.js'
import { Redaction, SECRET_KEYS } from '../observe/redaction.js'
import { nameOf } from '../upstream/target.js'
import { textOf } from './asked-request.js'
import type { AskedRequest } from './asked-request.js'
import type { Explanation, ShownFields } from './given.js'
import type { Candidate, Trial, TriedOut } from './try-out.js'
import { findWay } from './way.js'

const NOT_ASKED = 'The hooks of the app around the gateway are not asked, nor are functions among its options'
const REDACTION = new Redaction(SECRET_KEYS)

/** Says where a request would go, and why, with secrets hidden. */
export async function explain (trial: Trial, asked: AskedRequest, signal?: AbortSignal): Promise<Explanation> {
  const { tried, taker, why } = await findWay(trial, asked, signal)
  const { forwarded } = tried ?? {}
  return {
    request: { method: asked.method, target: shownUrl(asked.target), host: textOf(hostOf(asked)) },
    notes: [...asked.notes ?? [], ...(trial.isHosted ? [NOT_ASKED] : [])],
    ...(taker && { route: describeRoute(taker, trial.prefix) }),
    ...(taker && forwarded && { forwarded: { to: addressOf(taker[1], trial.settings.upstreams), path: shownUrl(forwarded.path), headers: pairsOf(forwarded.rawHeaders) } }),
    ...(why !== undefined && { why }),
    ...(tried && { response: describeResponse(tried) })
  }
}

function hostOf ({ fields, host }: AskedRequest): string {
  return fields.find(([name]) => name.toLowerCase() === 'host')?.[1] ?? host
}

function describeResponse ({ forwarded, status, headers, body }: TriedOut): NonNullable<Explanation['response']> {
  const shown = Object.entries(headers).flatMap(([name, value]) => [value].flat().map(one => hiddenIn(name, String(one))))
  return { headers: shown, ...(forwarded === undefined && { status, ...(body !== '' && { body: hiddenInBody(body) }) }) }
}

function hiddenInBody (body: string): string {
  try {
    return JSON.stringify(hideSecrets(JSON.parse(body)))
  } catch {
    return String(hideSecrets(body))
  }
}

function shownUrl (bytes: string): string {
  return REDACTION.url(textOf(bytes))
}

function pairsOf (rawHeaders: readonly string[]): ShownFields {
  return rawHeaders.flatMap((name, nth) => nth % 2 === 0 ? [hiddenIn(name, String(rawHeaders[nth + 1]))] : [])
}

function hiddenIn (name: string, value: string): readonly [string, string] {
  return [name, hideInField(name, textOf(value))]
}

function describeRoute ([index, route]: Candidate, mountedAt: string): NonNullable<Explanation['route']> {
  const prefix = mountedAt + route.prefix
  return { index, prefix, takes: prefix + conditionsOf(route), policies: policiesOf(route) }
}

function conditionsOf ({ hosts, methods }: RouteSettings): string {
  return `${hosts === undefined ? '' : ` of ${hosts.join(', ')}`}${methods === undefined ? '' : ` for ${methods.join(', ')}`}`
}

function policiesOf ({ cors, access, rateLimit, auth }: RouteSettings): string[] {
  return [
    ...(cors ? ['cors'] : []),
    ...(access ? [`access (${describeAccess(access)})`] : []),
    ...(rateLimit ? [`rateLimit (${rateLimit.max} in ${rateLimit.timeWindow / 1000} s)`] : []),
    ...(auth ? [`auth (${describeAuth(auth)}), which is not asked here`] : [])
  ]
}

function describeAccess ({ allow, deny }: AccessSettings): string {
  return [...(allow ? [`from ${allow.join(', ')}`] : []), ...(deny ? [`not from ${deny.join(', ')}`] : [])].join(', ')
}

function describeAuth ({ any, all, ...method }: AuthSettings): string {
  if (any !== undefined) return any.map(describeAuth).join(' or ')
  return all === undefined ? Object.keys(method).join() : all.map(describeAuth).join(' and ')
}

function addressOf ({ target, upstream = '' }: RouteSettings, upstreams: Settings['upstreams']): string {
  if (target !== undefined) return nameOf(target)
  const targets = upstreams[upstream]?.targets ?? []
  return `the upstream ${upstream} (${targets.map(nameOf).join(', ')})`
}
