import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pass } from 'node:timers/promises'

export interface Command {
  command: readonly string[]
  env?: Record<string, string>
  cwd?: string
  /** Whether its standard output is kept in `output`; otherwise it goes to the null device. */
  piped?: boolean
}

/** Milliseconds between being asked to end and being killed. */
const GRACE = 2_000

const running = new Set<Process>()
// However this process ends; one that ends by itself has stopped them before.
process.on('exit', () => { for (const each of running) each.signal('SIGKILL') })

/** A process of this benchmark and those that it starts, in a group of their own. */
export class Process {
  readonly pid: number
  output = ''
  /** What it wrote to standard error. */
  complaint = ''
  ended = false
  readonly #child: ChildProcess

  /** @param cpus the cores that it may use, as taskset has them; undefined: those of this process */
  constructor ({ command, env, cwd, piped = false }: Command, cpus?: string) {
    const [file = '', ...args] = cpus === undefined ? command : ['taskset', '-c', cpus, ...command]
    this.#child = spawn(file, args, {
      detached: true,
      stdio: ['ignore', piped ? 'pipe' : 'ignore', 'pipe'],
      env: { ...process.env, NODE_ENV: 'production', ...env },
      ...(cwd === undefined ? {} : { cwd })
    })
    this.#child.on('error', () => this.#end())
    this.#child.on('exit', () => this.#end())
    this.#child.stdout?.on('data', (chunk: Buffer) => { this.output += chunk.toString() })
    this.#child.stderr?.on('data', (chunk: Buffer) => { this.complaint = `${this.complaint}${chunk.toString()}`.slice(-2_000) })
    if (this.#child.pid === undefined) throw new Error(`${file} cannot be started`)
    this.pid = this.#child.pid
    running.add(this)
  }

  /** Reaches all of its group. */
  signal (name: NodeJS.Signals): void {
    try {
      if (!this.ended) process.kill(-this.pid, name)
    } catch {
      // It has just ended.
    }
  }

  /** Resolves with the output up to the end of its first line. */
  async firstLine (): Promise<string> {
    while (!this.output.includes('\n')) {
      if (this.ended) throw new Error(this.complaint)
      await pass(10)
    }
    return this.output
  }

  async stop (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.ended) return
    const closed = once(this.#child, 'close')
    this.signal('SIGCONT')
    this.signal(signal)
    const timer = setTimeout(() => this.signal('SIGKILL'), GRACE)
    await closed
    clearTimeout(timer)
  }

  #end (): void {
    this.ended = true
    running.delete(this)
  }
}

export async function stopAll (): Promise<void> {
  await Promise.all([...running].map(each => each.stop()))
}
