import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pass } from 'node:timers/promises'

/** That are kept. */
const MOST_LINES = 1_000

const running = new Set<Process>()
const folders: string[] = []
// However this process ends.
process.on('exit', () => {
  for (const each of running) each.kill('SIGKILL')
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

export function temporaryFolder (): string {
  const folder = mkdtempSync(join(tmpdir(), 'targets-'))
  folders.push(folder)
  return folder
}

/** A gateway's process. */
export class Process {
  /** The last lines that it wrote. */
  readonly lines: string[] = []
  readonly pid: number
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  #hasEnded = false

  constructor (command: readonly string[], cwd: string, onLine: (line: string) => void = () => {}) {
    const [file = '', ...args] = command
    // Each of its own settings, not those of who runs this.
    const { ROUTES_FILE: _file, FASTIFY_PORT: _port, PORT: _other, ...env } = process.env
    this.#child = spawn(file, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], env })
    this.#exited = once(this.#child, 'close').catch(() => {}).then(() => {
      this.#hasEnded = true
      running.delete(this)
    })
    running.add(this)
    this.pid = this.#child.pid ?? 0
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null) createInterface(stream).on('line', line => this.#keep(line, onLine))
    }
  }

  #keep (line: string, onLine: (line: string) => void): void {
    this.lines.push(line)
    if (this.lines.length > MOST_LINES) this.lines.shift()
    onLine(line)
  }

  assertRunning (): void {
    if (this.#hasEnded) throw new Error(`it has ended: ${this.lines.join('\n')}`)
  }

  /** Waits until that has been written so often. @returns `false` where it was not in time */
  async wrote (text: string, count: number, milliseconds: number): Promise<boolean> {
    const end = performance.now() + milliseconds
    while (this.lines.filter(line => line.includes(text)).length < count) {
      this.assertRunning()
      if (performance.now() > end) return false
      await pass(20)
    }
    return true
  }

  kill (signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  async stop (): Promise<void> {
    if (this.#hasEnded) return
    this.kill('SIGTERM')
    const timer = setTimeout(() => this.kill('SIGKILL'), 5_000)
    await this.#exited
    clearTimeout(timer)
  }

  /** Waits until somebody listens there. */
  async listening (port: number): Promise<void> {
    while (!await accepts(port)) {
      this.assertRunning()
      await pass(20)
    }
  }
}

async function accepts (port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
