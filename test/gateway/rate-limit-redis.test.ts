import t from 'tap'
import type { Test } from 'tap'
import streamGateway from '../../src/index.js'
import type { GatewayOptions } from '../../src/index.js'
import { call, gatewayTo, start } from '../fixtures/gateway.js'
import type { Response, Started } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway } from '../fixtures/http2.js'
import { closedPort, RawClient, service } from '../fixtures/peers.js'
import { NO_REDIS, RedisServer } from '../fixtures/redis.js'
import { fixture } from '../fixtures/tls.js'
import { until } from '../fixtures/until.js'

const AWAY = 'the store of the rate limits is away'
const BACK = 'the store of the rate limits is back'
const PASSWORD = 'p:s/w@rd#?%'

type RateLimit = Exclude<NonNullable<GatewayOptions['rateLimit']>, false>

async function gatewayWith (t: Test, rateLimit: RateLimit, route: Partial<GatewayOptions['routes'][number]> = {}): Promise<Started> {
  const { port } = await service(t, (_request, response) => response.end('ok'))
  return await gatewayTo(t, port, route, { rateLimit })
}

function said ({ lines }: Started, message: string): number {
  return lines.filter(({ msg }) => msg === message).length
}

/** Asks again and again until it is told to stop; resolves with what came and how long the longest one took. */
function load ({ port }: Started): { stop: () => Promise<{ statuses: Set<number>, longest: number }> } {
  const stopping = new AbortController()
  let longest = 0
  const statuses = new Set<number>()
  const all = Promise.all(Array.from({ length: 8 }, async () => {
    while (!stopping.signal.aborted) {
      const begun = performance.now()
      statuses.add((await call(port, '/api/x')).status)
      longest = Math.max(longest, performance.now() - begun)
    }
  }))
  return {
    async stop () {
      stopping.abort()
      await all
      return { statuses, longest }
    }
  }
}

