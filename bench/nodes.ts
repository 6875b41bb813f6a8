import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fastifyHttpProxy, ours } from './contenders/index.js'
import type { Contender } from './contenders/index.js'
import { format, markdownTable } from './markdown.js'
import type { Result } from './measure.js'
import { ratioOf } from './ratio.js'

/** Node of a major version. */
export interface NodeBinary {
  path: string
  version: string
}

const COMPARED = [ours, fastifyHttpProxy]

/** The node that runs this, or one that npm has a package of; that one is kept for the next time. */
export function nodeBinary (major: string): NodeBinary {
  if (process.versions.node.split('.')[0] === major) return { path: process.execPath, version: process.version }
  const name = `node-${process.platform}-${process.arch}`
  const prefix = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'fastify-stream-gateway', `node-${major}`)
  const path = join(prefix, 'node_modules', name, 'bin', 'node')
  if (!existsSync(path)) {
    execFileSync('npm', ['install', '--prefix', prefix, '--no-audit', '--no-fund', `${name}@${major}`], { stdio: ['ignore', 'ignore', 'inherit'] })
  }
  return { path, version: execFileSync(path, ['--version'], { encoding: 'utf8' }).trim() }
}

/** Ours and @fastify/http-proxy under each of them. */
export function contendersUnder (nodes: readonly NodeBinary[]): Contender[] {
  return nodes.flatMap(node => COMPARED.map(contender => ({ ...contender, name: nameUnder(contender, node), node: node.path })))
}

function nameUnder ({ name }: Contender, { version }: NodeBinary): string {
  return `${name}, Node ${version}`
}

/** CPU microseconds per request, with a column for each Node. */
export function nodesTable (results: readonly Result[], nodes: readonly NodeBinary[]): string {
  const lines = results.flatMap(({ id, rows }) => {
    const row = (contender: Contender, node: NodeBinary) => rows.find(({ name }) => name === nameUnder(contender, node))
    const ratio = (node: NodeBinary): string => {
      const [one, other] = [row(ours, node), row(fastifyHttpProxy, node)]
      return format(one && other && ratioOf('cpu', one, other)?.median)
    }
    return [
      ...COMPARED.map(contender => [`${id}: ${contender.name}`, ...nodes.map(node => format(row(contender, node)?.values.cpu))]),
      [`${id}: ×`, ...nodes.map(ratio)]
    ]
  })
  return `### Node versions: CPU µs/req\n\n${markdownTable([['', ...nodes.map(({ version }) => version)], ...lines])}`
}
