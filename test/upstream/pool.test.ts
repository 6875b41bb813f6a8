import { AsyncLocalStorage } from 'node:async_hooks'
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import type { Test } from 'tap'
import { hasResponded } from '../../src/upstream/connection.js'
import { Http1Pool } from '../../src/upstream/http1-pool.js'
import { HTTP1_LIMITS, QueueFullError } from '../../src/upstream/pool.js'
import type { PoolLimits } from '../../src/upstream/pool.js'
import { gone, rawService } from '../fixtures/peers.js'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

interface Asked {
  request: ClientRequest
  answer: Promise<string>
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
      const answer = new Promise<string>((resolve, reject) => {
        asked.on('error', reject)
        asked.on('response', (message: IncomingMessage) => {
          let text = ''
          message.on('data', chunk => { text += chunk })
          message.on('end', () => resolve(text))
          message.on('error', reject)
        })
      })
      answer.catch(() => {})
      asked.end()
      return { request: asked, answer, silence }
    }
  }
}

/** A connection that was released has rested, too. */
async function settled (): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
}

t.test('a connection is kept, used again, and never lent twice', async t => {
  const { pool, ask } = await pooled(t, {}, socket => socket.write(OK))
  const first = ask('/1')
  t.equal(await first.answer, 'ok')
  t.equal(first.request.reusedSocket, false)
  await settled()
  t.strictSame([pool.size, pool.idle], [1, 1])
  const second = ask('/2')
  const third = ask('/3')
  t.strictSame([pool.size, pool.idle], [2, 0], 'lent at once')
  t.equal(await second.answer, 'ok')
  t.equal(second.request.reusedSocket, true)
  t.equal(await third.answer, 'ok')
  t.equal(third.request.reusedSocket, false)
  t.equal(hasResponded(second.request), true)
  await settled()
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
  while (held.length < 2) await settled()
  held[0]?.write(OK)
  await both[0]?.answer
  held[1]?.write(OK)
  await both[1]?.answer
  await settled()
  await ask('/again').answer
  await settled()
  await ask('/again').answer
  t.strictSame(used.slice(2), ['/again 2', '/again 2'])
})

t.test('a fresh connection is made where one is asked for', async t => {
  const { pool, ask } = await pooled(t, {}, socket => socket.write(OK))
  await ask('/1').answer
  await settled()
  const second = ask('/2', { fresh: true })
  await second.answer
  t.equal(second.request.reusedSocket, false)
  t.equal(pool.size, 2)
})

