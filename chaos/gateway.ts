import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { idIn } from './id.js'
import type { State } from './leaks.js'

const CLI = fileURLToPath(new URL('../../node_modules/fastify-cli/cli.js', import.meta.url))
const APP = fileURLToPath(new URL('../src/app.js', import.meta.url))
const PROBE = new URL('probe.js', import.meta.url).href
/** Bytes that a gateway may have in memory. One that takes more has lost count, and would take the machine with it. */
const MEMORY = 1024 * 1024 * 1024

/** The service in a process of its own, as `fastify start` runs it. */
export class Gateway {
  /** How many access lines each request has. */
  readonly lines = new Map<number, number>()
  /** Lines at level error and above, and what was said elsewhere. */
  readonly errors: string[] = []
  port = 0
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  #listening = (): void => {}
  readonly #guard: NodeJS.Timeout
  #ended = false

  private constructor (readonly name: string, config: object) {
    const folder = mkdtempSync(join(tmpdir(), 'chaos-'))
    const file = join(folder, 'routes.json')
    writeFileSync(file, JSON.stringify(config))
    this.#child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--import', PROBE, CLI, 'start', '--options', APP], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // fastify-cli takes a port of 0 only from PORT.
      env: { ...process.env, ROUTES_FILE: file, PORT: '0', FASTIFY_ADDRESS: '127.0.0.1', FASTIFY_LOG_LEVEL: 'info' }
    })
    this.#exited = once(this.#child, 'close').then(() => {
      this.#ended = true
      clearInterval(this.#guard)
    }).finally(() => rmSync(folder, { recursive: true }))
    this.#guard = setInterval(() => this.#watchMemory(), 100)
    this.#read(this.#child)
  }

  static async start (name: string, config: object): Promise<Gateway> {
    const gateway = new Gateway(name, config)
    await Promise.race([new Promise<void>(resolve => { gateway.#listening = resolve }), gateway.#exited])
    gateway.#assertRunning()
    return gateway
  }

  #read ({ stdout, stderr }: ChildProcess): void {
    if (stdout === null || stderr === null) throw new TypeError('the output of the gateway is not there')
    createInterface(stdout).on('line', line => this.#onLine(line))
    createInterface(stderr).on('line', line => this.errors.push(line))
  }

  #onLine (text: string): void {
    const line = parsed(text)
    if (line === undefined || line.level >= 50) this.errors.push(text)
    const port = /listening at https?:\/\/127\.0\.0\.1:(\d+)/.exec(line?.msg ?? '')?.[1]
    if (port !== undefined) {
      this.port = Number(port)
      this.#listening()
    }
    const number = line?.outcome === undefined ? undefined : idIn(line.url ?? '')
    if (number !== undefined) this.lines.set(number, (this.lines.get(number) ?? 0) + 1)
  }

  #watchMemory (): void {
    const { pid } = this.#child
    if (process.platform !== 'linux' || pid === undefined || !(residentOf(pid) > MEMORY)) return
    this.errors.push('killed, as its memory grew beyond 1 GiB')
    this.kill('SIGKILL')
  }

  #assertRunning (): void {
    if (this.#ended) throw new Error(`the gateway ${this.name} has ended: ${this.errors.join('\n')}`)
  }

  get pid (): number {
    return this.#child.pid ?? 0
  }

  async state (): Promise<State> {
    this.#assertRunning()
    this.#child.send('state')
    const message: unknown[] | undefined = await Promise.race([once(this.#child, 'message'), this.#exited.then(() => undefined)])
    this.#assertRunning()
    const [state] = message ?? []
    if (!isState(state)) throw new TypeError('the gateway does not tell what it holds')
    return state
  }

  /** @throws Error when it has ended by itself */
  async stop (): Promise<void> {
    this.#assertRunning()
    this.kill('SIGTERM')
    const timer = setTimeout(() => this.kill('SIGKILL'), 5_000)
    await this.#exited
    clearTimeout(timer)
  }

  kill (signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }
}

interface Line {
  level: number
  msg: string
  outcome?: string
  url?: string
}

function parsed (text: string): Line | undefined {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isState (value: unknown): value is State {
  return typeof value === 'object' && value !== null && 'files' in value && 'heap' in value
}

/** Bytes in memory. A process that is just ending says nothing of itself. */
function residentOf (pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}
