import { request } from 'node:http'
import t from 'tap'
import streamGateway from '../../src/index.js'
import { call, gatewayTo, start } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway, http2Service } from '../fixtures/http2.js'
import { seen } from '../fixtures/moving.js'
import { before } from '../fixtures/parity.js'
import { RawClient, rawService, received } from '../fixtures/peers.js'
import { named } from '../fixtures/routes.js'
import { webSocket } from '../fixtures/websockets.js'

// docs/parity: the fields of a request's head, and of a response's.

t.test('what Connection nominates does not pass: one field, several, beside keep-alive', async t => {
  const { see } = await before(t)
  for (const connection of ['X-One', 'X-One, X-Two', 'keep-alive, X-One', 'x-one,x-two, close']) {
    const { headers } = await see('/api/x', { headers: { 'X-One': '1', 'X-Two': '2', 'X-Kept': '3', Connection: connection } })
    t.equal(headers['x-one'], undefined, connection)
    t.equal(headers['x-two'], /two/i.test(connection) ? undefined : '2', connection)
    t.equal(headers['x-kept'], '3')
    t.equal(headers.connection, 'keep-alive', 'that of the own hop')
  }
})

t.test('what a hook or a rule sets passes, also where the client nominates it', async t => {
  const { see } = await before(t, {
    headers: { request: { set: { 'x-rule': 'rule' } } },
    rewriteRequestHeaders: headers => { headers['x-hook'] = 'hook' }
  })
  const { headers } = await see('/api/x', { headers: { 'x-hook': 'client', 'x-rule': 'client', connection: 'x-hook, x-rule' } })
  t.match(headers, { 'x-hook': 'hook', 'x-rule': 'rule' })
})

t.test('te: trailers reaches a service of HTTP/2, and no other coding does', async t => {
  const seenTe: unknown[] = []
  const { port: upstream } = await http2Service(t, (stream, headers) => {
    seenTe.push(headers.te)
    stream.respond({ ':status': 200 })
    stream.end()
  })
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`, { http2: true })
  await new Http2Client(t, port).ask({ ':path': '/api/x', te: 'trailers' }).closed
  await new Http2Client(t, port).ask({ ':path': '/api/x' }).closed
  const http1 = await gatewayTo(t, upstream, { http2: true })
  await call(http1.port, '/api/x', { headers: { te: 'gzip, trailers', connection: 'te' } })
  t.strictSame(seenTe, ['trailers', undefined, 'trailers'])
})

t.test('a request that says Trailer and has none hangs nowhere', async t => {
  const { port } = await before(t)
  const client = new RawClient(t, port).send('GET /api/x HTTP/1.1\r\nHost: x\r\nTrailer: xxx\r\nTrailer1: xxx\r\nConnection: close\r\n\r\n')
  await client.closed
  t.match(client.received, '"trailer1":"xxx"')
  t.notMatch(client.received, '"trailer":')
})

t.test('the service is told who asked: of requests over either version, and of upgrades', async t => {
  const told = { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http', 'x-forwarded-host': 'public.example:8080', 'x-forwarded-port': undefined }
  const { see, target, port } = await before(t)
  t.match((await see('/api/x', { headers: { host: 'public.example:8080' } })).headers, told)
  const http2 = await http2Gateway(t, target)
  const { body } = await new Http2Client(t, http2.port).ask({ ':path': '/api/x', ':authority': 'public.example:8080' }).closed
  t.match(JSON.parse(body).headers, told)
  const client = webSocket(t, port, '/api/x', [], { headers: { host: 'public.example:8080' } })
  const [, response] = await new Promise<[unknown, NodeJS.ReadableStream]>(resolve => client.once('unexpected-response', (...args) => resolve(args)))
  let text = ''
  for await (const chunk of response) text += String(chunk)
  t.match(JSON.parse(text).headers, told)
})

t.test('a client of HTTP/1.0 that names no host gets its response, and its connection closed', async t => {
  const { port, target } = await before(t)
  const client = new RawClient(t, port).send('GET /api/x HTTP/1.0\r\n\r\n')
  await client.closed
  t.match(client.received, /^HTTP\/1\.1 200 OK\r\n[^]*\r\nConnection: close\r\n/i)
  t.notMatch(client.received, /\r\nTransfer-Encoding:/i)
  const { headers } = JSON.parse(client.received.slice(client.received.indexOf('{')))
  t.equal(headers.host, new URL(target).host)
  t.equal(headers['x-forwarded-host'], undefined)
})

t.test('a connection stays open or is closed as its client wishes, whatever the service says of its own', async t => {
  const { port: upstream } = await rawService(t, socket => {
    socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'))
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port).send('GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n')
  await client.until(/ok$/)
  t.match(client.received, /\r\nConnection: keep-alive\r\n/i)
  client.received = ''
  client.send('GET /api/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  await client.closed
  t.match(client.received, /\r\nConnection: close\r\n/i)
  const http2 = await http2Gateway(t, `http://127.0.0.1:${upstream}`)
  t.equal((await new Http2Client(t, http2.port).ask({ ':path': '/api/x' }).closed).headers.connection, undefined)
})

