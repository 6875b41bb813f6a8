import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { childOptions, serve } from '../child.js'
import type { Usage } from '../child.js'
import { nginxConfig } from './nginx-config.js'
import type { ContenderOptions } from './policy.js'

// nginx speaks no IPC: this process starts it, and reads from /proc what its master and its worker use.

/** Of utime and stime in /proc, the same on every Linux that Node runs on. */
const MICROSECONDS_PER_TICK = 10_000

const { upstreamPort, cpu } = childOptions<ContenderOptions>()

const directory = mkdtempSync(join(tmpdir(), 'bench-nginx-'))
// The worker of a master that runs as root is somebody else.
chmodSync(directory, 0o755)
const port = await freePort()
writeFileSync(join(directory, 'nginx.conf'), nginxConfig({ directory, port, upstreamPort }))

const command = ['nginx', '-p', directory, '-c', 'nginx.conf', '-e', 'stderr']
const [file = '', ...args] = cpu === undefined ? command : ['taskset', '-c', `${cpu}`, ...command]
const nginx = spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'] })
nginx.on('exit', code => {
  rmSync(directory, { recursive: true, force: true })
  process.exit(code ?? 1)
})
await accepting(port)
const pids = [nginx.pid, ...workersOf(nginx.pid)]
serve(port, read, async () => {
  nginx.kill('SIGTERM')
  await once(nginx, 'exit')
})

function read (): Usage {
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

function workersOf (pid: number | undefined): string[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ')
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
  for (let attempt = 0; attempt < 100; attempt++) {
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
  throw new Error('nginx does not accept connections')
}
