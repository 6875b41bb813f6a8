import { once } from 'node:events'
import { createServer } from 'node:http2'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { http2Client } from '../../src/proxy/http2-client.js'
import { Http2Client, http2Gateway } from '../fixtures/http2.js'
import { closedPort, gone, portOf, rawService, received, service } from '../fixtures/peers.js'

const NO_ERROR = 0
const INTERNAL_ERROR = 2
const CANCEL = 8

t.test('a request\'s head becomes one of HTTP/1 (RFC 9113 sections 8.2.3 and 8.3.1)', async t => {
  const heads: string[][] = []
  const { port: upstream } = await service(t, (request, response) => {
    heads.push(request.rawHeaders)
    response.end(`${request.method} ${request.url}`)
  })
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`)
  const client = new Http2Client(t, port)
  const { body } = await client.ask({
    ':path': '/api/x?y=%20z', ':authority': 'app.example:8443', cookie: ['a=1', 'b=2'], 'x-two': ['1', '2'], te: 'trailers', accept: '*/*'
  }).closed
  t.equal(body, 'GET /x?y=%20z')
  t.match(heads[0], [
    'Host', `127.0.0.1:${upstream}`, 'x-two', '1', 'x-two', '2', 'accept', '*/*', 'cookie', 'a=1; b=2', 'TE', 'trailers', 'Connection', 'TE',
    'X-Forwarded-For', '127.0.0.1', 'X-Forwarded-Proto', 'http', 'X-Forwarded-Host', 'app.example:8443', 'X-Real-IP', '127.0.0.1', 'Via', /^2 gateway-/
  ])

  await client.ask({ ':path': '/api/x', host: 'other.example' }).closed
  t.equal(heads[1]?.[heads[1].indexOf('X-Forwarded-Host') + 1], 'other.example', 'Host stands for :authority')
  const both = await client.ask({ ':path': '/api/x', ':authority': 'one.example', host: 'two.example' }).closed
  t.equal(both.status, 400, 'two names are one too many')
  const same = await client.ask({ ':path': '/api/x', ':authority': 'one.example', host: 'one.example' }).closed
  t.equal(same.status, 200)
  t.equal(heads.length, 3)
})

t.test('a response\'s head is without connection fields and reason phrase, and three cookies stay three', async t => {
  const { port: upstream } = await rawService(t, socket => {
    socket.on('data', () => socket.write('HTTP/1.1 299 Odd\r\nConnection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nTransfer-Encoding: chunked\r\n' +
      'Set-Cookie: a\r\nSet-Cookie: b\r\nSet-Cookie: c\r\nX-Content-Type-Options: nosniff\r\nX-Content-Type-Options: nosniff\r\n' +
      'X-Meta: 1\r\nX-Meta: 2\r\n__proto__: x\r\n\r\n2\r\nok\r\n0\r\n\r\n'))
  })
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`)
  const { raw, body, ended } = await new Http2Client(t, port).ask({ ':path': '/api/x' }).closed
  const fields = raw.slice(0, raw.indexOf('via'))
  t.strictSame(fields, [
    ':status', '299', 'set-cookie', 'a', 'set-cookie', 'b', 'set-cookie', 'c', 'x-content-type-options', 'nosniff, nosniff',
    'x-meta', '1', 'x-meta', '2', '__proto__', 'x'
  ], 'what Node will not send twice is joined')
  t.strictSame([body, ended], ['ok', true])
})

