import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { call } from '../fixtures/gateway.js'
import { closedPort } from '../fixtures/peers.js'
import { CLI, ServiceProcess } from '../fixtures/process.js'

const config = { routes: [{ prefix: '/api', target: 'http://127.0.0.1:1' }] }
const TOLD = /The log cannot be written \(.+\)\. The service goes on/
/** Long enough that a few hundred lines fill a pipe and everything behind it. */
const LONG = 'x'.repeat(8_000)

async function start (t: Test, stdout: number): Promise<{ gateway: ServiceProcess, port: number }> {
  const port = await closedPort()
  const gateway = new ServiceProcess(t, config, { FASTIFY_PORT: String(port) }, [CLI, 'start'], stdout)
  closeSync(stdout)
  let status = 0
  while (status === 0) status = await call(port, '/api/x').then(response => response.status, () => 0)
  t.equal(status, 502, 'it serves')
  return { gateway, port }
}

async function calls (port: number, count: number): Promise<void> {
  for (let i = 0; i < count; i += 20) await Promise.all(Array.from({ length: 20 }, async () => await call(port, `/api/${LONG}`)))
}

async function ends (t: Test, { child, exited }: ServiceProcess): Promise<void> {
  child.kill('SIGTERM')
  t.equal(await exited, 0)
}

function fifo (t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'gateway-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'out')
  execFileSync('mkfifo', [path])
  return path
}

t.test('a full disk: it listens, serves and ends', async t => {
  const { gateway, port } = await start(t, openSync('/dev/full', 'w'))
  await gateway.until(TOLD)
  await calls(port, 20)
  await ends(t, gateway)
  t.match(gateway.output, 'ENOSPC')
  t.equal(gateway.output.split('cannot be written').length, 2, 'which it says once')
})

t.test('a pipe that nobody reads: lines are dropped, counted and told when it goes on', async t => {
  const path = fifo(t)
  const { gateway, port } = await start(t, openSync(path, constants.O_RDWR))
  // 1 MiB of lines, and what the pipe holds.
  await calls(port, 200)
  await gateway.until(TOLD)
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  let log = ''
  const socket = new Socket({ fd: reader, readable: true, writable: false })
  const hasGoneOn = new Promise<void>(resolve => {
    socket.on('data', chunk => {
      log += String(chunk)
      if (log.includes('"dropped"') && log.endsWith('\n')) resolve()
    })
  })
  await hasGoneOn
  const lines: { url?: string, dropped?: number }[] = log.trimEnd().split('\n').map(line => JSON.parse(line))
  const [told, ...others] = lines.filter(({ dropped }) => dropped !== undefined)
  t.strictSame(others, [], 'one line')
  t.equal(lines.filter(({ url }) => url?.endsWith(LONG)).length + Number(told?.dropped), 200, 'every one is written or counted')

  socket.destroy()
  await ends(t, gateway)
  t.equal(gateway.output.split('cannot be written').length, 2, 'and stderr says so once')
})

t.test('SIGTERM ends it also while nobody reads', async t => {
  const { gateway, port } = await start(t, openSync(fifo(t), constants.O_RDWR))
  await calls(port, 200)
  await ends(t, gateway)
})

t.test('a reader that is gone for good', async t => {
  const path = fifo(t)
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const stdout = openSync(path, constants.O_WRONLY)
  closeSync(reader)
  const { gateway, port } = await start(t, stdout)
  await gateway.until(TOLD)
  await calls(port, 20)
  await ends(t, gateway)
  t.match(gateway.output, /^The log cannot be written \(write EPIPE\)/)
})
