import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installed, packageVersions, programVersion, ROOT } from '../machine.js'
import type { NodeBinary } from '../node-binary.js'
import type { Command } from '../process.js'
import { caddyConfiguration, haproxyConfiguration, nginxConfiguration, ourRoutes } from './configurations.js'
import type { Place } from './duties.js'

export interface Contender {
  name: string
  /** Whether it is this package, in whatever state. */
  own: boolean
  /** Whether it can write an access log. */
  logs: boolean
  /** Whether it can run in several processes. */
  clusters: boolean
  /** The version of Node that it runs under, if any; without, it has nothing to warm up but its connections. */
  node: string | undefined
  /** Whether it stands beside the headline's Node. */
  beside?: boolean
  /** How it is started; writes its configuration first. */
  command: (place: Place) => Command
  versions: () => string
  /** Why it cannot take part. */
  missing?: () => string | undefined
}

export const OURS = 'ours'
export const FASTIFY_HTTP_PROXY = '@fastify/http-proxy'
export const HTTP_PROXY_MIDDLEWARE = 'http-proxy-middleware'
export const NGINX = 'nginx'
export const HAPROXY = 'haproxy'
export const CADDY = 'caddy'
/** In the order in which they are printed. */
export const CONTENDERS = [OURS, FASTIFY_HTTP_PROXY, HTTP_PROXY_MIDDLEWARE, NGINX, HAPROXY, CADDY] as const
export type ContenderName = typeof CONTENDERS[number]

const COMMAND = 'dist/src/cli/main.js'
/** Commits before it had no workers, or others. */
const WORKERS = 'dist/src/cli/supervisor.js'

export function contender (name: ContenderName, node: NodeBinary): Contender {
  switch (name) {
    case OURS: return ours(node)
    case FASTIFY_HTTP_PROXY: return nodeServer(name, node, [name, 'undici', '@fastify/cors', '@fastify/rate-limit'], true)
    case HTTP_PROXY_MIDDLEWARE: return nodeServer(name, node, [name, 'express', 'cors', 'express-rate-limit'], false)
    case NGINX: return program(name, '-v', true, nginxConfiguration, ({ directory }, file) => ['nginx', '-p', directory, '-c', file, '-e', 'stderr'])
    case HAPROXY: return program(name, '-v', false, haproxyConfiguration, (_place, file) => ['haproxy', '-db', '-q', '-f', file])
    case CADDY: return program(name, 'version', true, caddyConfiguration, (_place, file) => ['caddy', 'run', '--adapter', 'caddyfile', '--config', file])
  }
}

/** The same one under another Node. */
export function under (name: string, major: string): string {
  return `${name}, Node ${major}`
}

/**
 * Started as `npm start` and `fastify-stream-gateway start --workers` start it.
 *
 * @param root of the package, or of another state of it
 */
export function ours (node: NodeBinary, name: string = OURS, root = ROOT): Contender {
  return {
    name,
    own: true,
    logs: true,
    // A commit that it is compared with may be older.
    clusters: existsSync(join(root, WORKERS)),
    node: node.version,
    versions: () => packageVersions('fastify-stream-gateway', 'fastify'),
    command (place) {
      const routes = join(place.directory, 'routes.json')
      writeFileSync(routes, ourRoutes(place))
      const single = ['node_modules/fastify-cli/cli.js', 'start', '--options', '--close-grace-delay', '3600000', 'dist/src/app.js']
      return {
        command: [node.path, ...(place.workers === undefined ? single : [COMMAND, 'start', '--workers', `${place.workers}`])],
        cwd: root,
        env: { ROUTES_FILE: routes, FASTIFY_ADDRESS: '127.0.0.1', FASTIFY_PORT: `${place.port}` }
      }
    }
  }
}

function nodeServer (name: string, node: NodeBinary, packages: string[], logs: boolean): Contender {
  const file = fileURLToPath(new URL(`./${name.replace('@', '').replace('/', '-')}.js`, import.meta.url))
  return {
    name,
    own: false,
    logs,
    clusters: false,
    node: node.version,
    versions: () => packageVersions(...packages),
    command: ({ port, upstreamPort, accessLog }) => ({ command: [node.path, file, `${port}`, `${upstreamPort}`, ...(accessLog ? ['log'] : [])] })
  }
}

function program (
  name: string, versionFlag: string, logs: boolean, configuration: (place: Place) => string, commandFor: (place: Place, file: string) => string[]
): Contender {
  return {
    name,
    own: false,
    logs,
    clusters: false,
    node: undefined,
    versions: () => programVersion(name, versionFlag),
    missing: () => installed(name) ? undefined : 'not installed',
    command (place) {
      const { directory } = place
      const file = join(directory, 'configuration')
      writeFileSync(file, configuration(place))
      return { command: commandFor(place, file), env: { HOME: directory, XDG_CONFIG_HOME: directory, XDG_DATA_HOME: directory } }
    }
  }
}
