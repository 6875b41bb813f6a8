import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cpus, release, tmpdir, totalmem, type } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Of the package; the compiled files lie in dist/bench. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

export const ALL_CORES = `0-${cpus().length - 1}`
/** The gateway's core. Everything else runs on the other one. */
export const GATEWAY_CORE = '0'
const LOAD_CORE = '1'

/** Throws where it cannot be measured. Whatever this process starts afterwards is on the load's core, too. */
export function prepareMachine (): void {
  if (process.platform !== 'linux') throw new Error('CPU time is read from /proc, so this needs Linux')
  if (!installed('wrk')) throw new Error('wrk is not installed, and it is what makes the load')
  if (cpus().length < 2) throw new Error('this needs a core for the gateway and one for all else')
  execFileSync('taskset', ['-a', '-c', '-p', LOAD_CORE, `${process.pid}`], { stdio: 'ignore' })
}

export function installed (program: string): boolean {
  return spawnSync(program, ['-v'], { stdio: 'ignore' }).error === undefined
}

/** Such as "nginx 1.22.1". */
export function programVersion (program: string, flag: string): string {
  const { stdout, stderr } = spawnSync(program, [flag], { encoding: 'utf8' })
  return `${program} ${/\d+\.\d+(\.\d+)?/.exec(`${stdout}${stderr}`)?.[0] ?? '(version unknown)'}`
}

/** Name and version of each. */
export function packageVersions (...names: string[]): string {
  return names.map(name => {
    const file = join(ROOT, name === 'fastify-stream-gateway' ? '' : `node_modules/${name}`, 'package.json')
    return `${name} ${/^\s+"version": "([^"]+)"/m.exec(readFileSync(file, 'utf8'))?.[1]}`
  }).join(', ')
}

export function describeMachine (): string {
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${cpus().length} cores, ${memory} GiB, ${type()} ${release()}`
}

const temporary = mkdtempSync(join(tmpdir(), 'bench-'))
// nginx gives up root in its worker, which has to get in all the same.
chmodSync(temporary, 0o755)
process.on('exit', () => rmSync(temporary, { recursive: true, force: true }))

/** A directory that goes when this process does. */
export function temporaryDirectory (): string {
  const directory = mkdtempSync(join(temporary, 'x'))
  chmodSync(directory, 0o755)
  return directory
}
