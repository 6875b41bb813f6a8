import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify from 'fastify'
import type { FastifyServerOptions } from 'fastify'
import rateLimit from '@fastify/rate-limit'
import t from 'tap'
import type { Test } from 'tap'
import streamGateway from '../../src/index.js'
import type { GatewayOptions } from '../../src/index.js'
import { addressOf, bareAddress, clientOf } from '../../src/server/client.js'
import { call, gatewayTo, start } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway, http2Service } from '../fixtures/http2.js'
import { rawService, received, RawClient, service } from '../fixtures/peers.js'
import { CLI, ServiceProcess } from '../fixtures/process.js'

// What a stranger would like a service to believe, in the spellings that CGI and WSGI read as the same.
const FORGED = [
  'X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Proto', 'X-Forwarded-Port', 'X-Forwarded-Prefix', 'X-Forwarded-Server',
  'X-Forwarded-Ssl', 'X-Forwarded-Scheme', 'X-Forwarded-User', 'X-Forwarded-Uri', 'x-forwarded-anything', 'X-Forwarded', 'X-Real-IP', 'Forwarded',
  'X_Forwarded_For', 'X-Forwarded_Host', 'x_forwarded-proto', 'X_FORWARDED_PORT', 'X_Real_IP', 'x-real_ip'
]
const KEPT = ['X-Request-Id', 'X-Forward', 'X_Custom', 'Xa-Forwarded-For', 'Front-End-Https']

