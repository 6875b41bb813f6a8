import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { ROOT } from './readme.js'

/** A script in a process of its own, as a person would start it: without tap, which would measure the coverage of examples. */
export class NodeProcess {
  output = ''
  readonly child: ChildProcess
  /** Exit status or signal. */
  readonly exited: Promise<number | string>
  #wake = (): void => {}

  constructor (t: Test, script: string, env: NodeJS.ProcessEnv) {
    // tap puts itself into NODE_OPTIONS of whatever is spawned.
    this.child = spawn('env', ['-u', 'NODE_OPTIONS', process.execPath, script], {
      cwd: fileURLToPath(ROOT),
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe']
    })
    const onOutput = (chunk: Buffer): void => {
      this.output += String(chunk)
      this.#wake()
    }
    this.child.stdout?.on('data', onOutput)
    this.child.stderr?.on('data', onOutput)
    this.exited = once(this.child, 'close').then(([status, signal]: unknown[]) => {
      this.#wake()
      return typeof status === 'number' ? status : String(signal)
    })
    t.teardown(async () => {
      this.child.kill('SIGTERM')
      await this.exited
    })
  }

  /** Waits until the output so far matches. */
  async until (pattern: RegExp): Promise<RegExpExecArray> {
    while (true) {
      const match = pattern.exec(this.output)
      if (match !== null) return match
      if (this.child.exitCode !== null) throw new Error(`ended before ${String(pattern)}: ${this.output}`)
      await new Promise<void>(resolve => { this.#wake = resolve })
    }
  }
}
