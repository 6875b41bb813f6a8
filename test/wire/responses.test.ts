import t from 'tap'
import type { Test } from 'tap'
import { call, gatewayTo } from '../fixtures/gateway.js'
import type { Started } from '../fixtures/gateway.js'
import { RawClient, rawService } from '../fixtures/peers.js'

const GET = 'GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n'

/** A gateway in front of a service that responds to each request with these bytes, and the connections that it had. */
async function responding (t: Test, bytes: string, then: 'end' | 'stay' = 'stay'): Promise<Started & { connections: () => number }> {
  const { port, sockets } = await rawService(t, socket => {
    socket.on('data', () => {
      socket.write(Buffer.from(bytes, 'latin1'))
      if (then === 'end') socket.end()
    })
    socket.on('end', () => socket.end())
  })
  return { ...await gatewayTo(t, port, { timeout: '5s' }, { via: false }), connections: () => sockets.length }
}

// What cannot be passed on is 502.
const broken: Record<string, string> = {
  'RFC 9112 6.3: Content-Length with Transfer-Encoding': 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'RFC 9112 6.3: differing Content-Length': 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!',
  'RFC 9112 6.3: Content-Length that is no number': 'HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello',
  'RFC 9112 6.1: another coding than chunked': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  'RFC 9112 6.1: Transfer-Encoding in HTTP/1.0': 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'RFC 9112 2.3: HTTP/2.0': 'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n',
  'RFC 9112 4: no HTTP': 'SSH-2.0-OpenSSH_9.2\r\n',
  'RFC 9112 4: a status line without a status': 'HTTP/1.1 OK\r\n\r\n',
  'RFC 9112 4: another protocol': 'ICY 200 OK\r\n\r\n',
  'RFC 9110 15: status 0': 'HTTP/1.1 000 Zero\r\nContent-Length: 0\r\n\r\n',
  'RFC 9110 15: a status of four digits': 'HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n',
  'RFC 9112 5.2: a folded line': 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n',
  'RFC 9112 5.1: space before the colon': 'HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n',
  'RFC 9110 5.5: NUL in a value': 'HTTP/1.1 200 OK\r\nA: b\0c\r\nContent-Length: 0\r\n\r\n',
  'RFC 9110 5.5: a control character in a value': 'HTTP/1.1 200 OK\r\nA: b\x01c\r\nContent-Length: 0\r\n\r\n',
  'RFC 9112 4: a control character in the reason phrase': 'HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n',
  'RFC 9110 15.2.2: an unasked 101': 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\nraw bytes',
  'RFC 9110 15.2.2: an unasked 101 that names no protocol': 'HTTP/1.1 101 Switching Protocols\r\n\r\nraw bytes',
  'a head over 64 KiB': `HTTP/1.1 200 OK\r\nA: ${'x'.repeat(70_000)}\r\nContent-Length: 0\r\n\r\n`
}

t.test('what cannot be passed on is 502, and its connection is not used again', async t => {
  for (const [name, bytes] of Object.entries(broken)) {
    const { port, nextLine, connections } = await responding(t, bytes)
    const line = nextLine()
    const response = await call(port, '/api/x')
    t.equal(response.status, 502, name)
    t.equal(response.json().error.code, 'BAD_GATEWAY', name)
    t.match(await line, { outcome: 'upstream error', status: 502, err: { message: /./ } }, name)
    await call(port, '/api/x')
    t.equal(connections(), 2, `${name}: dialled again`)
  }
})

const passed: Record<string, [bytes: string, pattern: RegExp]> = {
  'RFC 9110 15: status 599': ['HTTP/1.1 599 Odd\r\nContent-Length: 0\r\n\r\n', /^HTTP\/1\.1 599 Odd\r\n/],
  'RFC 9112 4: no reason phrase': ['HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok', /^HTTP\/1\.1 200 .*\r\n[^]*ok$/],
  'RFC 9110 5.5: latin-1 in the reason and a value': ['HTTP/1.1 200 Caf\xe9\r\nA: caf\xe9\r\nContent-Length: 2\r\n\r\nok', /^HTTP\/1\.1 200 Caf\xe9\r\nA: caf\xe9\r\n[^]*ok$/],
  'RFC 9112 6.3: a 204 with a length has no body': ['HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n', /^HTTP\/1\.1 204 No Content\r\n(?![^]*Content-Length)[^]*\r\n\r\n$/],
  'RFC 9112 6.3: a 304 with a length has no body': ['HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: "a"\r\n\r\n', /^HTTP\/1\.1 304 Not Modified\r\n[^]*ETag: "a"[^]*\r\n\r\n$/],
  'a head of 60 KiB': [`HTTP/1.1 200 OK\r\nA: ${'x'.repeat(60_000)}\r\nContent-Length: 2\r\n\r\nok`, /x{60000}[^]*ok$/]
}

t.test('what is odd but lawful is passed on', async t => {
  for (const [name, [bytes, pattern]] of Object.entries(passed)) {
    const { port } = await responding(t, bytes)
    const client = new RawClient(t, port)
    client.send(GET)
    t.match(await client.until(pattern), pattern, name)
    client.socket.destroy()
  }
})

t.test('a body that the connection\'s end ends is passed on in chunks (RFC 9112 section 6.3)', async t => {
  const { port } = await responding(t, 'HTTP/1.1 200 OK\r\n\r\nhello', 'end')
  const client = new RawClient(t, port)
  client.send(GET)
  await client.until(/\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n$/)
  client.socket.destroy()
})