/** The head that a service of HTTP/1 gets, without the request line, as lines. */
async function headSeen (t: Test, fields: readonly string[], server: FastifyServerOptions = {}, options: Partial<GatewayOptions> = {}): Promise<string[]> {
  let seen: Promise<string> | undefined
  const { port: upstream } = await rawService(t, socket => {
    seen = received(socket, '\r\n\r\n')
    seen.then(() => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
  })
  const { port } = await gatewayTo(t, upstream, {}, { via: false, ...options }, server)
  const client = new RawClient(t, port)
  client.send(`GET /api/x HTTP/1.1\r\nHost: public.example\r\n${fields.map(field => `${field}\r\n`).join('')}Connection: close\r\n\r\n`)
  await client.closed
  return String(await seen).trimEnd().split('\r\n').slice(2).filter(line => line !== 'Connection: keep-alive')
}

const OWN = ['X-Forwarded-For: 127.0.0.1', 'X-Forwarded-Proto: http', 'X-Forwarded-Host: public.example', 'X-Real-IP: 127.0.0.1']

t.test('nothing passes that a stranger says of itself, in whatever spelling', async t => {
  const kept = KEPT.map(name => `${name}: 1`)
  t.strictSame(await headSeen(t, [...FORGED.map(name => `${name}: forged`), ...kept]), [...kept, ...OWN])
  const others = { trustProxy: '10.0.0.0/8' }
  t.strictSame(await headSeen(t, FORGED.map(name => `${name}: forged`), others), OWN, 'where others are trusted')
  t.strictSame(await headSeen(t, ['Forwarded: for=forged', 'X-Forwarded-Port: 1'], others), OWN, 'nor where it says so alone')
})

t.test('nor over HTTP/2, to either kind of service', async t => {
  const forged = Object.fromEntries(FORGED.map(name => [name.toLowerCase(), 'forged']))
  const { port: http1 } = await service(t, (request, response) => response.end(JSON.stringify(request.headers)))
  const { port: http2 } = await http2Service(t, (stream, headers) => {
    stream.respond()
    stream.end(JSON.stringify(headers))
  })
  for (const [target, more] of [[`http://127.0.0.1:${http1}`, {}], [`http://127.0.0.1:${http2}`, { http2: true }]] as const) {
    const { port } = await http2Gateway(t, target, more)
    const { body } = await new Http2Client(t, port).ask({ ':path': '/api/x', 'x-request-id': '1', ...forged }).closed
    t.notMatch(body, 'forged')
    t.match(JSON.parse(body), { 'x-request-id': '1', 'x-real-ip': /127\.0\.0\.1|::1/ })
  }
})

t.test('what a trusted proxy says passes, but for what an underscore shows to be its client\'s', async t => {
  const said = ['X-Forwarded-Port: 8443', 'X-Forwarded-Prefix: /app', 'x-forwarded-user: me', 'X_Custom: 1']
  const underscored = ['X-Forwarded_Port: forged', 'X_Forwarded_For: forged', 'x_real_ip: forged']
  t.strictSame(await headSeen(t, [...said, ...underscored, 'X-Forwarded-For: 203.0.113.7', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: outer.example'], { trustProxy: 'loopback' }),
    [...said, 'X-Forwarded-For: 203.0.113.7, 127.0.0.1', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: outer.example', 'X-Real-IP: 203.0.113.7'])
  const alone = ['Forwarded: for=203.0.113.7', ...said]
  for (const trustProxy of ['loopback', true, (address: string) => address === '127.0.0.1']) {
    t.strictSame(await headSeen(t, alone, { trustProxy }), [...alone, ...OWN], 'Forwarded alone')
  }
  t.match(await headSeen(t, alone, { trustProxy: 'loopback' }, { forwarded: 'rfc7239' }), [...said, 'Forwarded: for=203.0.113.7, for=127.0.0.1;host=public.example;proto=http'])
  t.match(await headSeen(t, ['X-Forwarded-For: '], { trustProxy: 'loopback' }), OWN, 'an empty list')
  t.match(await headSeen(t, ['X-Forwarded-For: unknown'], { trustProxy: 'loopback' }), ['X-Forwarded-For: unknown, 127.0.0.1', /Proto/, /Host/, 'X-Real-IP: 127.0.0.1'])
})

t.test('an address has no port, and is that of IPv4 where it was written as one of IPv6', async t => {
  for (const [text, address] of [
    ['203.0.113.7', '203.0.113.7'], ['203.0.113.7:50001', '203.0.113.7'], ['[2001:db8::7]:443', '2001:db8::7'], ['[2001:db8::7]', '2001:db8::7'],
    ['2001:db8::7', '2001:db8::7'], ['::ffff:10.0.0.1', '10.0.0.1'], ['::FFFF:10.0.0.1', '10.0.0.1'], ['[::ffff:10.0.0.1]:80', '10.0.0.1'],
    ['64:ff9b::10.0.0.1', '64:ff9b::10.0.0.1'], ['[2001:db8::7', '[2001:db8::7'], ['unknown', 'unknown'], ['', '']
  ] as const) t.equal(bareAddress(text), address, text)
})

t.test('ports that proxies add are no part of a client, nor of a proxy on the way', async t => {
  const { port: upstream } = await service(t, (request, response) => response.end(`${request.headers['x-real-ip']} ${request.headers['x-forwarded-for']}`))
  const { port } = await gatewayTo(t, upstream, {}, {}, { trustProxy: ['loopback', '10.0.0.0/8'] })
  for (const [list, address] of [
    ['203.0.113.7:50001', '203.0.113.7'], ['[2001:db8::7]:443', '2001:db8::7'], ['203.0.113.7:50001, 10.1.2.3:50002', '203.0.113.7'],
    ['203.0.113.7, , [::ffff:10.1.2.3]:50002', '203.0.113.7'], ['9.9.9.9:1, 203.0.113.7:2', '203.0.113.7']
  ] as const) {
    t.equal(String((await call(port, '/api/x', { headers: { 'x-forwarded-for': list } })).body), `${address} ${list}, 127.0.0.1`)
  }
})

t.test('limits count a client once, by whatever port it comes, and know those that are allowed', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end())
  const options = { rateLimit: { max: 1, allowList: ['198.51.100.1', '2001:DB8:0::1', '::ffff:198.51.100.2'] } }
  for (const hosted of [false, true]) {
    const { port } = await start(t, async app => {
      if (hosted) await app.register(rateLimit, { global: false })
      await app.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }], ...options })
    }, { trustProxy: 'loopback' })
    const ask = async (address: string): Promise<number> => (await call(port, '/api/x', { headers: { 'x-forwarded-for': address } })).status
    for (const allowed of ['198.51.100.1:1', '198.51.100.1', '[2001:db8::1]:1', '::ffff:198.51.100.2']) {
      t.strictSame([await ask(allowed), await ask(allowed)], [200, 200], allowed)
    }
    // A host's own plugin makes its own keys.
    if (hosted) continue
    t.strictSame([await ask('203.0.113.7:1'), await ask('203.0.113.7:2'), await ask('::ffff:203.0.113.7'), await ask('203.0.113.8:1')], [200, 429, 429, 200])
    t.strictSame([await ask('[2001:db8:1::7]:443'), await ask('[2001:db8:1::7]:444'), await ask('2001:db8:1::8')], [200, 429, 429], 'and a network of IPv6 once')
  }
})

