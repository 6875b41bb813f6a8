import { once } from 'node:events'
import t from 'tap'
import { call, gatewayTo } from '../fixtures/gateway.js'
import { RawClient, rawService, received, service } from '../fixtures/peers.js'

t.test('the response arrives as the service gave it', async t => {
  const { port: upstream } = await service(t, (request, response) => {
    t.equal(request.method, 'GET')
    t.equal(request.url, '/things?a=1&b=%2F')
    response.writeHead(203, 'Half Known', [['X-One', '1'], ['Set-Cookie', 'a=1'], ['Set-Cookie', 'b=2'], ['Set-Cookie', 'c=3']])
    response.end('hello')
  })
  const { port } = await gatewayTo(t, upstream)
  const response = await call(port, '/api/things?a=1&b=%2F')
  t.equal(response.status, 203)
  t.equal(response.reason, 'Half Known')
  t.equal(response.body.toString(), 'hello')
  t.strictSame(response.headers['set-cookie'], ['a=1', 'b=2', 'c=3'], 'three cookies stay three')
  t.ok(response.rawHeaders.includes('X-One'), 'the case of the name is kept')
})

t.test('a request without a body leaves in one piece, without framing', async t => {
  const { port: upstream, sockets } = await rawService(t, socket => {
    received(socket, '\r\n\r\n').then(() => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'), t.threw)
  })
  const { port } = await gatewayTo(t, upstream)
  const responded = call(port, '/api/x')
  while (sockets[0] === undefined) await new Promise(resolve => setImmediate(resolve))
  const [head] = await once(sockets[0], 'data')
  t.match(String(head), /^GET \/x HTTP\/1\.1\r\nHost: 127\.0\.0\.1:\d+\r\n/)
  t.notMatch(String(head), /content-length|transfer-encoding/i)
  t.equal((await responded).body.toString(), 'ok')
})

t.test('a GET with a body is framed and arrives once', async t => {
  const bodies: string[] = []
  const { port: upstream } = await service(t, (request, response) => {
    let body = ''
    request.on('data', chunk => { body += chunk })
    request.on('end', () => {
      bodies.push(`${request.method} ${body}`)
      response.end('ok')
    })
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port)
  // Unframed, the body would stand on the kept connection as the next request.
  const evil = 'GET /evil HTTP/1.1\r\nHost: x\r\n\r\n'
  client.send(`GET /api/a HTTP/1.1\r\nHost: x\r\nContent-Length: ${evil.length}\r\n\r\n${evil}`)
  await client.until('ok')
  client.send('DELETE /api/b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n')
  await client.until(/ok[^]*ok/)
  await call(port, '/api/c')
  t.strictSame(bodies, [`GET ${evil}`, 'DELETE abc', 'GET '])
})

t.test('the first byte of a response arrives before the last was sent', async t => {
  const { port: upstream } = await service(t, (_request, response) => {
    response.write('first')
    finish = () => response.end('last')
  })
  let finish = (): void => {}
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port)
  client.send('GET /api/events HTTP/1.1\r\nHost: x\r\n\r\n')
  await client.until('first')
  t.notMatch(client.received, 'last')
  finish()
  await client.until('last')
})

t.test('the head arrives before the first byte of the body', async t => {
  let finish = (): void => {}
  const { port: upstream } = await service(t, (_request, response) => {
    response.writeHead(200, { 'x-early': 'yes' })
    response.flushHeaders()
    finish = () => response.end('body')
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port)
  client.send('GET /api/ HTTP/1.1\r\nHost: x\r\n\r\n')
  await client.until('x-early: yes')
  finish()
  await client.until('body')
})

t.test('HEAD, 204 and 304 have no body, and the connection serves on', async t => {
  const { port: upstream } = await service(t, (request, response) => {
    if (request.url === '/head') response.writeHead(200, { 'content-length': 1234 })
    else if (request.url === '/204') response.writeHead(204)
    else if (request.url === '/304') response.writeHead(304, { etag: '"x"', 'content-length': 99 })
    else response.writeHead(200, { 'content-length': 0 })
    response.end()
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port)
  client.send('HEAD /api/head HTTP/1.1\r\nHost: x\r\n\r\n')
  await client.until(/content-length: 1234[^]*\r\n\r\n$/i)
  client.send('GET /api/204 HTTP/1.1\r\nHost: x\r\n\r\n')
  await client.until(/204 No Content[^]*\r\n\r\n$/)
  t.notMatch(client.received.slice(client.received.indexOf('204')), /content-length|transfer-encoding/i)
  client.send('GET /api/304 HTTP/1.1\r\nHost: x\r\n\r\n')
  await client.until(/304 Not Modified[^]*\r\n\r\n$/)
  t.match(client.received, /etag: "x"/)
  client.send('GET /api/empty HTTP/1.1\r\nHost: x\r\n\r\n')
  await client.until(/content-length: 0[^]*\r\n\r\n$/i)
  client.send('HEAD /api/head HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  t.equal(await client.closed, undefined)
  t.equal(client.received.match(/HTTP\/1\.1 /g)?.length, 5)
})

t.test('bodies of any framing arrive whole', async t => {
  const responses: Record<string, string> = {
    '/chunked': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n',
    '/length': 'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world',
    '/close': 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello world',
    '/1.0': 'HTTP/1.0 200 OK\r\n\r\nhello world'
  }
  const { port: upstream } = await rawService(t, socket => {
    socket.on('data', chunk => {
      const url = String(chunk).split(' ')[1] ?? ''
      socket.write(responses[url] ?? '')
      if (url === '/close' || url === '/1.0') socket.end()
    })
  })
  const { port } = await gatewayTo(t, upstream)
  for (const url of Object.keys(responses)) {
    t.equal((await call(port, `/api${url}`)).body.toString(), 'hello world', url)
  }
})

t.test('a reader that stops halts the sender, and gets all of it later', async t => {
  const chunk = Buffer.alloc(64 * 1024, 'x')
  let sent = 0
  let halted: () => void = () => {}
  const isHalted = new Promise<void>(resolve => { halted = resolve })
  const total = 4096
  const { port: upstream } = await service(t, (_request, response) => {
    response.writeHead(200, { 'content-length': total * chunk.length })
    const send = (): void => {
      while (sent < total) {
        sent++
        if (!response.write(chunk)) {
          const timer = setTimeout(halted, 500)
          response.once('drain', () => { clearTimeout(timer); send() })
          return
        }
      }
      response.end()
    }
    send()
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port)
  client.keepText = false
  client.socket.pause()
  client.send('GET /api/large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  await isHalted
  t.ok(sent < total / 4, `halted after ${sent} of ${total} chunks`)
  client.socket.resume()
  await client.closed
  t.ok(client.socket.bytesRead > total * chunk.length, 'all of it came')
})