t.test('HEAD, 204, 304 and an empty response have no body, and end', async t => {
  const { port: upstream } = await service(t, (request, response) => {
    response.statusCode = Number(request.url?.slice(1))
    response.setHeader('x-status', response.statusCode)
    if (request.method === 'HEAD') response.setHeader('content-length', 1000)
    response.end()
  })
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`)
  const client = new Http2Client(t, port)
  for (const [method, status, length] of [['HEAD', 200, '1000'], ['GET', 204, undefined], ['GET', 304, undefined], ['GET', 200, '0']] as const) {
    const response = await client.ask({ ':path': `/api/${status}`, ':method': method }).closed
    t.match({ ...response, length: response.headers['content-length'] }, { status, headers: { 'x-status': String(status) }, body: '', ended: true, code: NO_ERROR })
    t.equal(response.headers['content-length'], length)
  }
})

t.test('interim responses are passed on, 100 is not', async t => {
  const { port: upstream } = await rawService(t, socket => {
    socket.on('data', () => socket.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\n__proto__: x\r\nConnection: x\r\n\r\n' +
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
  })
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`)
  const asked = new Http2Client(t, port).ask({ ':path': '/api/x' })
  const interim: string[][] = []
  asked.stream.on('headers', (_headers: object, _flags: number, raw: string[]) => { interim.push(raw) })
  t.match(await asked.closed, { status: 200, body: 'ok' })
  t.strictSame(interim, [[':status', '103', 'link', '</a>, </b>', '__proto__', 'x']])
})

t.test('trailers pass both ways', async t => {
  let trailers: string[] = []
  const { port: upstream } = await service(t, (request, response) => {
    request.resume()
    request.on('end', () => {
      trailers = request.rawTrailers
      response.writeHead(200, { Trailer: 'x-sum' })
      response.write('x')
      response.addTrailers([['x-sum', '2'], ['x-sum', '3'], ['etag', '"a"'], ['etag', '"b"'], ['content-type', 'x/y']])
      response.end()
    })
  })
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`)
  const client = new Http2Client(t, port)
  const asked = client.begin({ ':path': '/api/x', ':method': 'POST', te: 'trailers' }, { endStream: false, waitForTrailers: true })
  asked.stream.on('wantTrailers', () => asked.stream.sendTrailers({ 'x-sum': '1', 'x-forwarded-for': 'faked' }))
  asked.stream.end('body')
  const response = await asked.closed
  t.strictSame(trailers, ['x-sum', '1'])
  t.match(response, { status: 200, body: 'x', ended: true, trailers: { 'x-sum': '2, 3', etag: '"a", "b"' } })
  t.notOk(response.trailers?.['content-type'])

  const without = await client.ask({ ':path': '/api/x', ':method': 'POST' }, 'x').closed
  t.equal(without.trailers, undefined, 'not where they were not asked for')
})

for (const code of [CANCEL, NO_ERROR]) {
  t.test(`a client that resets its stream in mid upload (code ${code}): the service's request is destroyed`, async t => {
    let aborted: Promise<unknown> = Promise.resolve()
    let started = (): void => {}
    const hasStarted = new Promise<void>(resolve => { started = resolve })
    const { port: upstream } = await service(t, request => {
      request.on('error', () => {})
      aborted = gone(request)
      request.once('data', started)
    })
    const { port, nextLine } = await http2Gateway(t, `http://127.0.0.1:${upstream}`)
    const line = nextLine()
    const { stream } = new Http2Client(t, port).begin({ ':path': '/api/x', ':method': 'POST' })
    stream.write('half')
    await hasStarted
    stream.close(code)
    await aborted
    t.match(await line, { outcome: 'client aborted', status: 499 })
  })

  t.test(`a client that resets its stream in mid download (code ${code}): the service's connection is destroyed, the session lives`, async t => {
    let closed: Promise<unknown> = Promise.resolve()
    const { port: upstream } = await service(t, (request, response) => {
      if (request.url === '/whole') {
        response.end('whole')
        return
      }
      closed = gone(request.socket)
      response.write('first')
    })
    const { port, nextLine } = await http2Gateway(t, `http://127.0.0.1:${upstream}`)
    const line = nextLine()
    const client = new Http2Client(t, port)
    const { stream } = client.ask({ ':path': '/api/x' })
    await once(stream, 'data')
    stream.close(code)
    await closed
    t.match(await line, { outcome: 'client aborted', status: 200, bytes: 5 })
    t.match(await client.ask({ ':path': '/api/whole' }).closed, { body: 'whole', ended: true })
  })
}

