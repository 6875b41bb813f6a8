// Not by the index: the schema and what reads it are loaded when this runs, not with every command.
import { ConfigError } from '../config/config-error.js'
import type { AccessSettings, AuthSettings, RouteSettings, Settings } from '../config/index.js'
import { nameOf } from '../upstream/target.js'
import type { AskedRequest, TriedOut } from './try-out.js'
import { readArgs, routesFile, UsageError } from './usage.js'
import type { Command } from './usage.js'

export const explain: Command = {
  usage: '<method> <url>',
  summary: 'says where a request would go, and why',
  options: `  -H, --header <header>   a header of the request, such as "Origin: https://app.example.com"; any number of them
  -f, --file <file>       ROUTES_FILE, or routes.json

The url is a path, or has a scheme and a host. The request takes its real way through the
gateway, but for the services: none is asked. Ends with 0 where it would be forwarded.`,

  async run (args) {
    const { values, positionals } = readArgs({
      args,
      options: { header: { type: 'string', short: 'H', multiple: true }, file: { type: 'string', short: 'f' } },
      allowPositionals: true
    })
    const [method, url, ...more] = positionals
    if (method === undefined || url === undefined || more.length > 0) throw new UsageError('explain takes a method and a url')
    const asked = { method: method.toUpperCase(), ...splitUrl(url), fields: (values.header ?? []).map(splitField) }
    const { loadConfig } = await import('../config/index.js')
    try {
      const settings = loadConfig(routesFile(values.file), process.env)
      const { tryOut } = await import('./try-out.js')
      const result = await tryOut(settings, asked)
      console.log(describe(settings, asked, result).join('\n'))
      return result.forwarded === undefined ? 1 : 0
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      console.error(error.message)
      return 1
    }
  }
}

/** @throws UsageError */
function splitUrl (url: string): { target: string, host: string } {
  if (url.startsWith('/')) return { target: url, host: 'localhost' }
  // Not by the URL parser, which would resolve and encode what the gateway is asked about.
  const [, host = '', target = ''] = /^https?:\/\/([^/?#]+)([/?].*)?$/i.exec(url) ?? []
  if (host === '') throw new UsageError(`found ${JSON.stringify(url)}, must be a path, or a url with http:// or https://`)
  return { host, target: target.startsWith('/') ? target : `/${target}` }
}

/** @throws UsageError */
function splitField (text: string): [string, string] {
  const colon = text.indexOf(':')
  if (colon < 1) throw new UsageError(`found ${JSON.stringify(text)}, must be a header such as "Accept: text/html"`)
  return [text.slice(0, colon), text.slice(colon + 1).trim()]
}

function describe ({ routes, upstreams }: Settings, { method, target, host }: AskedRequest, { forwarded, status, headers, body }: TriedOut): string[] {
  const lines = [`${method} ${target} of ${host}`]
  const added = Object.entries(headers).flatMap(([name, value]) => [value].flat().map(one => `    ${name}: ${String(one)}`))
  const route = forwarded && routes[forwarded.route]
  if (forwarded === undefined || route === undefined) {
    return [...lines, '', `is not forwarded. The gateway responds itself: ${status}`, ...added, ...(body === '' ? [] : ['', `    ${body}`])]
  }
  lines.push('', `takes routes[${forwarded.route}], ${route.prefix}${conditionsOf(route)}`)
  lines.push(`passes  ${policiesOf(route).join(', ') || 'no policy'}`)
  lines.push('', `and goes to ${addressOf(route, upstreams)} as`, `    ${method} ${forwarded.path}`)
  for (let i = 0; i < forwarded.rawHeaders.length; i += 2) lines.push(`    ${String(forwarded.rawHeaders[i])}: ${String(forwarded.rawHeaders[i + 1])}`)
  if (added.length > 0) lines.push('', 'Its response gets', ...added)
  return lines
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
