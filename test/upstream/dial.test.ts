import { spawn } from 'node:child_process'
import dns from 'node:dns'
import type { LookupAddress } from 'node:dns'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { Dialer } from '../../src/upstream/dial.js'
import { portOf, rawService } from '../fixtures/peers.js'

type Lookup = (host: string, options: object, done: (error: Error | null, addresses: LookupAddress[]) => void) => void

/** Node's net looks names up by the property of its module. */
function lookUp (t: Test, lookup: Lookup): void {
  t.intercept(dns, 'lookup', { value: lookup })
}

function addresses (...all: string[]): Lookup {
  return (_host, _options, done) => done(null, all.map(address => ({ address, family: address.includes(':') ? 6 : 4 })))
}

async function listening (t: Test, host: string, port = 0): Promise<number> {
  const sockets: Socket[] = []
  const server = createServer(socket => sockets.push(socket))
  server.listen(port, host)
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return portOf(server)
}

/** A port that takes no connection and rejects none: its process stands still, and its backlog is full. */
async function hangingPort (t: Test): Promise<number> {
  const listen = "const s = require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(s.address().port))"
  const child = spawn(process.execPath, ['-e', listen], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(async () => {
    child.kill('SIGKILL')
    await once(child, 'close')
  })
  const [line]: unknown[] = await once(child.stdout, 'data')
  const port = Number(String(line))
  child.kill('SIGSTOP')
  return port
}

/** Fills the backlog. */
async function fill (t: Test, port: number): Promise<void> {
  const dialer = new Dialer({ protocol: 'http', host: '127.0.0.1', port })
  const sockets = Array.from({ length: 8 }, () => dialer.dial())
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  for (const socket of sockets) socket.on('error', () => {})
  await Promise.any(sockets.map(async socket => await once(socket, 'connect')))
}

/** Where the connection leads, or the code of its error. */
async function outcome (t: Test, dialer: Dialer, connected = 'connect'): Promise<string | undefined> {
  const socket = dialer.dial()
  t.teardown(() => { socket.destroy() })
  return await new Promise(resolve => {
    socket.once(connected, () => resolve(socket.remoteAddress))
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code))
  })
}

t.test('an IPv6 address', async t => {
  const port = await listening(t, '::1')
  t.equal(await outcome(t, new Dialer({ protocol: 'http', host: '::1', port })), '::1')
})

t.test('a name with addresses of both families: where the first rejects, the other is taken', async t => {
  const v4 = await listening(t, '127.0.0.1')
  const v6 = await listening(t, '::1')
  lookUp(t, addresses('::1', '127.0.0.1'))
  t.equal(await outcome(t, new Dialer({ protocol: 'http', host: 'both.example', port: v4 })), '127.0.0.1')
  lookUp(t, addresses('127.0.0.1', '::1'))
  t.equal(await outcome(t, new Dialer({ protocol: 'http', host: 'both.example', port: v6 })), '::1')
})

t.test('where the first hangs, the other is taken long before connectTimeout', async t => {
  const port = await hangingPort(t)
  await fill(t, port)
  await listening(t, '::1', port)
  lookUp(t, addresses('127.0.0.1', '::1'))
  t.equal(await outcome(t, new Dialer({ protocol: 'http', host: 'both.example', port, connectTimeout: 30_000 })), '::1')
})

t.test('connectTimeout bounds the lookup, TCP and TLS', async t => {
  const silent = await rawService(t, () => {})
  t.equal(await outcome(t, new Dialer({ protocol: 'https', host: '127.0.0.1', port: silent.port, connectTimeout: 50 }), 'secureConnect'), 'ERR_CONNECT_TIMEOUT')
  const hanging = await hangingPort(t)
  await fill(t, hanging)
  t.equal(await outcome(t, new Dialer({ protocol: 'http', host: '127.0.0.1', port: hanging, connectTimeout: 50 })), 'ERR_CONNECT_TIMEOUT')
  lookUp(t, () => {})
  t.equal(await outcome(t, new Dialer({ protocol: 'http', host: 'slow.example', port: 1, connectTimeout: 50 })), 'ERR_CONNECT_TIMEOUT')
})

t.test('a connection that was made, or was given up, has no timer any more', async t => {
  const { port } = await rawService(t, () => {})
  const before = timers()
  const dialer = new Dialer({ protocol: 'http', host: '127.0.0.1', port, connectTimeout: 60_000 })
  const made = dialer.dial()
  t.teardown(() => { made.destroy() })
  t.equal(timers(), before + 1)
  await once(made, 'connect')
  t.equal(timers(), before)
  const givenUp = dialer.dial()
  givenUp.destroy()
  await once(givenUp, 'close')
  t.equal(timers(), before)
})

function timers (): number {
  return process.getActiveResourcesInfo().filter(kind => kind === 'Timeout').length
}