t.test('a stream that is reset before the handler runs is not forwarded', async t => {
  const { port: upstream } = await service(t, () => t.fail('forwarded'))
  let reset = (): void => {}
  const { port, nextLine } = await http2Gateway(t, `http://127.0.0.1:${upstream}`, {}, {
    prepare: app => {
      app.addHook('onRequest', async request => {
        reset()
        await once(request.raw, 'close')
      })
    }
  })
  const line = nextLine()
  const { stream } = new Http2Client(t, port).ask({ ':path': '/api/x' })
  reset = () => stream.close(CANCEL)
  t.match(await line, { outcome: 'client aborted', status: 499 })
})

t.test('a client that reads nothing holds a fast service back, and not its own other streams', async t => {
  const size = 32 * 1024 * 1024
  let sent = (): number => 0
  const { port: upstream } = await service(t, (request, response) => {
    if (request.url === '/small') {
      response.end('small')
      return
    }
    const { socket } = request
    sent = () => socket.bytesWritten
    response.setHeader('content-length', size)
    const chunk = Buffer.alloc(65_536, 'x')
    let left = size / chunk.length
    const go = (): void => {
      while (left > 0) {
        left--
        if (!response.write(chunk)) {
          response.once('drain', go)
          return
        }
      }
      response.end()
    }
    go()
  })
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`)
  const client = new Http2Client(t, port)
  const stream = client.session.request({ ':path': '/api/large' })
  await once(stream, 'response')
  let seen = -1
  for (let same = 0; same < 20; same++) {
    t.equal((await client.ask({ ':path': '/api/small' }).closed).body, 'small')
    if (sent() !== seen) same = 0
    seen = sent()
  }
  t.ok(seen < size / 2, `held at ${seen} of ${size}`)
  let bytes = 0
  for await (const chunk of stream) bytes += chunk.length
  t.equal(bytes, size, 'and goes on when it is read')
})

t.test('a slow service holds the client\'s upload back', async t => {
  const size = 32 * 1024 * 1024
  let read: () => Promise<number> = async () => 0
  const { port: upstream } = await service(t, (request, response) => {
    if (request.url === '/small') {
      response.end('small')
      return
    }
    read = async () => {
      let bytes = 0
      for await (const chunk of request) bytes += chunk.length
      response.end('read')
      return bytes
    }
  })
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`)
  const client = new Http2Client(t, port)
  const upload = client.begin({ ':path': '/api/large', ':method': 'POST' })
  let left = size / 65_536
  let written = 0
  const go = (): void => {
    if (left-- === 0) {
      upload.stream.end()
      return
    }
    upload.stream.write(Buffer.alloc(65_536), () => {
      written += 65_536
      go()
    })
  }
  go()
  let seen = -1
  for (let same = 0; same < 20; same++) {
    t.equal((await client.ask({ ':path': '/api/small' }).closed).body, 'small')
    if (written !== seen) same = 0
    seen = written
  }
  t.ok(seen < size / 2, `held at ${seen} of ${size}`)
  t.equal(await read(), size)
  t.match(await upload.closed, { body: 'read', ended: true })
})

for (const [what, response, expected] of [
  ['with a body', 'HTTP/1.1 413 x\r\nContent-Length: 9\r\n\r\ntoo large', { status: 413, body: 'too large' }],
  ['in chunks', 'HTTP/1.1 413 x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntoo\r\n0\r\n\r\n', { status: 413, body: 'too' }],
  ['without one', 'HTTP/1.1 204 x\r\n\r\n', { status: 204, body: '' }]
] as const) {
  t.test(`an early response during an upload, ${what}: it is whole, and the client is told to stop (RFC 9113 section 8.1)`, async t => {
    const { port: upstream, sockets } = await rawService(t, socket => { socket.once('data', () => socket.write(response)) })
    const { port, nextLine } = await http2Gateway(t, `http://127.0.0.1:${upstream}`)
    const line = nextLine()
    const { stream, closed } = new Http2Client(t, port).begin({ ':path': '/api/x', ':method': 'POST' })
    stream.write('x')
    t.match(await closed, { ...expected, ended: true, code: NO_ERROR })
    t.match(await line, { outcome: 'completed', status: expected.status })
    while (sockets[0]?.destroyed === false && !sockets[0].readableEnded) await wait(5)
    t.pass('the half request is not left to the service')
  })
}

