import { execFileSync } from 'node:child_process'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { OURS, ours } from './contenders/index.js'
import type { Contender } from './contenders/index.js'
import { ROOT } from './machine.js'
import { format, markdownTable } from './markdown.js'
import type { Result, Row } from './measure.js'
import { ratioOf } from './ratio.js'
import type { Metric } from './scenarios/scenario.js'
import { NOISY, width } from './statistics.js'
import type { Spread } from './statistics.js'
import { HEADINGS } from './table.js'
import { temporaryDirectory } from './temporary.js'

const COMPARED: readonly Metric[] = ['rps', 'cpu', 'p99', 'memoryEach', 'cpuPerMiB']

/** This package as it was at `ref`, with the packages that are installed now. Gone when this process is. */
export function oursAt (ref: string): Contender {
  const root = fileURLToPath(ROOT)
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim()
  const commit = git('rev-parse', '--short', '--verify', `${ref}^{commit}`)
  const tree = join(temporaryDirectory('against'), 'tree')
  // Before its directory goes.
  process.prependListener('exit', () => git('worktree', 'remove', '--force', tree))
  git('worktree', 'add', '--quiet', '--detach', tree, commit)
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'))
  const compiler = join('node_modules', 'typescript', 'bin', 'tsc')
  execFileSync(process.execPath, [compiler, '-p', 'tsconfig.build.json', '--noCheck', '--declaration', 'false'], { cwd: tree, stdio: 'inherit' })
  const name = `${OURS}@${commit}`
  return { ...ours, name, options: { source: pathToFileURL(join(tree, 'dist/')).href }, versions: () => `${ref}, built for this run` }
}

/** How many times the value at the commit the present one is, in each row that both have. */
export function comparison (results: readonly Result[], { name: before }: Contender): string {
  const lines = results.flatMap(({ id, rows }) => rows.flatMap(row => {
    const other = rows.find(({ name }) => name === row.name.replace(OURS, before))
    if (other === undefined || other === row) return []
    const label = row.name === OURS ? id : `${id}: ${row.name}`
    return COMPARED.flatMap(metric => line(label, metric, row, other))
  }))
  return markdownTable([['', '', before, 'now', 'ratio', 'rounds', ''], ...lines])
}

function line (label: string, metric: Metric, now: Row, before: Row): string[][] {
  const ratio = ratioOf(metric, now, before)
  if (ratio === undefined) return []
  return [[
    label, HEADINGS[metric], format(before.values[metric]), format(now.values[metric]),
    ratio.median.toFixed(3), `${ratio.lowest.toFixed(3)} – ${ratio.highest.toFixed(3)}`,
    remark(ratio)
  ]]
}

function remark (ratio: Spread): string {
  if (width(ratio) > NOISY) return 'too noisy to tell'
  return ratio.lowest < 1 && ratio.highest > 1 ? 'no difference that shows' : ''
}