t.test('headers of the route count for each request, also where twenty wait for one connection', async t => {
  const { port: upstream } = await rawService(t, socket => {
    let bytes = ''
    socket.on('data', chunk => {
      bytes += chunk.toString('latin1')
      if (!bytes.endsWith('\r\n\r\n')) return
      const added = /^x-added: (.*)\r\n/im.exec(bytes)?.[1]
      bytes = ''
      setImmediate(() => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${String(added).length}\r\n\r\n${added}`))
    })
  })
  const { port } = await start(t, async app => await app.register(streamGateway, {
    upstreams: { app: { targets: [`http://127.0.0.1:${upstream}`], maxConnections: 1 } },
    routes: [{ prefix: '/api', upstream: 'app', rewriteRequestHeaders: (headers, { url }) => { headers['x-added'] = url } }]
  }))
  const paths = Array.from({ length: 20 }, (_, nth) => `/api/${nth}`)
  const bodies = await Promise.all(paths.map(async path => String((await call(port, path)).body)))
  t.strictSame(bodies, paths)
})

t.test('credentials of the route take the place of the client\'s', async t => {
  const { see } = await before(t, { headers: { request: { set: { authorization: `Basic ${btoa('user:pass')}` } } } })
  t.equal((await see('/api/x')).headers.authorization, `Basic ${btoa('user:pass')}`)
  t.equal((await see('/api/x', { headers: { authorization: 'Bearer token' } })).headers.authorization, `Basic ${btoa('user:pass')}`)
})

t.test('Host: the target\'s with its port, the client\'s, or a name', async t => {
  const { see, target } = await before(t)
  const host = new URL(target).host
  t.equal((await see('/api/x', { headers: { host: 'public.example' } })).headers.host, host)
  for (const [route, name] of [['preserve', 'public.example:81'], ['foobar.dev', 'foobar.dev']] as const) {
    const { headers } = await (await before(t, { host: route })).see('/api/x', { headers: { host: 'public.example:81' } })
    t.equal(headers.host, name)
  }
})

t.test('bytes of a field beyond ASCII survive two gateways', async t => {
  const value = 'attachment; filename="\xe5r.pdf"; x="\xe6\x96\x87"'
  const { port: upstream } = await rawService(t, async socket => {
    const head = await received(socket, '\r\n\r\n')
    socket.end(Buffer.from(`HTTP/1.1 200 OK\r\nContent-Disposition: ${value}\r\nX-Seen: ${/^x-name: (.*)\r/im.exec(head)?.[1]}\r\nContent-Length: 2\r\n\r\nOK`, 'latin1'))
  })
  const inner = await gatewayTo(t, upstream)
  const { port } = await gatewayTo(t, inner.port, { pathRewrite: { pattern: '^/api', replacement: '/api' } })
  const client = new RawClient(t, port).send('GET /api/x HTTP/1.1\r\nHost: x\r\nX-Name: \xe5\xe6\r\nConnection: close\r\n\r\n')
  await client.closed
  t.match(client.received, `Content-Disposition: ${value}\r\n`)
  t.match(client.received, 'X-Seen: \xe5\xe6\r\n')
})

t.test('the case of names, their order and their repetition are kept in both directions', async t => {
  const { port: upstream } = await rawService(t, async socket => {
    const head = await received(socket, '\r\n\r\n')
    const fields = head.split('\r\n').slice(1, -2).filter(line => /^x-/i.test(line) && !/^x-(forwarded|real)/i.test(line))
    socket.end(`HTTP/1.1 200 OK\r\n${fields.join('\r\n')}\r\nContent-Length: 0\r\n\r\n`)
  })
  const { port } = await gatewayTo(t, upstream, {}, { via: false })
  const fields = ['X-ODD-Case', '1', 'x-lower', '2', 'X-Twice', 'a', 'X-TWICE', 'b']
  const response = await new Promise<string[]>((resolve, reject) => {
    request({ port, host: '127.0.0.1', path: '/api/x', headers: ['Host', 'x', ...fields], agent: false }, ({ rawHeaders }) => resolve(rawHeaders)).on('error', reject).end()
  })
  t.strictSame(response.slice(0, fields.length), fields)
})

t.test('one route tells the service more of its clients than another', async t => {
  const { port, target } = await before(t, { stripPrefix: true })
  const { port: two } = await start(t, async app => await app.register(streamGateway, {
    routes: [{ prefix: '/s1', target, stripPrefix: true, headers: { request: { set: { 'x-tenant': 'one' } } } }, { prefix: '/', target }, { prefix: '/other', target: await named(t, 'other') }]
  }))
  t.ok(port !== two)
  const first = seen(await call(two, '/s1/test1'))
  t.match(first, { method: 'GET', url: '/test1', headers: { 'x-tenant': 'one', 'x-forwarded-host': `127.0.0.1:${two}` } })
  const second = seen(await call(two, '/test2'))
  t.match(second, { url: '/test2', headers: { 'x-forwarded-host': `127.0.0.1:${two}` } })
  t.equal(second.headers['x-tenant'], undefined)
  t.equal(String((await call(two, '/other/x')).body), 'other /other/x')
})
