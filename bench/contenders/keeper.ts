import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { childOptions, serve } from '../child.js'
import type { Usage } from '../child.js'
import { temporaryDirectory } from '../temporary.js'
import type { ContenderOptions } from './policy.js'

// What speaks no IPC has a keeper, which starts it and reads from /proc what it uses.

export interface Place {
  directory: string
  /** Where its configuration will be. */
  file: string
  port: number
  options: ContenderOptions
}

export interface Kept {
  /** Its configuration. */
  text: string
  /** Stays in the foreground; its process and that one's children are measured. */
  command: string[]
  env?: Record<string, string>
}

/** Of utime and stime in /proc, the same on every Linux that Node runs on. */
const MICROSECONDS_PER_TICK = 10_000

export async function keep (describe: (place: Place) => Kept): Promise<void> {
  const options = childOptions<ContenderOptions>()
  const directory = temporaryDirectory('keeper')
  // The worker of a master that runs as root is somebody else.
  chmodSync(directory, 0o755)
  const port = await freePort()
  const file = join(directory, 'config')
  const { text, command, env } = describe({ directory, file, port, options })
  writeFileSync(file, text)

  const [program = '', ...args] = [...pinned(options.cpu), ...command]
  const kept = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, ...env } })
  kept.on('exit', code => process.exit(code ?? 1))
  await accepting(port)
  serve({ port }, () => usageOf([`${kept.pid}`, ...childrenOf(kept.pid)]), async () => {
    kept.kill('SIGTERM')
    await once(kept, 'exit')
  })
}

function pinned (cpu: number | undefined): string[] {
  return cpu === undefined ? [] : ['taskset', '-c', `${cpu}`]
}

function usageOf (pids: readonly string[]): Usage {
  let cpu = 0
  let rss = 0
  for (const pid of pids) {
    // The name in parentheses may hold spaces; utime and stime are the 14th and 15th fields, counted with pid and name.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, '').split(' ')
    cpu += (Number(fields[11]) + Number(fields[12])) * MICROSECONDS_PER_TICK
    rss += Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024
  }
  return { cpu, rss }
}

function childrenOf (pid: number | undefined): string[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(child => child !== '')
}

async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function accepting (port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const socket = connect(port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      return
    } catch {
      await setTimeout(50)
    } finally {
      socket.destroy()
    }
  }
  throw new Error(`nothing accepts connections at port ${port}`)
}
