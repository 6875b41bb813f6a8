import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { setTimeout as pass } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { ConfigError } from '../../src/config/index.js'
import { openRedis, redisOptions, StoreAwayError } from '../../src/server/rate-limit-store.js'
import type { RedisStore } from '../../src/server/rate-limit-store.js'
import { rawService } from '../fixtures/peers.js'
import { NO_REDIS, RedisServer } from '../fixtures/redis.js'
import { until } from '../fixtures/until.js'

const LUA = "return {redis.call('INCR', KEYS[1]), 1000}"

interface Opened {
  store: RedisStore
  lines: Array<{ store?: string, cause?: string, message: string }>
  /** What was counted, or the error. */
  count: (key?: string) => Promise<number | Error>
}

async function opened (t: Test, url: string): Promise<Opened> {
  const lines: Opened['lines'] = []
  const write = (line: object, message: string): void => { lines.push({ ...line, message }) }
  const store = await openRedis({ store: url }, { info: write, warn: write })
  t.teardown(() => store.close())
  store.defineCommand('rateLimit', { numberOfKeys: 1, lua: LUA })
  await store.open()
  const count = async (key = 'a'): Promise<number | Error> => await new Promise(resolve => {
    store.rateLimit?.(key, 1000, 1, false, false, (error, result) => resolve(error ?? result?.[0] ?? NaN))
  })
  return { store, lines, count }
}

t.test('without ioredis the message says what to install', async t => {
  const missing = Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
  const load = (error: Error) => openRedis({ store: 'redis://localhost' }, { info () {}, warn () {} }, async () => await Promise.reject(error))
  await t.rejects(load(missing), new ConfigError('the rate limits', [{
    path: 'rateLimit.store', message: 'found a Redis, which needs a package that is not installed: npm install ioredis'
  }]))
  const other = new Error('broken')
  await t.rejects(load(other), other)
})

t.test('a peer that accepts and says nothing keeps nobody from starting', async t => {
  const { port } = await rawService(t, () => {})
  const { lines, count } = await opened(t, `redis://localhost:${port}/1`)
  t.strictSame(lines, [{ store: `redis://localhost:${port}/1`, cause: 'Command timed out', message: 'the store of the rate limits is away' }])
  t.ok(await count() instanceof StoreAwayError)
})

t.test('an address of IPv6, and a closed port', async t => {
  const { lines } = await opened(t, 'redis://[::1]:1')
  t.match(lines, [{ store: 'redis://[::1]:1', cause: /ECONNREFUSED ::1:1|EADDRNOTAVAIL ::1:1/ }])
  t.equal(lines.length, 1)
})

t.test('what a URL leaves out: the port, the user, the number', async t => {
  const given = ['redis://localhost', 'redis://user:a%2Fb@[::1]:1/2', 'rediss://localhost'].map(store => redisOptions({ store }))
  t.match(given, [
    { host: 'localhost', port: 6379, username: '', password: '', db: 0, tls: undefined },
    { host: '::1', port: 1, username: 'user', password: 'a/b', db: 2, tls: undefined },
    { host: 'localhost', port: 6379, tls: { rejectUnauthorized: true } }
  ])
})

t.test('on a real Redis', { skip: NO_REDIS }, async t => {
  t.test('frozen: no request is held longer than 50 ms, and once that is known none at all', async t => {
    const redis = await RedisServer.start(t)
    const { count, lines } = await opened(t, redis.url)
    t.equal(await count(), 1)
    redis.freeze()
    while (lines.length === 0) {
      // By the order of events: where the loop is late, both are.
      const order: string[] = []
      const counted = count().then(() => order.push('counted'))
      await new Promise<void>(resolve => {
        setTimeout(setImmediate, 50, () => {
          order.push('50 ms')
          resolve()
        })
      })
      await counted
      t.strictSame(order, ['counted', '50 ms'])
    }
    t.match(lines, [{ cause: 'no response within 40 ms', message: /away$/ }])
    const order: string[] = []
    const counted = count().then(() => order.push('counted'))
    setImmediate(() => order.push('a turn'))
    await counted
    t.strictSame(order, ['counted'], 'nothing is waited for')
    redis.thaw()
    await until(() => lines.length === 2)
    t.match(lines[1], { message: /back$/ })
    t.type(await count('b'), 'number')
  })

  t.test('a moment of silence is not yet away', async t => {
    const redis = await RedisServer.start(t)
    const { count, lines } = await opened(t, redis.url)
    redis.freeze()
    const late = count()
    t.ok(await late instanceof StoreAwayError)
    redis.thaw()
    await until(async () => typeof await count('b') === 'number')
    t.strictSame(lines, [])
  })

  t.test('where the loop of the gateway itself is late, the store is not to blame', async t => {
    const redis = await RedisServer.start(t)
    const { count } = await opened(t, redis.url)
    for (let nth = 1; nth <= 3; nth++) {
      // From here on the loop comes to its timers before it reads.
      await new Promise(resolve => setImmediate(resolve))
      const counted = count()
      const until = performance.now() + 100
      while (performance.now() < until);
      t.equal(await counted, nth)
    }
  })

  t.test('one that counts too slowly is away until it is fast, on the same connection', async t => {
    const redis = await RedisServer.start(t)
    let delay = 0
    const { port, sockets } = await rawService(t, socket => {
      const through = connect(redis.port, '127.0.0.1')
      through.on('error', () => {})
      socket.on('data', chunk => through.write(chunk))
      through.on('data', chunk => setTimeout(() => socket.write(chunk), delay))
      t.teardown(() => through.destroy())
    })
    const { count, lines } = await opened(t, `redis://127.0.0.1:${port}`)
    t.equal(await count(), 1)
    delay = 80
    await until(async () => {
      await count()
      return lines.length > 0
    })
    // Longer than two looks take.
    await pass(1500)
    t.strictSame(lines.map(({ cause }) => cause), ['no response within 40 ms'])
    delay = 0
    await until(() => lines.length === 2)
    t.match(lines[1], { message: /back$/ })
    t.equal(sockets.length, 1)
  })

  t.test('a peer that vanishes without closing its connection: a new one is made', async t => {
    const redis = await RedisServer.start(t)
    const vanished = new Set<Socket>()
    const { port, sockets } = await rawService(t, socket => {
      const through = connect(redis.port, '127.0.0.1')
      through.on('error', () => {})
      socket.on('data', chunk => { if (!vanished.has(socket)) through.write(chunk) })
      through.on('data', chunk => { if (!vanished.has(socket)) socket.write(chunk) })
      t.teardown(() => through.destroy())
    })
    const { count, lines } = await opened(t, `redis://127.0.0.1:${port}`)
    t.equal(await count(), 1)
    for (const socket of sockets) vanished.add(socket)
    await until(async () => {
      await count()
      return lines.length > 0
    })
    t.match(lines, [{ cause: 'no response within 40 ms' }])
    await until(() => lines.length === 2)
    t.match(lines[1], { message: /back$/ })
    t.ok(sockets.length > 1)
  })
})