for (const [framing, bytes] of [['Content-Length', 'Content-Length: 10\r\n\r\nhello'], ['chunks', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n']]) {
  t.test(`a body that ends too early breaks the client's connection (${framing})`, async t => {
    const { port, nextLine } = await responding(t, `HTTP/1.1 200 OK\r\n${bytes}`, 'end')
    const line = nextLine()
    const client = new RawClient(t, port)
    client.send(GET)
    await client.closed
    t.match(client.received, 'hello')
    t.notMatch(client.received, /\r\n0\r\n\r\n$/)
    t.match(await line, { outcome: 'upstream error' })
  })
}

// Each makes a response with something behind it, in the same write or in one of its own.
for (const [name, extra] of [
  ['another response', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'],
  ['the begin of another response', 'HTTP/1.1 200 OK\r\nX-Evil: 1\r\n'],
  ['garbage', 'garbage']
]) {
  for (const together of [true, false]) {
    t.test(`bytes after the end of a response never reach the next client: ${name}${together ? '' : ', later'}`, async t => {
      const { port: upstream } = await rawService(t, socket => {
        socket.on('data', () => {
          socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok${together ? extra : ''}`)
          if (!together) setImmediate(() => socket.write(extra ?? ''))
        })
      })
      const { port } = await gatewayTo(t, upstream)
      t.equal((await call(port, '/api/x')).body.toString(), 'ok')
      for (let i = 0; i < 3; i++) {
        const response = await call(port, '/api/x')
        // What came in one read with the response is lost with Node's parser: what follows it then is no response.
        t.match(`${response.status} ${response.body}`, /^(200 ok$|502 )/)
        t.notMatch(response.rawHeaders, 'X-Evil')
      }
    })
  }
}

t.test('interim responses reach a client that speaks HTTP/1.1 (RFC 9110 section 15.2)', async t => {
  const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.js>; rel=preload\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\n'
  const { port } = await responding(t, `HTTP/1.1 102 Processing\r\n\r\n${hints}HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`)
  const client = new RawClient(t, port)
  client.send(GET)
  await client.until(/ok$/)
  t.match(client.received, /^HTTP\/1\.1 102 Processing\r\n\r\nHTTP\/1\.1 103 Early Hints\r\nLink: <\/a\.css>; rel=preload\r\nLink: <\/b\.js>; rel=preload\r\n\r\nHTTP\/1\.1 200 OK\r\n/)
  client.socket.destroy()
  const old = new RawClient(t, port)
  old.send('GET /api/x HTTP/1.0\r\nHost: x\r\n\r\n')
  await old.closed
  t.match(old.received, /^HTTP\/1\.1 200 OK\r\n/, 'HTTP/1.0 knows none')
})

t.test('an interim response without a reason, and one with odd bytes', async t => {
  const { port } = await responding(t, 'HTTP/1.1 199 \r\nA: caf\xe9\r\n\r\nHTTP/1.1 103 \r\n\r\nHTTP/1.1 102 Pro\x7fcessing\r\n\r\nHTTP/1.1 196 \x01\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  const client = new RawClient(t, port)
  client.send(GET)
  await client.until(/^HTTP\/1\.1 199 \r\nA: caf\xe9\r\n\r\nHTTP\/1\.1 103 Early Hints\r\n\r\nHTTP\/1\.1 102 Processing\r\n\r\nHTTP\/1\.1 196 \r\n\r\nHTTP\/1\.1 200 OK\r\n[^]*ok$/)
  client.socket.destroy()
})

t.test('the head reaches the client before the first byte of the body', async t => {
  let sendBody = (): void => {}
  const { port: upstream } = await rawService(t, socket => {
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n'))
    sendBody = () => socket.write('body')
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port)
  client.send(GET)
  await client.until('\r\n\r\n')
  sendBody()
  await client.until(/\r\n\r\nbody$/)
  client.socket.destroy()
})

t.test('a body that the connection\'s end ends, and that ends by a reset, was cut short (RFC 9112 section 8)', async t => {
  let reset = (): void => {}
  const { port: upstream } = await rawService(t, socket => {
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\nhello'))
    reset = () => socket.resetAndDestroy()
  })
  const { port, nextLine } = await gatewayTo(t, upstream)
  const line = nextLine()
  const client = new RawClient(t, port)
  client.send(GET)
  await client.until('hello')
  reset()
  await client.closed
  t.notMatch(client.received, /\r\n0\r\n/)
  t.match(await line, { outcome: 'upstream error', cause: 'ECONNRESET' })
})

t.test('bytes beyond ASCII stay one byte each also in a head that leaves before its body', async t => {
  let heard = ''
  const { port: upstream } = await rawService(t, socket => {
    socket.on('data', chunk => {
      heard += chunk.toString('latin1')
      socket.write(Buffer.from('HTTP/1.1 200 Caf\xe9\r\nA: \xff\r\nExpect: 1\r\nContent-Length: 2\r\n\r\n', 'latin1'))
    })
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port)
  client.send('POST /api/x HTTP/1.1\r\nHost: x\r\nA: \xff\r\nContent-Length: 2\r\n\r\n')
  await client.until(/^HTTP\/1\.1 200 Caf\xe9\r\nA: \xff\r\nContent-Length: 2\r\n[^]*\r\n\r\n/)
  t.match(heard, /\r\nA: \xff\r\n/)
  client.socket.destroy()
})
