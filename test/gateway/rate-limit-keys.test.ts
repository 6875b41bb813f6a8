import rateLimit from '@fastify/rate-limit'
import t from 'tap'
import type { Test } from 'tap'
import streamGateway from '../../src/index.js'
import type { GatewayOptions } from '../../src/index.js'
import { compileClientKey, networkOf } from '../../src/proxy/client-key.js'
import { call, gatewayTo, start } from '../fixtures/gateway.js'
import type { Call, Response } from '../fixtures/gateway.js'
import { service } from '../fixtures/peers.js'

const TRUSTING = { trustProxy: ['127.0.0.1'] }

/** Asks the gateway one thing after the other; resolves with the statuses. */
async function statusesOf (t: Test, rateLimit: GatewayOptions['rateLimit'], asked: Call[]): Promise<number[]> {
  const { port: upstream } = await service(t, (_request, response) => response.end())
  const { port } = await gatewayTo(t, upstream, {}, rateLimit === undefined ? {} : { rateLimit }, TRUSTING)
  const responses: Response[] = []
  for (const one of asked) responses.push(await call(port, '/api/x', one))
  return responses.map(({ status }) => status)
}

function from (client: string, more: Record<string, string> = {}): Call {
  return { headers: { 'x-forwarded-for': client, ...more } }
}

t.test('key "ip": a client of IPv6 is its /64 network', async t => {
  t.strictSame(await statusesOf(t, { max: 1 }, [from('2001:db8:0:1::1'), from('2001:db8:0:1:ffff::2'), from('2001:db8:0:2::1')]), [200, 429, 200])
})

t.test('key "header:…": who sends the same one; without it the address counts', async t => {
  t.strictSame(await statusesOf(t, { max: 1, key: 'header:X-Api-Key' }, [
    from('10.0.0.1', { 'x-api-key': 'a' }), from('10.0.0.2', { 'x-api-key': 'a' }), from('10.0.0.1', { 'x-api-key': 'b' }),
    from('10.0.0.1'), from('10.0.0.1', { 'x-api-key': '' }), from('10.0.0.2')
  ]), [200, 429, 200, 200, 429, 200])
  t.strictSame(await statusesOf(t, { max: 1, key: 'header:x-api-key' }, [from('10.0.0.1', { 'x-api-key': '10.0.0.2' }), from('10.0.0.2')]), [200, 200],
    'no key takes away what another address may')
})

t.test('key "cookie:…"', async t => {
  t.strictSame(await statusesOf(t, { max: 1, key: 'cookie:sid' }, [
    from('10.0.0.1', { cookie: 'a=b; sid=1' }), from('10.0.0.2', { cookie: 'sid=1' }), from('10.0.0.1', { cookie: 'sid=2' }),
    from('10.0.0.1', { cookie: 'xsid=1' }), from('10.0.0.1')
  ]), [200, 429, 200, 200, 429])
})

t.test('networks are told apart in any spelling, and an address of IPv4 stays that', async t => {
  for (const [address, network] of [
    ['203.0.113.7', '203.0.113.7'], ['::ffff:203.0.113.7', '203.0.113.7'], ['0:0:0:0:0:FFFF:cb00:7107', '203.0.113.7'],
    ['2001:db8::1', '2001:db8:0:0::/64'], ['2001:DB8:0000::0.0.0.1', '2001:db8:0:0::/64'], ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'], ['::1', '0:0:0:0::/64'], ['::', '0:0:0:0::/64'], ['1::', '1:0:0:0::/64'], ['unknown', 'unknown'], ['Not:An:Address', 'not:an:address']
  ] as const) t.equal(networkOf(address), network, address)
})

t.test('a value is kept as a digest, however long it is', async t => {
  const key = compileClientKey('header:x-api-key')('10.0.0.1', { headers: { 'x-api-key': 'x'.repeat(8000) } })
  t.match(key, /^[\w-]{43}$/)
})

t.test('methods: what is not listed passes uncounted; GET is HEAD as well', async t => {
  t.strictSame(await statusesOf(t, { max: 1, methods: ['POST'] }, [{}, {}, { method: 'POST' }, {}, { method: 'POST' }]), [200, 200, 200, 200, 429])
  t.strictSame(await statusesOf(t, { max: 1, methods: ['GET'] }, [{ method: 'HEAD' }, {}, { method: 'POST' }]), [200, 429, 200])
})

