import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { enterExchange, leaveExchange } from '../../src/node/loop-turn.js'
import { Http1Pool } from '../../src/upstream/http1-pool.js'
import { HTTP1_LIMITS } from '../../src/upstream/pool.js'
import type { UpstreamResponse } from '../../src/upstream/pool.js'
import { rawService } from '../fixtures/peers.js'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** A pool, and a POST on one of its connections: resolves with its body. */
function pooled (t: Test, port: number, maxConnections: number, maxQueue = HTTP1_LIMITS.maxQueue) {
  const pool = new Http1Pool({ protocol: 'http', host: '127.0.0.1', port }, { ...HTTP1_LIMITS, maxConnections, maxQueue })
  t.teardown(() => pool.close())
  const used: Array<Socket | null> = []
  const post = async (): Promise<string> => await new Promise((resolve, reject) => {
    const request = pool.request({ method: 'POST', path: '/', head: ['Host', 'x', 'Content-Length', '0'], hasBody: false, fresh: false, timeout: 10_000, silent: () => false })
    request.on('error', reject)
    request.on('response', (response: UpstreamResponse) => {
      used.push(request.socket)
      let body = ''
      pool.deliver(response, {
        write (chunk) {
          body += String(chunk)
          return true
        },
        flush () {},
        end: () => resolve(body),
        fail: reject
      })
    })
    request.end()
  })
  return { pool, post, used }
}

/** Waits within the present turn of the event loop: nothing is read meanwhile. */
async function inThisTurn (holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise<void>(resolve => process.nextTick(resolve))
}

for (const maxConnections of [2, 1]) {
  t.test(`a service that closes after each response without saying so loses no request (${maxConnections} connections at most)`, async t => {
    const { port, sockets } = await rawService(t, socket => socket.once('data', () => socket.end(OK)))
    const { pool, post } = pooled(t, port, maxConnections)
    for (let i = 1; i <= 20; i++) {
      t.equal(await post(), 'ok')
      t.equal(sockets.length, i)
      await inThisTurn(() => pool.idle === 1)
    }
  })
}

t.test('one that keeps its connections has its next request on the same, when that has rested, also a request that waits', async t => {
  const { port, sockets } = await rawService(t, socket => socket.on('data', () => socket.write(OK)))
  const { pool, post } = pooled(t, port, 1)
  t.equal(await post(), 'ok')
  t.strictSame(await Promise.all([post(), post(), post()]), ['ok', 'ok', 'ok'])
  t.equal(sockets.length, 1)
  await inThisTurn(() => pool.idle === 1)
  pool.close()
  while (pool.size > 0) await new Promise(resolve => setImmediate(resolve))
})

t.test('for one that rests a request may wait, also where the queue has no place', async t => {
  const { port, sockets } = await rawService(t, socket => socket.on('data', () => socket.write(OK)))
  const { pool, post } = pooled(t, port, 1, 0)
  t.equal(await post(), 'ok')
  await inThisTurn(() => pool.idle === 1)
  const next = post()
  t.equal(pool.waiting, 1)
  await t.rejects(post(), { name: 'QueueFullError' }, 'and no more than one')
  t.equal(await next, 'ok')
  t.equal(sockets.length, 1)
})

t.test('one that dies in the turn in which it is acquired: the request gets another', async t => {
  const { port, sockets } = await rawService(t, socket => socket.on('data', () => socket.write(OK)))
  const { pool, post, used } = pooled(t, port, 4)
  t.equal(await post(), 'ok')
  while (pool.free < 4) await new Promise(resolve => setImmediate(resolve))
  // Only where many are under way does a request wait for the end of its turn.
  for (let i = 0; i < 8; i++) enterExchange()
  const next = post()
  for (let i = 0; i < 8; i++) leaveExchange()
  used[0]?.destroy()
  t.equal(await next, 'ok')
  t.equal(sockets.length, 2)
})

t.test('one that dies in the turn in which it is acquired, and whose place another request takes: there is no room', async t => {
  const { port } = await rawService(t, socket => socket.on('data', () => socket.write(OK)))
  const { pool, post, used } = pooled(t, port, 1, 0)
  t.equal(await post(), 'ok')
  while (pool.free < 1) await new Promise(resolve => setImmediate(resolve))
  for (let i = 0; i < 8; i++) enterExchange()
  const next = post()
  for (let i = 0; i < 8; i++) leaveExchange()
  const other = new Promise<string>((resolve, reject) => { used[0]?.once('close', () => { post().then(resolve, reject) }) })
  used[0]?.destroy()
  await t.rejects(next, { name: 'QueueFullError' })
  t.equal(await other, 'ok')
})
