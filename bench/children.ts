import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface StartOptions {
  /** The core it is pinned to; absent: any. */
  cpu?: number | undefined
  /** The node that runs it; absent: the one that runs this. */
  node?: string | undefined
  /** What `childOptions` returns in the child. */
  options?: object
}

const GRACE = 2_000

const running = new Set<Child>()

/** A process of this benchmark, spoken to with one question at a time. */
export class Child {
  readonly #name: string
  readonly #process: ChildProcess
  #ended: Error | undefined
  #waiting: { resolve: (message: unknown) => void, reject: (error: Error) => void } | undefined
  readonly #early: unknown[] = []

  private constructor (name: string, file: URL, { cpu, node = process.execPath, options = {} }: StartOptions) {
    this.#name = name
    this.#process = fork(fileURLToPath(file), [JSON.stringify(options)], {
      // taskset becomes the process it is given, so the channel and the pid are those of node.
      ...(cpu === undefined ? { execPath: node } : { execPath: 'taskset', execArgv: ['-c', `${cpu}`, node] }),
      env: { ...process.env, NODE_ENV: 'production' },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc']
    })
    this.#process.on('message', message => this.#deliver(message))
    this.#process.on('error', error => this.#end(error))
    this.#process.on('exit', (code, signal) => this.#end(new Error(`${name} ended: ${signal ?? `exit code ${code}`}`)))
    running.add(this)
  }

  /** @param file a module beside the caller's, by `new URL('./x.js', import.meta.url)` */
  static start (name: string, file: URL, options: StartOptions = {}): Child {
    return new Child(name, file, options)
  }

  /** The next message, as the child's own types have it. */
  async next<T> (): Promise<T> {
    if (this.#early.length > 0) return this.#early.shift() as T
    if (this.#ended !== undefined) throw this.#ended
    if (this.#waiting !== undefined) throw new Error(`${this.#name} is asked twice at once`)
    return await new Promise<T>((resolve, reject) => {
      this.#waiting = { resolve: message => resolve(message as T), reject }
    })
  }

  async ask<T> (question: string): Promise<T> {
    if (this.#ended === undefined) this.#process.send(question)
    return await this.next<T>()
  }

  async stop (): Promise<void> {
    running.delete(this)
    if (this.#ended !== undefined) return
    const exited = once(this.#process, 'exit')
    if (this.#process.connected) this.#process.disconnect()
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), GRACE)
    await exited
    clearTimeout(timer)
  }

  #deliver (message: unknown): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting === undefined) this.#early.push(message)
    else waiting.resolve(message)
  }

  #end (error: Error): void {
    this.#ended ??= error
    running.delete(this)
    this.#waiting?.reject(this.#ended)
    this.#waiting = undefined
  }
}

export async function stopAllChildren (): Promise<void> {
  await Promise.all([...running].map(child => child.stop()))
}