t.test('allowList: addresses and ranges', async t => {
  const allowList = ['10.1.0.0/16', '203.0.113.9', '2001:db8::/32', '::1']
  t.strictSame(await statusesOf(t, { max: 1, allowList }, [
    from('10.1.2.3'), from('10.1.2.3'), from('203.0.113.9'), from('203.0.113.9'), from('2001:db8:5::1'), from('2001:db8:5::1'),
    from('::ffff:10.1.2.4'), from('::ffff:10.1.2.4'), from('10.2.0.1'), from('10.2.0.1'), from('somebody'), from('somebody')
  ]), [200, 200, 200, 200, 200, 200, 200, 200, 200, 429, 200, 429])
})

t.test('headers "draft": RateLimit and RateLimit-Policy, and none of the service\'s', async t => {
  const { port: upstream } = await service(t, (_request, response) => {
    response.writeHead(200, { ratelimit: '"theirs";r=7', 'ratelimit-limit': '7', 'x-ratelimit-limit': '7' })
    response.end()
  })
  const { port } = await gatewayTo(t, upstream, {}, { rateLimit: { max: 2, timeWindow: '1500ms', headers: 'draft' } })
  const { headers } = await call(port, '/api/x')
  t.match(headers, { ratelimit: /^"default";r=1;t=[12]$/, 'ratelimit-policy': '"default";q=2;w=2', 'ratelimit-limit': undefined, 'x-ratelimit-limit': '7' })
  await call(port, '/api/x')
  t.match(await call(port, '/api/x'), { status: 429, headers: { ratelimit: /^"default";r=0;t=[12]$/, 'ratelimit-policy': /q=2/, 'retry-after': /^[12]$/, 'x-ratelimit-limit': undefined } })
})

t.test('a 429 says in words how long to wait', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end())
  for (const [timeWindow, words] of [['1s', '1 second'], ['30s', '30 seconds'], ['2m', '2 minutes'], ['1h', '1 hour'], ['2d', '2 days']] as const) {
    const { port } = await gatewayTo(t, upstream, {}, { rateLimit: { max: 1, timeWindow } })
    await call(port, '/api/x')
    t.equal((await call(port, '/api/x')).json().error.message, `Rate limit exceeded, retry in ${words}`)
  }
})

t.test('in a host whose @fastify/rate-limit has one store for all, the counters of two routes stay apart', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end())
  const target = `http://127.0.0.1:${upstream}`
  const counts = new Map<string, number>()
  class Store {
    incr (key: string, counted: (error: Error | null, result?: { current: number, ttl: number }) => void): void {
      const current = (counts.get(key) ?? 0) + 1
      counts.set(key, current)
      if (key.startsWith('/broken')) counted(new Error('broken'))
      else counted(null, { current, ttl: 1000 })
    }

    child (): this {
      return this
    }
  }
  const { port } = await start(t, async app => {
    await app.register(rateLimit, { global: false, store: Store, keyGenerator: request => `host's ${request.ip}` })
    await app.register(streamGateway, {
      rateLimit: { max: 2 },
      routes: [
        { prefix: '/a', target }, { prefix: '/key', target, rateLimit: { key: 'ip' } }, { prefix: '/own', target, rateLimit: { max: 1 } },
        { prefix: '/own', hosts: ['other.example'], target, rateLimit: { max: 1 } }, { prefix: '/broken', target, rateLimit: { max: 1 } }
      ]
    })
  })
  const statuses: number[] = []
  for (const path of ['/own', '/own', '/a', '/a', '/a', '/broken', '/key']) statuses.push((await call(port, path)).status)
  statuses.push((await call(port, '/own', { headers: { host: 'other.example' } })).status)
  t.strictSame(statuses, [200, 429, 200, 200, 429, 500, 200, 200])
  t.strictSame([...counts.keys()], [
    '/own host\'s 127.0.0.1', '* host\'s 127.0.0.1', '/broken host\'s 127.0.0.1', '/key 127.0.0.1', '/own,other.example host\'s 127.0.0.1'
  ], 'by the host\'s keys, where the gateway names none')
})

t.test('by address no header is looked at, as Node makes an object of all of them for the first who does', async t => {
  const request = { get headers (): never { throw new Error('the headers were made into an object') } }
  t.equal(compileClientKey()('10.0.0.1', request), '10.0.0.1')
})