for (const framing of ['Content-Length: 100\r\n\r\n', 'Transfer-Encoding: chunked\r\n\r\n5\r\n']) {
  t.test(`a response that breaks off (${framing.slice(0, 17)}) is reset, never ended`, async t => {
    const { port: upstream } = await rawService(t, socket => {
      socket.once('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\n${framing}hello`)
        socket.once('data', () => socket.destroy())
      })
    })
    const { port, nextLine } = await http2Gateway(t, `http://127.0.0.1:${upstream}`)
    const line = nextLine()
    const { stream, closed } = new Http2Client(t, port).begin({ ':path': '/api/x', ':method': 'POST' })
    stream.write('x')
    await once(stream, 'data')
    stream.write('y')
    t.match(await closed, { status: 200, body: 'hello', ended: false, code: INTERNAL_ERROR })
    t.match(await line, { outcome: 'upstream error', status: 200, bytes: 5 })
  })
}

t.test('a body over maxBodySize is 413, by its length or while it comes', async t => {
  let aborted: Promise<unknown> = Promise.resolve()
  let requests = 0
  const { port: upstream } = await service(t, request => {
    requests++
    request.on('error', () => {})
    aborted = gone(request)
    request.resume()
  })
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`, { maxBodySize: 10 })
  const client = new Http2Client(t, port)
  const announced = client.begin({ ':path': '/api/x', ':method': 'POST', 'content-length': 11 })
  announced.stream.write('x')
  const response = await announced.closed
  t.match(response, { status: 413, ended: true, code: NO_ERROR })
  t.match(JSON.parse(response.body), { success: false, error: { code: 'PAYLOAD_TOO_LARGE' } })
  t.equal(requests, 0, 'before a byte was forwarded')

  const streamed = client.begin({ ':path': '/api/x', ':method': 'POST' })
  streamed.stream.write('12345')
  streamed.stream.write('123456')
  t.match(await streamed.closed, { status: 413, ended: true, code: NO_ERROR })
  await aborted
})

t.test('many streams on one session each get their own response', async t => {
  const { port: upstream } = await service(t, (request, response) => request.pipe(response))
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`)
  const client = new Http2Client(t, port)
  const bodies = Array.from({ length: 100 }, (_, index) => `${index} `.repeat(5000))
  const responses = await Promise.all(bodies.map(async body => await client.ask({ ':path': '/api/x', ':method': 'POST' }, body).closed))
  t.strictSame(responses.map(({ body }) => body), bodies)
})

t.test('errors are JSON, and name no host', async t => {
  const dead = await closedPort()
  const { port } = await http2Gateway(t, `http://127.0.0.1:${dead}`)
  const client = new Http2Client(t, port)
  const rejected = await client.ask({ ':path': '/api/x' }).closed
  t.match(rejected, { status: 502, headers: { 'content-type': 'application/json; charset=utf-8' }, ended: true })
  t.match(JSON.parse(rejected.body), { success: false, error: { code: 'BAD_GATEWAY', message: 'Failed to connect to upstream service' } })
  t.notMatch(rejected.body, String(dead))
  t.equal((await client.ask({ ':path': '/api/../x' }).closed).status, 400)
  t.equal((await client.ask({ ':path': '/api/x', ':method': 'TRACE' }).closed).status, 405)
  const upload = client.begin({ ':path': '/api/x', ':method': 'POST' })
  upload.stream.write('x')
  t.match(await upload.closed, { status: 502, ended: true, code: NO_ERROR }, 'also in mid upload')
})

