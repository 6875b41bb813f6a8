import t from 'tap'
import { guarded } from '../fixtures/auth.js'
import { call } from '../fixtures/gateway.js'
import { RawClient, service } from '../fixtures/peers.js'
import { startRoutes } from '../fixtures/routes.js'
import { compileAddresses } from '../../src/server/addresses.js'
import Fastify from 'fastify'
import streamGateway from '../../src/index.js'
import { portOf } from '../fixtures/peers.js'
import type { Test } from 'tap'
import type { GatewayOptions } from '../../src/index.js'

/** Asks as a client of that address, of whom a trusted proxy tells; resolves with the statuses. */
async function statuses (t: Test, access: GatewayOptions['access'], addresses: string[], own?: GatewayOptions['access']): Promise<number[]> {
  const { port: upstream } = await service(t, (_request, response) => response.end())
  const app = Fastify({ trustProxy: '127.0.0.1' })
  await app.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}`, ...(own !== undefined && { access: own }) }], ...(access !== undefined && { access }) })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(async () => await app.close())
  const found: number[] = []
  for (const address of addresses) found.push((await call(portOf(app.server), '/api/x', { headers: { 'x-forwarded-for': address } })).status)
  return found
}

t.test('access: allow and deny, by address and range, of both families', async t => {
  t.strictSame(await statuses(t, { allow: ['10.0.0.0/8', '2001:db8::/32'] }, ['10.1.2.3', '::ffff:10.1.2.3', '11.0.0.1', '2001:db8::1', '2001:db9::1', '127.0.0.1']), [200, 200, 403, 200, 403, 403])
  t.strictSame(await statuses(t, { deny: ['10.0.0.1', '::1'] }, ['10.0.0.1', '::ffff:a00:1', '10.0.0.2', '::1', '::2']), [403, 403, 200, 403, 200])
  t.strictSame(await statuses(t, { allow: ['10.0.0.0/8'], deny: ['10.6.0.0/16'] }, ['10.6.1.1', '10.7.1.1']), [403, 200], 'deny counts before allow')
})

t.test('access: what is no address is let in by nobody', async t => {
  t.strictSame(await statuses(t, { deny: ['10.0.0.1'] }, ['somebody', 'not:an:address']), [403, 403])
})

t.test('access: of a route in the place of that for all, or switched off', async t => {
  t.strictSame(await statuses(t, { allow: ['10.0.0.0/8'] }, ['10.0.0.1', '11.0.0.1'], { allow: ['11.0.0.0/8'] }), [403, 200])
  t.strictSame(await statuses(t, { allow: ['10.0.0.0/8'] }, ['11.0.0.1'], false), [200])
  t.strictSame(await statuses(t, false, ['11.0.0.1']), [200])
})

t.test('access: X-Forwarded-For of a stranger lets nobody in', async t => {
  const { port, asked } = await guarded(t, undefined, { access: { allow: ['10.0.0.0/8'] } })
  const response = await call(port, '/api/x', { headers: { 'x-forwarded-for': '10.0.0.1', 'x-real-ip': '10.0.0.1', forwarded: 'for=10.0.0.1' } })
  t.match(response, { status: 403, headers: { 'content-type': 'application/json; charset=utf-8' } })
  t.match(response.json(), { success: false, error: { code: 'FORBIDDEN', message: 'This address may not call here' } })
  t.equal(asked.length, 0)
})

t.test('access: comes before the rate limit, and waits for no body', async t => {
  const { port, asked } = await guarded(t, undefined, { access: { deny: ['127.0.0.1'] }, rateLimit: { max: 1 } })
  for (let nth = 0; nth < 3; nth++) t.match(await call(port, '/api/x'), { status: 403, headers: { 'x-ratelimit-limit': undefined } })
  const client = new RawClient(t, port)
  client.send('POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nhello')
  await client.closed
  t.match(client.received, /^HTTP\/1\.1 403 [^]*connection: close/i)
  t.equal(asked.length, 0)
})

t.test('access: holds for what the gateway responds itself', async t => {
  const { port } = await startRoutes(t, { access: { deny: ['127.0.0.0/8'] }, routes: [{ prefix: '/maintenance', respond: { status: 503 } }, { prefix: '/docs', redirect: { to: '/x' } }] })
  t.equal((await call(port, '/maintenance')).status, 403)
  t.equal((await call(port, '/docs')).status, 403)
  t.equal((await call(port, '/none')).status, 404)
})

t.test('addresses of a zone are in the ranges that these are in', async t => {
  t.equal(compileAddresses(['fe80::/10'])('fe80::1%eth0'), true)
})