t.test('on a real Redis', { skip: NO_REDIS }, async t => {
  t.test('two gateways share one limit, to the last request', async t => {
    const { url } = await RedisServer.start(t)
    const gateways = [await gatewayWith(t, { max: 50, store: url }), await gatewayWith(t, { max: 50, store: url })]
    const responses: Response[] = []
    // As many at once as a slow machine takes without keeping the Redis waiting for its turn.
    await Promise.all(Array.from({ length: 8 }, async (_, nth) => {
      for (let i = 0; i < 25; i++) responses.push(await call(gateways[nth % 2]?.port ?? 0, '/api/x'))
    }))
    t.equal(responses.filter(({ status }) => status === 200).length, 50)
    t.equal(responses.filter(({ status }) => status === 429).length, 150)
    t.equal(responses.filter(({ headers }) => headers['x-ratelimit-remaining'] === '49').length, 1)
    t.match(responses.find(({ status }) => status === 429)?.headers, { 'retry-after': /^\d+$/, 'x-ratelimit-limit': '50' })
  })

  t.test('each limit has a counter of its own there, and no key tells a secret', async t => {
    const redis = await RedisServer.start(t)
    const { port: upstream } = await service(t, (_request, response) => response.end())
    const target = `http://127.0.0.1:${upstream}`
    const { port } = await start(t, app => app.register(streamGateway, {
      prefix: '/v1',
      rateLimit: { max: 2, store: `${redis.url}/3`, key: 'header:x-api-key' },
      routes: [
        { prefix: '/a', target }, { prefix: '/b', target },
        { prefix: '/own', target, rateLimit: { max: 1 } },
        { prefix: '/own', methods: ['POST'], target, rateLimit: { max: 1 } },
        { prefix: '/here', target, rateLimit: { max: 1, store: 'memory' } }
      ]
    }))
    const ask = async (path: string, method = 'GET'): Promise<number> => (await call(port, path, { method, headers: { 'x-api-key': 'confidential' } })).status
    const statuses: number[] = []
    for (const path of ['/v1/a', '/v1/b', '/v1/b', '/v1/own', '/v1/own', '/v1/here', '/v1/here']) statuses.push(await ask(path))
    statuses.push(await ask('/v1/own', 'POST'))
    t.strictSame(statuses, [200, 200, 429, 200, 429, 200, 429, 200])
    const client = redis.client(t)
    await client.select(3)
    const keys = await client.keys('*')
    t.match(keys.filter(key => !key.endsWith('probe')).map(key => key.replace(/^.*?-\/v1/, '').split(' ')[0]).sort(), ['*', '/own', '/own,POST'])
    t.notMatch(keys.join(), /confidential/)
    await client.select(0)
    t.strictSame(await client.keys('*'), [], 'the number in the URL counts')
  })

  t.test('over HTTP/2, and for an upgrade', async t => {
    const { url } = await RedisServer.start(t)
    const { port: upstream, server } = await service(t, (_request, response) => response.end('ok'))
    server.on('upgrade', (_request, socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'))
    const target = `http://127.0.0.1:${upstream}`
    const rateLimit = { max: 1, store: url }
    const client = new Http2Client(t, (await http2Gateway(t, target, { rateLimit })).port)
    t.equal((await client.ask({ ':path': '/api/x' }).closed).status, 200)
    t.equal((await client.ask({ ':path': '/api/x' }).closed).status, 429)
    const { port } = await gatewayTo(t, upstream, { rateLimit: { ...rateLimit, key: 'header:x-key' } })
    for (const status of [101, 429]) {
      const raw = new RawClient(t, port).send('GET /api/x HTTP/1.1\r\nHost: x\r\nX-Key: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n')
      await raw.closed
      t.match(raw.received, new RegExp(`^HTTP/1\\.1 ${status} `))
    }
  })

  t.test('killed and started again under load: requests pass, one line when it goes and one when it is back', async t => {
    const redis = await RedisServer.start(t)
    const gateway = await gatewayWith(t, { max: 1_000_000, store: redis.url })
    const asking = load(gateway)
    await until(() => gateway.lines.length > 20)
    await redis.kill()
    await until(() => said(gateway, AWAY) > 0)
    const then = gateway.lines.length
    await until(() => gateway.lines.length > then + 20)
    t.equal((await call(gateway.port, '/api/x')).headers['x-ratelimit-limit'], undefined, 'nothing is claimed that nobody counts')
    await RedisServer.start(t, [], redis.port)
    await until(() => said(gateway, BACK) > 0)
    t.equal((await call(gateway.port, '/api/x')).headers['x-ratelimit-limit'], '1000000')
    const { statuses, longest } = await asking.stop()
    t.strictSame([...statuses], [200])
    t.ok(longest < 2_000, `${longest} ms: ioredis' own would be nine seconds`)
    t.strictSame([said(gateway, AWAY), said(gateway, BACK)], [1, 1])
    t.match(gateway.lines.find(({ msg }) => msg === AWAY), { level: 40, store: redis.url, cause: /./ })
  })

  t.test('frozen under load: requests pass, one line each', async t => {
    const redis = await RedisServer.start(t)
    const gateway = await gatewayWith(t, { max: 1_000_000, store: redis.url })
    const asking = load(gateway)
    await until(() => gateway.lines.length > 20)
    redis.freeze()
    await until(() => said(gateway, AWAY) > 0)
    const then = gateway.lines.length
    await until(() => gateway.lines.length > then + 20)
    redis.thaw()
    await until(() => said(gateway, BACK) > 0)
    const { statuses, longest } = await asking.stop()
    t.strictSame([...statuses], [200])
    t.ok(longest < 2_000, `${longest} ms`)
    t.strictSame([said(gateway, AWAY), said(gateway, BACK)], [1, 1])
    t.match(gateway.lines.find(({ msg }) => msg === AWAY), { cause: 'no response within 40 ms' })
  })

  t.test('onStoreError "deny": 503 with Retry-After while it is away', async t => {
    const redis = await RedisServer.start(t)
    const gateway = await gatewayWith(t, { max: 100, store: redis.url, onStoreError: 'deny' })
    t.equal((await call(gateway.port, '/api/x')).status, 200)
    redis.freeze()
    await until(async () => (await call(gateway.port, '/api/x')).status === 503 && said(gateway, AWAY) > 0)
    const denied: Response[] = [await call(gateway.port, '/api/x'), await call(gateway.port, '/api/x')]
    for (const { status, headers, json } of denied) {
      t.match({ status, headers, body: json() }, { status: 503, headers: { 'retry-after': '1' }, body: { error: { code: 'SERVICE_UNAVAILABLE', message: 'The rate limit cannot be checked at the moment' } } })
    }
    redis.thaw()
    await until(() => said(gateway, BACK) > 0)
    t.equal((await call(gateway.port, '/api/x')).status, 200)
  })

  t.test('a Redis that does not count is away: its memory is full', async t => {
    const redis = await RedisServer.start(t)
    const client = redis.client(t)
    const gateway = await gatewayWith(t, { max: 5, store: redis.url })
    await client.config('SET', 'maxmemory', '1')
    t.match(await call(gateway.port, '/api/x'), { status: 200, headers: { 'x-ratelimit-limit': undefined } })
    t.match(gateway.lines.find(({ msg }) => msg === AWAY), { cause: /^OOM / })
    await client.config('SET', 'maxmemory', '0')
    await until(() => said(gateway, BACK) > 0)
    t.strictSame([said(gateway, AWAY), said(gateway, BACK)], [1, 1])
  })

  t.test('a password: the right one counts, a wrong one is away; none is ever in the log', async t => {
    const redis = await RedisServer.start(t, ['--requirepass', PASSWORD])
    const store = (password: string): string => `redis://default:${encodeURIComponent(password)}@127.0.0.1:${redis.port}`
    const right = await gatewayWith(t, { max: 5, store: store(PASSWORD) })
    t.equal((await call(right.port, '/api/x')).headers['x-ratelimit-remaining'], '4')
    const wrong = await gatewayWith(t, { max: 5, store: store('confidential') })
    t.equal((await call(wrong.port, '/api/x')).status, 200)
    await redis.kill()
    await until(() => said(right, AWAY) > 0)
    t.match(wrong.lines.find(({ msg }) => msg === AWAY), { store: redis.url, cause: /^WRONGPASS / })
    for (const secret of [PASSWORD, encodeURIComponent(PASSWORD), 'confidential']) t.notOk(JSON.stringify([right.lines, wrong.lines]).includes(secret))
  })

  t.test('TLS: by an authority, with a certificate of ours, and not without', async t => {
    const { port } = await RedisServer.start(t, [
      '--tls-port', 'PORT', '--tls-cert-file', fixture('localhost.pem'), '--tls-key-file', fixture('localhost.key'), '--tls-ca-cert-file', fixture('ca.pem')
    ])
    const store = `rediss://localhost:${port}`
    const tls = { ca: fixture('ca.pem'), cert: fixture('client.pem'), key: fixture('client.key') }
    const trusting = await gatewayWith(t, { max: 5, store, tls })
    t.equal((await call(trusting.port, '/api/x')).headers['x-ratelimit-remaining'], '4')
    const doubting = await gatewayWith(t, { max: 5, store })
    t.equal((await call(doubting.port, '/api/x')).headers['x-ratelimit-remaining'], undefined)
    t.match(doubting.lines.find(({ msg }) => msg === AWAY), { store, cause: /certificate/ })
  })

  t.test('away at the start: the gateway starts, and counts once it is there', async t => {
    const port = await closedPort()
    const gateway = await gatewayWith(t, { max: 5, store: `redis://127.0.0.1:${port}` })
    t.equal((await call(gateway.port, '/api/x')).status, 200)
    t.equal(said(gateway, AWAY), 1)
    await RedisServer.start(t, [], port)
    await until(() => said(gateway, BACK) > 0)
    t.equal((await call(gateway.port, '/api/x')).headers['x-ratelimit-remaining'], '4')
  })
})