t.test('a status that HTTP/2 has not is 502', async t => {
  const { port: upstream } = await rawService(t, socket => { socket.on('data', () => socket.write('HTTP/1.1 999 x\r\nContent-Length: 2\r\n\r\nok')) })
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`)
  t.match(await new Http2Client(t, port).ask({ ':path': '/api/x' }).closed, { status: 502, ended: true })
})

t.test('a silent service is 504, and a client that reads nothing is cut off', async t => {
  const { port: upstream } = await service(t, (request, response) => {
    if (request.url === '/silent') return
    response.setHeader('content-length', 1024 * 1024 * 64)
    response.write(Buffer.alloc(1024 * 1024))
  })
  const { port, nextLine } = await http2Gateway(t, `http://127.0.0.1:${upstream}`, { timeout: 1000 })
  const client = new Http2Client(t, port)
  t.equal((await client.ask({ ':path': '/api/silent' }).closed).status, 504)
  const line = nextLine()
  const stream = client.session.request({ ':path': '/api/large' })
  stream.on('error', () => {})
  const [{ ':status': status }] = await once(stream, 'response')
  t.equal(status, 200)
  await gone(stream)
  t.equal(stream.rstCode, INTERNAL_ERROR)
  t.match(await line, { outcome: 'timeout', status: 200 })
})

t.test('a client that reads slowly is not cut off', async t => {
  const size = 65_536 * 6
  const { port: upstream } = await service(t, (_request, response) => {
    response.setHeader('content-length', size)
    response.end(Buffer.alloc(size))
  })
  const { port, nextLine } = await http2Gateway(t, `http://127.0.0.1:${upstream}`, { timeout: 1000 })
  const line = nextLine()
  const stream = new Http2Client(t, port).session.request({ ':path': '/api/x' })
  let bytes = 0
  for await (const chunk of stream) {
    bytes += chunk.length
    // One window at a time, each within the timeout, all together not.
    if (bytes % 65_536 < chunk.length) await wait(400)
  }
  t.equal(bytes, size)
  t.match(await line, { outcome: 'completed', bytes: size })
})

t.test('one line a request', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end('hello'))
  const { port, nextLine } = await http2Gateway(t, `http://127.0.0.1:${upstream}`)
  const line = nextLine()
  await new Http2Client(t, port).ask({ ':path': '/api/x?y', ':method': 'POST' }, 'x').closed
  t.match(await line, { method: 'POST', url: '/api/x?y', status: 200, route: '/api', bytes: 5, outcome: 'completed' })
})

t.test('the service gets the head of an upload before its body', async t => {
  const { port: upstream, sockets } = await rawService(t, () => {})
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`)
  new Http2Client(t, port).begin({ ':path': '/api/x', ':method': 'PUT' })
  while (sockets[0] === undefined) await wait(5)
  t.match(await received(sockets[0], '\r\n\r\n'), /^PUT \/x HTTP\/1\.1\r\n/)
})

t.test('an interim response for a stream that is closed, and messages of HTTP/1, are rejected', async t => {
  let closed: () => void = () => {}
  const isClosed = new Promise<void>(resolve => { closed = resolve })
  const server = createServer((_request, response) => {
    response.stream.close(NO_ERROR)
    t.doesNotThrow(() => Reflect.apply(http2Client.inform, http2Client, [response, 103, '', []]))
    closed()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  const client = new Http2Client(t, portOf(server))
  client.ask({ ':path': '/' })
  await isClosed
  client.session.destroy()

  const { port } = await service(t, (request, response) => {
    t.throws(() => http2Client.isGone(request), TypeError)
    t.throws(() => http2Client.flushed(response, 0), TypeError)
    response.end()
  })
  await fetch(`http://127.0.0.1:${port}`)
})
