import t from 'tap'
import type { Test } from 'tap'
import streamGateway from '../../src/index.js'
import type { GatewayOptions, RouteOptions } from '../../src/index.js'
import { call, gatewayTo, start } from '../fixtures/gateway.js'
import { RawClient, rawService, received, service } from '../fixtures/peers.js'

/** What a service gets of a head, byte for byte. */
async function seen (t: Test, head: string, route: Partial<RouteOptions> = {}, options: Partial<GatewayOptions> = {}): Promise<string> {
  let heard = ''
  const { port: upstream } = await rawService(t, socket => {
    received(socket, '\r\n\r\n').then(bytes => {
      heard = bytes
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    }, () => {})
  })
  const { port } = await gatewayTo(t, upstream, route, options)
  const client = new RawClient(t, port).send(`GET /api/x HTTP/1.1\r\nHost: some-name\r\n${head}\r\n`)
  await client.until('\r\n\r\n')
  return heard
}

t.test('what is of one hop does not pass, what only looks like it does', async t => {
  const { port: upstream } = await rawService(t, socket => {
    socket.on('data', () => socket.write('HTTP/1.1 404 Not Found\r\nTrailers: not a special name\r\nTrailer: X-Trailer\r\nX-Foo: bar\r\nUpgrade: foo\r\nConnection: x-hop\r\nX-Hop: foo\r\n' +
      'X-Multi: foo\r\nX-Multi: bar\r\nSet-Cookie: flavor=chocolateChip\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nI am the backend\r\n0\r\nX-Trailer: trailer\r\nX-Unannounced: unannounced\r\n\r\n'))
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port).send('GET /api/x HTTP/1.1\r\nHost: x\r\nConnection: close, TE\r\nTE: trailers\r\n\r\n')
  await client.closed
  const [head = ''] = client.received.split('\r\n\r\n')
  t.match(head, /^HTTP\/1\.1 404 Not Found\r\nTrailers: not a special name\r\n[^]*X-Foo: bar\r\n[^]*X-Multi: foo\r\nX-Multi: bar\r\nSet-Cookie: flavor=chocolateChip/)
  t.notMatch(head, /Upgrade|X-Hop/)
  t.match(client.received, /I am the backend\r\n0\r\nX-Trailer: trailer\r\nX-Unannounced: unannounced\r\n\r\n$/)
})

t.test('an empty Connection beside others hides none of what they name', async t => {
  const heard = await seen(t, 'Connection:\r\nConnection: X-Some, X-Other\r\nX-Some: 1\r\nX-Other: 2\r\nProxy-Connection: keep-alive\r\nUpgrade: foo\r\n')
  t.notMatch(heard, /X-Some|X-Other|Proxy-Connection|Upgrade/i)
})

t.test('a client that says who it is, or does not, is passed on so', async t => {
  t.match(await seen(t, 'User-Agent: explicit\r\n'), '\r\nUser-Agent: explicit\r\n')
  t.notMatch(await seen(t, ''), /user-agent/i)
})

t.test('the address of the client goes in one form or the other, and a hook may keep it back', async t => {
  t.match(await seen(t, ''), '\r\nX-Forwarded-For: 127.0.0.1\r\n')
  const alone = await seen(t, '', {}, { forwarded: 'rfc7239' })
  t.match(alone, '\r\nForwarded: for=127.0.0.1')
  t.notMatch(alone, /x-forwarded/i)
  const kept = await seen(t, '', { rewriteRequestHeaders: headers => { delete headers['x-forwarded-for'] } })
  t.notMatch(kept, /x-forwarded-for/i)
})

t.test('the request of the host is the client\'s still, whatever its service gets', async t => {
  const { port: upstream } = await service(t, (request, response) => response.end(`${request.url} ${request.headers['x-added']}`))
  let after: unknown
  const { port } = await start(t, async app => {
    app.addHook('onResponse', async request => { after = [request.url, request.raw.url, request.headers['x-added'], request.headers['x-forwarded-for'], request.headers.host] })
    await app.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}/base`, stripPrefix: true, headers: { request: { set: { 'x-added': '1' } } } }] })
  })
  t.equal(String((await call(port, '/api/x')).body), '/base/x 1')
  t.strictSame(after, ['/api/x', '/api/x', undefined, undefined, `127.0.0.1:${port}`])
})

t.test('uploads whose responses are cut short: every one of them ends', async t => {
  const { port: upstream } = await service(t, (_request, response) => {
    response.writeHead(200, { 'content-length': 84 })
    response.write('this call was relayed', () => response.destroy())
  })
  const { port } = await gatewayTo(t, upstream)
  const ends = await Promise.all(Array.from({ length: 6 }, async () => await call(port, '/api/x', { method: 'POST', body: Buffer.alloc(3_000_000, 'x') }).then(() => 'whole', () => 'broken')))
  t.strictSame(new Set(ends), new Set(['broken']))
})

t.test('interim responses, and a final one that repeats them, each with its own fields', async t => {
  const link = (...names: string[]): string => names.map(name => `Link: </${name}>; rel=preload\r\n`).join('')
  const { port: upstream } = await rawService(t, socket => {
    socket.on('data', () => socket.write(`HTTP/1.1 103 Early Hints\r\n${link('style.css', 'script.js')}\r\nHTTP/1.1 102 Processing\r\n${link('style.css', 'script.js', 'foo.js')}\r\n` +
      `HTTP/1.1 200 OK\r\n${link('style.css', 'script.js', 'foo.js')}Content-Length: 5\r\n\r\nHello`))
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port).send('GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n')
  await client.until(/Hello$/)
  t.strictSame(client.received.split('HTTP/1.1 ').slice(1).map(text => [text.slice(0, 3), text.split('Link:').length - 1]), [['103', 2], ['102', 3], ['200', 3]])
})

t.test('where Location and Refresh lead is up to a hook, in any form', async t => {
  const { port: upstream } = await service(t, (request, response) => response.writeHead(302, { location: `http://elsewhere${request.url}`, refresh: `7; url=http://elsewhere${request.url}` }).end())
  const { port } = await gatewayTo(t, upstream, {
    rewriteResponseHeaders: headers => {
      for (const name of ['location', 'refresh']) headers[name] = String(headers[name]).replace(/http:\/\/elsewhere\/regex_w_([^/]+)/i, '/$1')
    }
  })
  t.match((await call(port, '/api/REGEX_w_captures/test.html')).headers, { location: '/captures/test.html', refresh: '7; url=/captures/test.html' })
})

t.test('what a client asks of a cache, or of a part of a body, is its service\'s to say', async t => {
  const { port: upstream } = await service(t, (request, response) => {
    if (request.headers['if-modified-since'] === 'blah') response.writeHead(304, { etag: '"a"' }).end()
    else response.writeHead(206, { 'content-range': 'bytes 4-7/8', 'accept-ranges': 'bytes' }).end(request.headers.range === 'bytes=4-' ? 'THIS' : '')
  })
  const { port } = await gatewayTo(t, upstream)
  t.match(await call(port, '/api/x', { headers: { 'if-modified-since': 'blah' } }), { status: 304, headers: { etag: '"a"' } })
  t.match(await call(port, '/api/x', { headers: { range: 'bytes=4-' } }), { status: 206, headers: { 'content-range': 'bytes 4-7/8' }, body: Buffer.from('THIS') })
})

t.test('Date and Server are the service\'s; without a Date it is when the response came (RFC 9110 section 6.6.1)', async t => {
  const { port: upstream } = await rawService(t, socket => {
    socket.on('data', chunk => socket.write(`HTTP/1.1 200 OK\r\n${String(chunk).includes('/no') ? '' : 'Date: passed\r\nServer: passed\r\n'}Content-Length: 0\r\n\r\n`))
  })
  const { port } = await gatewayTo(t, upstream)
  t.match((await call(port, '/api/x')).headers, { date: 'passed', server: 'passed' })
  const { headers: { date = '', server } } = await call(port, '/api/no')
  t.notOk(Number.isNaN(Date.parse(date)))
  t.equal(server, undefined)
})

t.test('a query that can be read in two ways passes as it came', async t => {
  const { port: upstream } = await service(t, (request, response) => response.end(request.url))
  const { port } = await gatewayTo(t, upstream)
  for (const query of ['a=1&a=2;b=3', 'a=1&a=%zz&b=3']) t.equal(String((await call(port, `/api/x?${query}`)).body), `/x?${query}`)
})
