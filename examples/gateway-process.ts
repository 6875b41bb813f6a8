import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** Milliseconds that a process gets to end by itself. */
const GRACE = 2_000

/**
 * The command of `npm start`, `exec fastify …`, without npm and a shell between: a signal reaches the gateway itself.
 *
 * @param env beside the environment of this process
 */
export function startGateway (env: NodeJS.ProcessEnv = {}): Child {
  const { scripts }: { scripts: { start: string } } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'))
  const [, , ...args] = scripts.start.split(' ')
  return new Child(process.execPath, [fileURLToPath(import.meta.resolve('fastify-cli/cli.js')), ...args], { env: { ...process.env, ...env } })
}

/** A process that never outlives this one, and that Ctrl-C reaches once, through this one. */
export class Child {
  readonly process: ChildProcess
  /** Resolves when it has ended, with its exit status or the signal. */
  readonly ended: Promise<number | string>

  constructor (command: string, args: string[], options: { env?: NodeJS.ProcessEnv, stdout?: 'inherit' | 'pipe' } = {}) {
    const { env = process.env, stdout = 'inherit' } = options
    // In a group of its own: a terminal sends Ctrl-C to the whole group.
    this.process = spawn(command, args, { cwd: ROOT, env, stdio: ['ignore', stdout, 'inherit'], detached: true })
    this.ended = once(this.process, 'exit').then(([status, signal]: unknown[]) => typeof status === 'number' ? status : String(signal))
    const kill = (): void => { this.process.kill('SIGKILL') }
    process.on('exit', kill)
    this.process.on('exit', () => process.off('exit', kill))
  }

  /** Asks it to end and, when it does not, ends it. */
  async stop (): Promise<void> {
    const timer = setTimeout(() => this.process.kill('SIGKILL'), GRACE)
    this.process.kill('SIGTERM')
    await this.ended
    clearTimeout(timer)
  }
}

/** What a person, a service manager and a terminal that is closed send. */
export function onSignals (end: () => void): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, end)
}
