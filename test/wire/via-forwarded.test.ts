import t from 'tap'
import type { FastifyServerOptions } from 'fastify'
import type { Test } from 'tap'
import streamGateway from '../../src/index.js'
import type { GatewayOptions } from '../../src/index.js'
import { call, gatewayTo, start } from '../fixtures/gateway.js'
import type { Call } from '../fixtures/gateway.js'
import { RawClient, service } from '../fixtures/peers.js'

/** The fields that a service sees, and those of its response. */
async function seen (t: Test, options: Partial<GatewayOptions>, request: Call, server: FastifyServerOptions = {}): Promise<{ fields: Record<string, string>, via: string | undefined }> {
  const { port: upstream } = await service(t, (request, response) => {
    response.setHeader('via', '1.1 cache')
    response.end(JSON.stringify(request.headers))
  })
  const { port } = await gatewayTo(t, upstream, {}, options, server)
  const response = await call(port, '/api/x', request)
  return { fields: JSON.parse(response.body.toString()), via: String(response.headers.via) }
}

t.test('Via is added in both directions (RFC 9110 section 7.6.3)', async t => {
  const { fields, via } = await seen(t, { via: 'edge-1' }, { headers: { via: '1.0 proxy (a, b)' } })
  t.equal(fields.via, '1.0 proxy (a, b), 1.1 edge-1')
  t.equal(via, '1.1 cache, 1.1 edge-1')
})

t.test('with the version that came in', async t => {
  const { port: upstream } = await service(t, (request, response) => response.end(`via ${request.headers.via};`))
  const { port } = await gatewayTo(t, upstream, {}, { via: 'edge-1' })
  const client = new RawClient(t, port)
  client.send('GET /api/x HTTP/1.0\r\n\r\n')
  await client.until('via 1.0 edge-1;')
})

t.test('a name is made up unless one is given, and false switches it off', async t => {
  const first = await seen(t, {}, {})
  const second = await seen(t, { via: true }, {})
  t.match(first.fields.via, /^1\.1 gateway-[0-9a-f]{12}$/)
  t.not(first.fields.via, second.fields.via, 'two gateways on one way are no loop')
  const off = await seen(t, { via: false }, { headers: { via: '1.1 edge-1' } })
  t.equal(off.fields.via, '1.1 edge-1')
  t.equal(off.via, '1.1 cache')
})

t.test('a request that comes back is rejected with 508', async t => {
  let asked = 0
  const { port } = await start(t, async app => {
    app.addHook('onRequest', async () => { asked++ })
    await app.register(async scope => {
      await scope.register(streamGateway, { via: 'edge-1', routes: [{ prefix: '/api', target: 'http://127.0.0.1:1' }] })
    })
  })
  for (const via of ['1.1 edge-1', '1.0 a, 2 edge-1 (comment)', '1.1 a,1.1 edge-1']) {
    const response = await call(port, '/api/x', { headers: { via } })
    t.equal(response.status, 508, via)
    t.equal(response.json().error.code, 'LOOP_DETECTED')
  }
  t.equal((await call(port, '/api/x', { headers: { via: '1.1 edge-10, 1.1 x (edge-1)' } })).status, 502, 'a name that only looks like it is none')
  t.equal(asked, 4)
})

t.test('two gateways on one way are no loop', async t => {
  const { port: upstream } = await service(t, (request, response) => response.end(request.headers.via))
  const { port: inner } = await gatewayTo(t, upstream)
  const { port: outer } = await gatewayTo(t, inner, { pathRewrite: { pattern: '^/api', replacement: '/api' } })
  const response = await call(outer, '/api/x')
  t.match(response.body.toString(), /^1\.1 gateway-\w+, 1\.1 gateway-\w+$/)
})

const X_FORWARDED = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-real-ip']

t.test('forwarded: "rfc7239" sends Forwarded alone (RFC 7239)', async t => {
  const { fields } = await seen(t, { forwarded: 'rfc7239' }, { headers: { host: 'public.example', forwarded: 'for=evil', 'x-forwarded-for': 'evil' } })
  t.equal(fields.forwarded, 'for=127.0.0.1;host=public.example;proto=http')
  for (const name of X_FORWARDED) t.equal(fields[name], undefined)
})

t.test('forwarded: "both"', async t => {
  const { fields } = await seen(t, { forwarded: 'both' }, { headers: { host: 'public.example:8080' } })
  t.equal(fields.forwarded, 'for=127.0.0.1;host="public.example:8080";proto=http')
  t.match(fields, { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-host': 'public.example:8080', 'x-real-ip': '127.0.0.1' })
})

t.test('a trusted proxy\'s Forwarded is appended to', async t => {
  const { fields } = await seen(t, { forwarded: 'rfc7239' }, { headers: { host: 'x', forwarded: 'for=203.0.113.7;proto=https', 'x-forwarded-for': '203.0.113.7' } }, { trustProxy: 'loopback' })
  t.equal(fields.forwarded, 'for=203.0.113.7;proto=https, for=127.0.0.1;host=x;proto=http')
})

t.test('an address of IPv6 is quoted', async t => {
  const { port: upstream } = await service(t, (request, response) => response.end(`${request.headers.forwarded};`))
  const { app } = await gatewayTo(t, upstream, {}, { forwarded: 'rfc7239' })
  const response = await app.inject({ url: '/api/x', remoteAddress: '2001:db8::1', headers: { host: '[2001:db8::2]' } })
  t.equal(response.body, 'for="[2001:db8::1]";host="[2001:db8::2]";proto=http;')
})

t.test('without Host there is nothing to say about it', async t => {
  const { port: upstream } = await service(t, (request, response) => response.end(`forwarded ${request.headers.forwarded};`))
  const { port } = await gatewayTo(t, upstream, {}, { forwarded: 'rfc7239' })
  const client = new RawClient(t, port)
  client.send('GET /api/x HTTP/1.0\r\n\r\n')
  await client.until('forwarded for=127.0.0.1;proto=http;')
})