for (const [how, act] of Object.entries({
  'ends its side': (socket: Socket) => socket.end(),
  resets: (socket: Socket) => socket.resetAndDestroy(),
  'sends an answer to nobody': (socket: Socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen'),
  'sends one byte': (socket: Socket) => socket.write('x')
})) {
  t.test(`an idle connection whose service ${how} is closed and not used again`, async t => {
    const { pool, ask, sockets } = await pooled(t, {}, socket => socket.write(OK))
    const { request: first, answer } = ask('/1')
    await answer
    await settled()
    const closed = gone(first.socket ?? first)
    if (sockets[0] !== undefined) act(sockets[0])
    await closed
    t.strictSame([pool.size, pool.idle], [0, 0])
    t.equal(await ask('/2').answer, 'ok')
    t.equal(sockets.length, 2)
  })
}

t.test('bytes after the end of an answer, in the same packet, never reach the next one', async t => {
  const { ask } = await pooled(t, {}, (socket, url) => {
    socket.write(url === '/1' ? `${OK}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen` : OK)
  })
  await ask('/1').answer.catch(() => {})
  await settled()
  t.equal(await ask('/2').answer, 'ok')
})

t.test('a connection that dies under a request fails it and is forgotten', async t => {
  const { pool, ask } = await pooled(t, {}, socket => socket.resetAndDestroy())
  const { answer, request } = ask('/1')
  await t.rejects(answer, { code: 'ECONNRESET' })
  t.equal(hasResponded(request), false)
  while (pool.size > 0) await settled()
})

t.test('an answer with Connection: close is not kept', async t => {
  const { pool, ask } = await pooled(t, {}, socket => socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'))
  const { answer, request } = ask('/1')
  await answer
  await gone(request.socket ?? request)
  t.equal(pool.size, 0)
})

t.test('the idle time ends a connection, at its next use or by the sweep', async t => {
  const { pool, ask, sockets } = await pooled(t, { idleTimeout: 50 }, socket => socket.write(OK))
  await ask('/1').answer
  await wait(100)
  await ask('/2').answer
  t.equal(sockets.length, 2, 'too old to be used')
  while (pool.size > 0) await wait(50)
  t.pass('swept')
})

t.test('the service\'s Keep-Alive hint is honoured, with a margin, and never beyond the own limit', async t => {
  const { pool, ask, sockets } = await pooled(t, { idleTimeout: 1000 }, socket => socket.write(OK))
  pool.learnKeepAlive('max=5')
  pool.learnKeepAlive('timeout=0')
  await ask('/1').answer
  await wait(20)
  await ask('/2').answer
  t.equal(sockets.length, 2, 'kept for no time at all')
  pool.learnKeepAlive('timeout=100')
  pool.learnKeepAlive('timeout=100')
  await settled()
  await ask('/3').answer
  t.equal(sockets.length, 2, 'kept again')
})

t.test('a connection past its lifetime is not kept', async t => {
  const { pool, ask, sockets } = await pooled(t, { maxLifetime: 100 }, socket => socket.write(OK))
  await ask('/1').answer
  await settled()
  t.equal(pool.idle, 1)
  await wait(120)
  await ask('/2').answer
  await settled()
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
  for (const { answer } of asked) {
    while (held.length === 0) await settled()
    held.shift()?.write(OK)
    await answer
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
  while (held.length === 0) await settled()
  held.shift()?.destroy()
  await t.rejects(first.answer)
  t.equal(await second.answer, 'ok')
  t.equal(sockets.length, 2)

  await settled()
  const third = ask('/held')
  const fourth = ask('/4', { fresh: true })
  while (held.length === 0) await settled()
  held.shift()?.write(OK)
  await third.answer
  t.equal(await fourth.answer, 'ok')
  t.equal(fourth.request.reusedSocket, false)
  t.equal(sockets.length, 3)
})

t.test('the queue is bounded, and who gives up leaves it', async t => {
  const { pool, ask } = await pooled(t, { maxConnections: 1, maxQueue: 1 }, () => {})
  ask('/1').answer.catch(() => {})
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
  await first.answer
  await wait(200)
  const second = ask('/2', { timeout: 100 })
  await second.silence
  let told = false
  first.silence.then(() => { told = true }, t.threw)
  await settled()
  t.equal(told, false)
})

t.test('a request given up before it had its socket leaves no connection behind', async t => {
  const { pool, ask } = await pooled(t, {}, socket => socket.write(OK))
  const { request, answer } = ask('/1')
  request.destroy()
  await t.rejects(answer)
  await settled()
  while (pool.size > 0) await settled()
  await ask('/2').answer
  await settled()
  const kept = ask('/3')
  kept.request.destroy()
  await t.rejects(kept.answer)
  t.strictSame([pool.size, pool.idle], [1, 1], 'a kept one stays')
})

t.test('a closed pool keeps nothing', async t => {
  const { pool, ask } = await pooled(t, {}, socket => socket.write(OK))
  await ask('/1').answer
  await settled()
  const lent = ask('/2')
  pool.close()
  await lent.answer
  while (pool.size > 0) await settled()
  const idle = ask('/3')
  await idle.answer
  while (pool.size > 0) await settled()
  t.equal(pool.idle, 0)
})

t.test('what happens on a kept connection belongs to its present request', async t => {
  const storage = new AsyncLocalStorage<string>()
  const { ask } = await pooled(t, {}, socket => socket.write(OK))
  await storage.run('first', async () => await ask('/1').answer)
  await settled()
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
  await ask('/1').answer
  await settled()
  const last = await answered(ask('/2'))
  for (let i = 0; i < 100 && last.deref() !== undefined; i++) {
    await settled()
    collect()
  }
  t.equal(last.deref(), undefined)
  t.equal(pool.idle, 1)

  async function answered ({ request, answer }: Asked): Promise<WeakRef<ClientRequest>> {
    await answer
    return new WeakRef(request)
  }
})
