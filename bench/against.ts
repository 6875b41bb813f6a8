import { execFileSync } from 'node:child_process'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { OURS, ours } from './contenders/index.js'
import type { Contender } from './contenders/index.js'
import { ROOT, temporaryDirectory } from './machine.js'
import type { NodeBinary } from './node-binary.js'

/** This package as it was at `ref`, with the packages that are installed now. Gone when this process is. */
export function oursAt (ref: string, node: NodeBinary): Contender {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim()
  const commit = git('rev-parse', '--short', '--verify', `${ref}^{commit}`)
  const tree = join(temporaryDirectory(), 'tree')
  // Before its directory goes.
  process.prependListener('exit', () => git('worktree', 'remove', '--force', tree))
  git('worktree', 'add', '--quiet', '--detach', tree, commit)
  symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'))
  const compiler = join('node_modules', 'typescript', 'bin', 'tsc')
  execFileSync(process.execPath, [compiler, '-p', 'tsconfig.build.json', '--noCheck', '--declaration', 'false'], { cwd: tree, stdio: 'inherit' })
  return { ...ours(node, `${OURS}@${commit}`, tree), versions: () => `${ref}, built for this run` }
}
