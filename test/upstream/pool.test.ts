import { AsyncLocalStorage } from 'node:async_hooks'
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import type { Test } from 'tap'
import { stateOf } from '../../src/upstream/connection.js'
import { Http1Pool } from '../../src/upstream/http1-pool.js'
import { HTTP1_LIMITS, QueueFullError } from '../../src/upstream/pool.js'
import type { PoolLimits } from '../../src/upstream/pool.js'
import { gone, rawService } from '../fixtures/peers.js'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

interface Asked {
  request: ClientRequest
  response: Promise<string>
  silence: Promise<void>
}

/** A pool to a raw service, and a way to ask through it. */
async function pooled (t: Test, limits: Partial<PoolLimits>, onRequest: (socket: Socket, url: string, nth: number) => void): Promise<{ pool: Http1Pool, ask (url: string, more?: { fresh?: boolean, timeout?: number }): Asked, sockets: Socket[] }> {
  const { port, sockets } = await rawService(t, (socket, nth) => {
    socket.on('data', chunk => onRequest(socket, String(chunk).split(' ')[1] ?? '', nth))
    socket.on('end', () => socket.end())
  })
  const pool = new Http1Pool({ protocol: 'http', host: '127.0.0.1', port }, { ...HTTP1_LIMITS, ...limits })
  t.teardown(() => {
    pool.close()
    for (const socket of sockets) socket.destroy()
  })
  return {
    pool,
    sockets,
    ask (path, { fresh = false, timeout = 10_000 } = {}) {
      let onSilence: () => void = () => {}
      const silence = new Promise<void>(resolve => { onSilence = resolve })
      const asked = pool.request({ method: 'GET', path, head: ['Host', 'x'], hasBody: false, timeout, silent: () => { onSilence(); return false }, fresh })
      const response = new Promise<string>((resolve, reject) => {
        asked.on('error', reject)
        asked.on('response', (message: IncomingMessage) => {
          let text = ''
          message.on('data', chunk => { text += chunk })
          message.on('end', () => resolve(text))
          message.on('error', reject)
        })
      })
      response.catch(() => {})
      asked.end()
      return { request: asked, response, silence }
    }
  }
}

/** A connection that was released has rested, too. */
async function resolved (): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
}

t.test('a connection is kept, used again, and never acquired twice', async t => {
  const { pool, ask } = await pooled(t, {}, socket => socket.write(OK))
  const first = ask('/1')
  t.equal(await first.response, 'ok')
  t.equal(first.request.reusedSocket, false)
  await resolved()
  t.strictSame([pool.size, pool.idle], [1, 1])
  const second = ask('/2')
  const third = ask('/3')
  t.strictSame([pool.size, pool.idle], [2, 0], 'acquired at once')
  t.equal(await second.response, 'ok')
  t.equal(second.request.reusedSocket, true)
  t.equal(await third.response, 'ok')
  t.equal(third.request.reusedSocket, false)
  t.equal(stateOf(second.request)?.hasResponded, true)
  await resolved()
  const { socket } = second.request
  socket?.emit('free')
  t.strictSame([pool.size, pool.idle], [2, 2], 'given back twice it is idle once')
})

t.test('the latest used is the first used again', async t => {
  const used: string[] = []
  const { ask } = await pooled(t, {}, (socket, url, nth) => {
    used.push(`${url} ${nth}`)
    if (url !== '/hold') socket.write(OK)
    else held.push(socket)
  })
  const held: Socket[] = []
  const both = [ask('/hold'), ask('/hold')]
  while (held.length < 2) await resolved()
  held[0]?.write(OK)
  await both[0]?.response
  held[1]?.write(OK)
  await both[1]?.response
  await resolved()
  await ask('/again').response
  await resolved()
  await ask('/again').response
  t.strictSame(used.slice(2), ['/again 2', '/again 2'])
})

t.test('a fresh connection is made where one is asked for', async t => {
  const { pool, ask } = await pooled(t, {}, socket => socket.write(OK))
  await ask('/1').response
  await resolved()
  const second = ask('/2', { fresh: true })
  await second.response
  t.equal(second.request.reusedSocket, false)
  t.equal(pool.size, 2)
})

