import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, release, totalmem, type } from 'node:os'
import { setTimeout } from 'node:timers/promises'

/** Of the compiled files, which lie in dist/bench. */
export const ROOT = new URL('../../', import.meta.url)

/** The cores that processes are pinned to; both absent where that cannot be done. */
export interface Cpus {
  gateway?: number
  load?: number
}

export function installed (program: string): boolean {
  return spawnSync(program, ['-v'], { stdio: 'ignore' }).error === undefined
}

export function programVersion (program: string, flag: string): string {
  const { stdout, stderr } = spawnSync(program, [flag], { encoding: 'utf8' })
  const words = `${stdout}${stderr}`.split('\n', 1)[0] ?? ''
  return words.replace(/^nginx version: nginx\//, 'nginx ').replace(/^HAProxy version ([^ ]+).*$/, 'haproxy $1').replace(/ Copyright.*$/, '')
}

/** Name and version of each; the first of them is looked up here, the others as it or this package would find them. */
export function packageVersion (...names: string[]): string {
  return names.map(name => `${name} ${manifestVersion(name)}`).join(', ')
}

function manifestVersion (name: string): string {
  const own = readVersion(new URL('package.json', ROOT))
  if (own.name === name) return own.version
  const places = createRequire(import.meta.url).resolve.paths(name) ?? []
  for (const place of places) {
    try {
      return readVersion(`${place}/${name}/package.json`).version
    } catch {}
  }
  return '(version unknown)'
}

function readVersion (file: URL | string): { name: string, version: string } {
  return JSON.parse(readFileSync(file, 'utf8')) as { name: string, version: string }
}

/** The gateway gets a core to itself, everything else shares the other one. */
export function pinning (): Cpus {
  const both = [0, 1].every(cpu => spawnSync('taskset', ['-c', `${cpu}`, 'true'], { stdio: 'ignore' }).status === 0)
  return both ? { gateway: 0, load: 1 } : {}
}

/** What part of all cores was busy in a second, from 0 to 1. Nothing of the benchmark may be at work. */
export async function busyShare (): Promise<number> {
  const before = coreTimes()
  await setTimeout(1_000)
  const after = coreTimes()
  return 1 - (after.idle - before.idle) / (after.all - before.all)
}

function coreTimes (): { idle: number, all: number } {
  const times = cpus().map(({ times }) => times)
  return {
    idle: times.reduce((sum, { idle }) => sum + idle, 0),
    all: times.reduce((sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq, 0)
  }
}

export function describeMachine (): string {
  const [first] = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${first?.model.trim() ?? 'unknown CPU'}, ${cpus().length} cores, ${memory} GiB, ${type()} ${release()}, Node ${process.version}`
}

/** How many files, and so connections, a process may open; undefined where that cannot be read. */
export function openFiles (): number | undefined {
  try {
    return Number(/^Max open files +\S+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1])
  } catch {
    return undefined
  }
}
