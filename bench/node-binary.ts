import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Node of a major version. */
export interface NodeBinary {
  path: string
  version: string
}

/** The node that runs this, or the one of npm's package, which is kept for the next time. */
export function nodeBinary (major: string): NodeBinary {
  if (process.versions.node.split('.')[0] === major) return { path: process.execPath, version: process.version }
  const kept = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'fastify-stream-gateway')
  const path = join(kept, `node-${major}`, 'package', 'bin', 'node')
  if (!existsSync(path)) {
    mkdirSync(kept, { recursive: true })
    fetchNode(major, kept)
  }
  return { path, version: execFileSync(path, ['--version'], { encoding: 'utf8' }).trim() }
}

/** Whole or not at all: a download that was broken off leaves nothing that a later run would take for a node. */
function fetchNode (major: string, kept: string): void {
  console.error(`fetching Node ${major}`)
  const place = mkdtempSync(join(kept, 'fetching-'))
  try {
    execFileSync('npm', ['pack', '--silent', `node-${process.platform}-${process.arch}@${major}`], { cwd: place, stdio: ['ignore', 'ignore', 'inherit'] })
    const [archive = ''] = readdirSync(place)
    execFileSync('tar', ['-xzf', archive, 'package/bin/node'], { cwd: place })
    rmSync(join(place, archive))
    rmSync(join(kept, `node-${major}`), { recursive: true, force: true })
    renameSync(place, join(kept, `node-${major}`))
  } catch (error) {
    rmSync(place, { recursive: true, force: true })
    throw error
  }
}