t.test('a peer on a socket of both families', async t => {
  const { port: upstream } = await service(t, (request, response) => response.end(JSON.stringify(request.headers)))
  const { app } = await gatewayTo(t, upstream, {}, { forwarded: 'both', rateLimit: { max: 9, allowList: ['10.0.0.1'] } })
  const response = await app.inject({ url: '/api/x', remoteAddress: '::ffff:10.0.0.1', headers: { host: 'x' } })
  t.match(response.json(), { 'x-forwarded-for': '10.0.0.1', 'x-real-ip': '10.0.0.1', forwarded: 'for=10.0.0.1;host=x;proto=http' })
  t.equal(response.headers['x-ratelimit-limit'], undefined, 'allowed')
})

/** Short, as the kernel allows about a hundred characters. */
function socketPath (t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'gateway-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  return join(directory, 's')
}

/** A request to who listens at `path`. */
async function callAt (path: string, headers: Record<string, string> = {}): Promise<{ status: number | undefined, fields: Record<string, string> }> {
  const asked = request({ socketPath: path, path: '/api/x', agent: false, headers: { host: 'public.example', ...headers } }).end()
  const [response]: IncomingMessage[] = await once(asked, 'response')
  const body = (await response?.toArray())?.join('') ?? ''
  return { status: response?.statusCode, fields: response?.statusCode === 200 ? JSON.parse(body) : {} }
}

const OF_PROXY = { 'x-forwarded-for': '203.0.113.7:1', 'x-forwarded-proto': 'https', 'x-forwarded-port': '8443' }

t.test('over a Unix socket the peer is local, and has no address to tell', async t => {
  const { port: upstream } = await service(t, (request, response) => response.end(JSON.stringify(request.headers)))
  const options: GatewayOptions = { forwarded: 'both', via: false, routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }] }
  const listen = async (trustProxy: FastifyServerOptions['trustProxy'], more: Partial<GatewayOptions> = {}): Promise<string> => {
    const path = socketPath(t)
    const app = Fastify({ trustProxy: trustProxy ?? false })
    await app.register(streamGateway, { ...options, ...more })
    await app.listen({ path })
    t.teardown(async () => await app.close())
    return path
  }

  for (const trustProxy of [false, '10.0.0.0/8']) {
    const { status, fields } = await callAt(await listen(trustProxy), OF_PROXY)
    t.equal(status, 200)
    t.match(fields, { 'x-forwarded-proto': 'http', 'x-forwarded-host': 'public.example', forwarded: 'for=unknown;host=public.example;proto=http' })
    for (const name of ['x-forwarded-for', 'x-real-ip', 'x-forwarded-port']) t.equal(fields[name], undefined, name)
  }
  for (const trustProxy of ['loopback', true]) {
    const path = await listen(trustProxy)
    const { fields } = await callAt(path, OF_PROXY)
    t.match(fields, { ...OF_PROXY, 'x-real-ip': '203.0.113.7', forwarded: 'for=unknown;host=public.example;proto=https' })
    t.equal((await callAt(path)).fields['x-forwarded-for'], undefined)
  }
  const limited = await listen(false, { rateLimit: { max: 1 } })
  t.strictSame([(await callAt(limited)).status, (await callAt(limited)).status], [200, 429], 'all of them are one client')
  const allowed = await listen(false, { rateLimit: { max: 1, allowList: ['127.0.0.1'] } })
  t.strictSame([(await callAt(allowed)).status, (await callAt(allowed)).status], [200, 200])
})

t.test('a service that listens on a path', async t => {
  const { port: upstream } = await service(t, (request, response) => response.end(JSON.stringify(request.headers)))
  const path = socketPath(t)
  const config = { server: { trustProxy: 'loopback' }, rateLimit: { max: 9 }, routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }] }
  const gateway = new ServiceProcess(t, config, { FASTIFY_ADDRESS: '' }, [CLI, 'start', '--socket', path])
  await gateway.until(/listening at/)
  t.match(await callAt(path, OF_PROXY), { status: 200, fields: { ...OF_PROXY, 'x-real-ip': '203.0.113.7' } })
  gateway.child.kill('SIGTERM')
  t.equal(await gateway.exited, 0)
})

t.test('a connection that is gone has no address either, and is nobody\'s proxy', async t => {
  const seen: Array<[address: string, trusted: boolean]> = []
  const { port } = await start(t, app => {
    app.get('/', async request => {
      request.raw.socket.destroy()
      Object.defineProperty(request.raw.socket, 'remoteAddress', { value: undefined })
      seen.push([addressOf(request), clientOf(request, undefined).trusted])
    })
  }, { trustProxy: 'loopback' })
  await t.rejects(call(port, '/', { headers: { 'x-forwarded-for': '203.0.113.7' } }))
  t.strictSame(seen, [['127.0.0.1', false]])
})