for (const [how, act] of Object.entries({
  'ends its side': (socket: Socket) => socket.end(),
  resets: (socket: Socket) => socket.resetAndDestroy(),
  'sends a response to nobody': (socket: Socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen'),
  'sends one byte': (socket: Socket) => socket.write('x')
})) {
  t.test(`an idle connection whose service ${how} is closed and not used again`, async t => {
    const { pool, ask, sockets } = await pooled(t, {}, socket => socket.write(OK))
    const { request: first, response } = ask('/1')
    await response
    await resolved()
    const closed = gone(first.socket ?? first)
    if (sockets[0] !== undefined) act(sockets[0])
    await closed
    t.strictSame([pool.size, pool.idle], [0, 0])
    t.equal(await ask('/2').response, 'ok')
    t.equal(sockets.length, 2)
  })
}

t.test('bytes after the end of a response, in the same packet, never reach the next one', async t => {
  const { ask } = await pooled(t, {}, (socket, url) => {
    socket.write(url === '/1' ? `${OK}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen` : OK)
  })
  await ask('/1').response.catch(() => {})
  await resolved()
  t.equal(await ask('/2').response, 'ok')
})

t.test('a connection that dies under a request fails it and is forgotten', async t => {
  const { pool, ask } = await pooled(t, {}, socket => socket.resetAndDestroy())
  const { response, request } = ask('/1')
  await t.rejects(response, { code: 'ECONNRESET' })
  t.not(stateOf(request)?.hasResponded, true)
  while (pool.size > 0) await resolved()
})

t.test('a response with Connection: close is not kept', async t => {
  const { pool, ask } = await pooled(t, {}, socket => socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'))
  const { response, request } = ask('/1')
  await response
  await gone(request.socket ?? request)
  t.equal(pool.size, 0)
})

t.test('the idle time ends a connection, at its next use or by the sweep', async t => {
  const { pool, ask, sockets } = await pooled(t, { idleTimeout: 50 }, socket => socket.write(OK))
  await ask('/1').response
  await wait(100)
  await ask('/2').response
  t.equal(sockets.length, 2, 'too old to be used')
  while (pool.size > 0) await wait(50)
  t.pass('swept')
})

t.test('the service\'s Keep-Alive hint is honoured, with a margin, and never beyond the own limit', async t => {
  const { pool, ask, sockets } = await pooled(t, { idleTimeout: 1000 }, socket => socket.write(OK))
  pool.learnKeepAlive('max=5')
  pool.learnKeepAlive('timeout=0')
  await ask('/1').response
  await wait(20)
  await ask('/2').response
  t.equal(sockets.length, 2, 'kept for no time at all')
  pool.learnKeepAlive('timeout=100')
  pool.learnKeepAlive('timeout=100')
  await resolved()
  await ask('/3').response
  t.equal(sockets.length, 2, 'kept again')
})

t.test('a connection past its lifetime is not kept', async t => {
  const { pool, ask, sockets } = await pooled(t, { maxLifetime: 100 }, socket => socket.write(OK))
  await ask('/1').response
  await resolved()
  t.equal(pool.idle, 1)
  await wait(120)
  await ask('/2').response
  await resolved()
  t.strictSame([sockets.length, pool.idle], [1, 0])
})

t.test('a full pool lets requests wait, first in, first out', async t => {
  const order: string[] = []
  const held: Socket[] = []
  const { pool, ask, sockets } = await pooled(t, { maxConnections: 1 }, (socket, url) => {
    order.push(url)
    held.push(socket)
  })
  const asked = ['/1', '/2', '/3'].map(url => ask(url))
  t.strictSame([pool.size, pool.waiting], [1, 2])
  for (const { response } of asked) {
    while (held.length === 0) await resolved()
    held.shift()?.write(OK)
    await response
  }
  t.strictSame(order, ['/1', '/2', '/3'])
  t.equal(sockets.length, 1)
  t.equal(asked[2]?.request.reusedSocket, true)
})

t.test('who waits gets a new connection when one is lost, or when a fresh one was asked for', async t => {
  const held: Socket[] = []
  const { ask, sockets } = await pooled(t, { maxConnections: 1 }, (socket, url) => {
    if (url === '/held') held.push(socket)
    else socket.write(OK)
  })
  const first = ask('/held')
  const second = ask('/2')
  while (held.length === 0) await resolved()
  held.shift()?.destroy()
  await t.rejects(first.response)
  t.equal(await second.response, 'ok')
  t.equal(sockets.length, 2)

  await resolved()
  const third = ask('/held')
  const fourth = ask('/4', { fresh: true })
  while (held.length === 0) await resolved()
  held.shift()?.write(OK)
  await third.response
  t.equal(await fourth.response, 'ok')
  t.equal(fourth.request.reusedSocket, false)
  t.equal(sockets.length, 3)
})

t.test('the queue is bounded, and who gives up leaves it', async t => {
  const { pool, ask } = await pooled(t, { maxConnections: 1, maxQueue: 1 }, () => {})
  ask('/1').response.catch(() => {})
  const second = ask('/2')
  t.throws(() => ask('/3'), QueueFullError)
  pool.drop(second.request)
  pool.drop(second.request)
  t.equal(pool.waiting, 0)
  const { silence } = ask('/4', { timeout: 50 })
  t.equal(pool.waiting, 1)
  await silence
  t.pass('the time in the queue counts')
})

t.test('silence is told to the one who has the connection', async t => {
  const { ask } = await pooled(t, {}, (socket, url) => { if (url === '/1') socket.write(OK) })
  const first = ask('/1', { timeout: 100 })
  await first.response
  await wait(200)
  const second = ask('/2', { timeout: 100 })
  await second.silence
  let told = false
  first.silence.then(() => { told = true }, t.threw)
  await resolved()
  t.equal(told, false)
})

t.test('a request given up before it had its socket leaves no connection behind', async t => {
  const { pool, ask } = await pooled(t, {}, socket => socket.write(OK))
  const { request, response } = ask('/1')
  request.destroy()
  await t.rejects(response)
  await resolved()
  while (pool.size > 0) await resolved()
  await ask('/2').response
  await resolved()
  const kept = ask('/3')
  kept.request.destroy()
  await t.rejects(kept.response)
  t.strictSame([pool.size, pool.idle], [1, 1], 'a kept one stays')
})

t.test('a closed pool keeps nothing', async t => {
  const { pool, ask } = await pooled(t, {}, socket => socket.write(OK))
  await ask('/1').response
  await resolved()
  const acquired = ask('/2')
  pool.close()
  await acquired.response
  while (pool.size > 0) await resolved()
  const idle = ask('/3')
  await idle.response
  while (pool.size > 0) await resolved()
  t.equal(pool.idle, 0)
})

t.test('what happens on a kept connection belongs to its present request', async t => {
  const storage = new AsyncLocalStorage<string>()
  const { ask } = await pooled(t, {}, socket => socket.write(OK))
  await storage.run('first', async () => await ask('/1').response)
  await resolved()
  const seen = await storage.run('second', async () => {
    const { request } = ask('/2')
    return await new Promise(resolve => {
      request.once('socket', socket => socket.once('data', () => resolve(storage.getStore())))
    })
  })
  t.equal(seen, 'second')
})

t.test('an idle connection keeps nothing of its last request', async t => {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const { ask, pool } = await pooled(t, {}, socket => socket.write(OK))
  await ask('/1').response
  await resolved()
  const last = await responded(ask('/2'))
  for (let i = 0; i < 100 && last.deref() !== undefined; i++) {
    await resolved()
    collect()
  }
  t.equal(last.deref(), undefined)
  t.equal(pool.idle, 1)

  async function responded ({ request, response }: Asked): Promise<WeakRef<ClientRequest>> {
    await response
    return new WeakRef(request)
  }
})
