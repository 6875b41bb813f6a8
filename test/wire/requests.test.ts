import type { Server } from 'node:http'
import type { FastifyHttpOptions } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { respondToMalformed } from '../../src/server/error-responses.js'
import { gatewayTo } from '../fixtures/gateway.js'
import { RawClient, rawService, service } from '../fixtures/peers.js'

/** What came of bytes that were sent as one request, and of one more that was in the connection behind them. */
interface Seen {
  /** Status codes of the responses. */
  statuses: number[]
  /** What the client got. */
  text: string
  /** The requests that the service got, head and body as they were written. */
  forwarded: string[]
  /** Whether the gateway closed the connection. */
  closed: boolean
}

/**
 * Sends bytes and then, on the same connection, `GET /api/last`, which shows where the gateway saw the end of the
 * first request. Ends when the last one is responded to or the connection is closed.
 */
async function sending (t: Test, prefix = '/api'): Promise<(bytes: string) => Promise<Seen>> {
  const forwarded: string[] = []
  const { port: upstream } = await rawService(t, socket => {
    let bytes = ''
    socket.on('data', chunk => {
      bytes += chunk.toString('latin1')
      for (let end = endOfRequest(bytes); end > 0; end = endOfRequest(bytes)) {
        forwarded.push(bytes.slice(0, end))
        bytes = bytes.slice(end)
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      }
    })
  })
  const { port } = await gatewayTo(t, upstream, prefix === '/api' ? {} : { prefix, pathRewrite: { pattern: '^/x', replacement: '/x' } }, { via: false }, { clientErrorHandler: respondToMalformed })
  return async bytes => {
    forwarded.length = 0
    const client = new RawClient(t, port)
    client.send(bytes)
    client.send(`GET ${prefix === '/api' ? prefix : ''}/last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    await client.closed
    return {
      statuses: [...client.received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status)),
      text: client.received,
      forwarded: [...forwarded],
      closed: client.ended
    }
  }
}

/** Index behind the first whole request in `bytes`; -1 while it is not whole. */
function endOfRequest (bytes: string): number {
  const head = bytes.indexOf('\r\n\r\n') + 4
  if (head < 4) return -1
  const length = /^content-length: *(\d+)/im.exec(bytes.slice(0, head))?.[1]
  if (/^transfer-encoding: chunked/im.test(bytes.slice(0, head))) {
    const end = bytes.indexOf('0\r\n\r\n', head)
    return end === -1 ? -1 : end + 5
  }
  const end = head + Number(length ?? 0)
  return bytes.length < end ? -1 : end
}

const POST = 'POST /api/x HTTP/1.1\r\nHost: x\r\n'
const GET = 'GET /api/x HTTP/1.1\r\n'

// One response of 4xx (505 for a version), the connection closed, and nothing at the service: not even what stood behind.
const rejected: Record<string, string> = {
  'RFC 9112 6.1: Content-Length with Transfer-Encoding': `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'RFC 9112 6.1: Transfer-Encoding with Content-Length': `${POST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
  'RFC 9112 6.1: another coding before chunked': `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  'RFC 9112 6.1: chunked twice': `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'RFC 9112 6.3: chunked not last': `${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
  'RFC 9112 6.1: identity, then chunked': `${POST}Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'RFC 9112 6.1: a coding nobody knows': `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
  'RFC 9112 6.1: chunked in quotes': `${POST}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n`,
  'RFC 9112 6.1: a vertical tab before chunked': `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`,
  'RFC 9112 6.1: no coding at all': `${POST}Transfer-Encoding: \r\n\r\n`,
  'RFC 9112 6.1: Transfer-Encoding in HTTP/1.0': 'POST /api/x HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'RFC 9112 5.1: space before the colon of Transfer-Encoding': `${POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
  'RFC 9112 6.3: differing Content-Length': `${POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`,
  'RFC 9112 6.3: repeated Content-Length': `${POST}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`,
  'RFC 9110 8.6: Content-Length: +5': `${POST}Content-Length: +5\r\n\r\nhello`,
  'RFC 9110 8.6: Content-Length: 5,5': `${POST}Content-Length: 5,5\r\n\r\nhello`,
  'RFC 9110 8.6: Content-Length: -5': `${POST}Content-Length: -5\r\n\r\nhello`,
  'RFC 9110 8.6: Content-Length: 0x5': `${POST}Content-Length: 0x5\r\n\r\nhello`,
  'RFC 9110 8.6: Content-Length: 5 5': `${POST}Content-Length: 5 5\r\n\r\nhello`,
  'RFC 9110 8.6: Content-Length of 2^64': `${POST}Content-Length: 18446744073709551616\r\n\r\nhello`,
  'RFC 9110 8.6: Content-Length of 2^64 - 1, over any limit': `${POST}Content-Length: 18446744073709551615\r\n\r\nhello`,
  'RFC 9110 8.6: empty Content-Length': `${POST}Content-Length: \r\n\r\nhello`,
  'RFC 9112 7.1: a chunk size with a sign': `${POST}Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n`,
  'RFC 9112 7.1: a chunk size with 0x': `${POST}Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n`,
  'RFC 9112 7.1: a chunk size with a space': `${POST}Transfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n`,
  'RFC 9112 7.1: a chunk size over 2^64': `${POST}Transfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\n`,
  'RFC 9112 7.1: an empty chunk size': `${POST}Transfer-Encoding: chunked\r\n\r\n\r\nhello\r\n0\r\n\r\n`,
  'RFC 9112 7.1: chunk lines ended by LF': `${POST}Transfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n`,
  'RFC 9112 7.1: more data than the chunk says': `${POST}Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n`,
  'RFC 9112 7.1.1: LF in a chunk extension': `${POST}Transfer-Encoding: chunked\r\n\r\n5;a\nb\r\nhello\r\n0\r\n\r\n`,
  'RFC 9112 7.1.2: a malformed trailer': `${POST}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nBad Trailer\r\n\r\n`,
  'RFC 9112 2.2: lines ended by LF': 'GET /api/x HTTP/1.1\nHost: x\n\n',
  'RFC 9112 2.2: one line ended by LF': `${GET}Host: x\r\nA: b\nC: d\r\n\r\n`,
  'RFC 9112 2.2: a bare CR in a value': `${GET}Host: x\r\nA: b\rC: d\r\n\r\n`,
  'RFC 9112 2.2: space before the first field': `${GET} Host: x\r\nA: b\r\n\r\n`,
  'RFC 9112 5.2: a folded line': `${GET}Host: x\r\nA: b\r\n c\r\n\r\n`,
  'RFC 9112 5.1: space before the colon': `${GET}Host: x\r\nA : b\r\n\r\n`,
  'RFC 9112 5.1: no name': `${GET}Host: x\r\n: b\r\n\r\n`,
  'RFC 9112 5.1: no colon': `${GET}Host: x\r\nabc\r\n\r\n`,
  'RFC 9110 5.6.2: NUL in a name': `${GET}Host: x\r\nA\0: b\r\n\r\n`,
  'RFC 9110 5.5: NUL in a value': `${GET}Host: x\r\nA: b\0c\r\n\r\n`,
  'RFC 9112 3.2: no Host': `${GET}\r\n`,
  'RFC 9112 3.2: two Hosts': `${GET}Host: x\r\nHost: y\r\n\r\n`,
  'RFC 9112 3.2: twice the same Host': `${GET}Host: x\r\nhost: x\r\n\r\n`,
  'RFC 9112 3.2: a Host with a path': `${GET}Host: x/y\r\n\r\n`,
  'RFC 9112 3.2: a Host with user information': `${GET}Host: user@x\r\n\r\n`,
  'RFC 9112 3.2: a Host with a space': `${GET}Host: x y\r\n\r\n`,
  'RFC 9112 3.2: a list of hosts': `${GET}Host: x:80:90\r\n\r\n`,
  'RFC 9112 3.2: a fragment': 'GET /api/x#y HTTP/1.1\r\nHost: x\r\n\r\n',
  'RFC 9112 3.2.2: user information in an absolute-form': 'GET http://u:p@y/api/x HTTP/1.1\r\nHost: y\r\n\r\n',
  'RFC 9112 3.2.3: authority-form': 'GET x:80 HTTP/1.1\r\nHost: x\r\n\r\n',
  'RFC 9112 3: tabs in the request line': 'GET\t/api/x\tHTTP/1.1\r\nHost: x\r\n\r\n',
  'RFC 9112 3: space behind the version': 'GET /api/x HTTP/1.1 \r\nHost: x\r\n\r\n',
  'RFC 9112 2.3: a version in lower case': 'GET /api/x http/1.1\r\nHost: x\r\n\r\n',
  'RFC 9112 2.3: HTTP/1.2': 'GET /api/x HTTP/1.2\r\nHost: x\r\n\r\n',
  'RFC 9112 2.3: HTTP/2.0': 'GET /api/x HTTP/2.0\r\nHost: x\r\n\r\n',
  'RFC 9112 2.3: HTTP/0.9 by name': 'GET /api/x HTTP/0.9\r\nHost: x\r\n\r\n',
  'RFC 1945 3.1: HTTP/0.9': 'GET /api/x\r\n\r\n',
  'RFC 9113 3.4: the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'RFC 9110 9.3.8: TRACE': 'TRACE /api/x HTTP/1.1\r\nHost: x\r\n\r\n',
  'RFC 3986 2.1: bytes beyond ASCII': 'GET /api/\xe9 HTTP/1.1\r\nHost: x\r\n\r\n',
  'RFC 3986 5.2.4: a dot segment': 'GET /api/../x HTTP/1.1\r\nHost: x\r\n\r\n',
  'RFC 3986 5.2.4: an encoded dot segment': 'GET /api/%2E%2e/x HTTP/1.1\r\nHost: x\r\n\r\n',
  'RFC 3986 5.2.4: encoded slashes around dots': 'GET /api/a%2f..%2fx HTTP/1.1\r\nHost: x\r\n\r\n',
  'RFC 3986 5.2.4: dots with parameters': 'GET /api/..;a=b/x HTTP/1.1\r\nHost: x\r\n\r\n',
  'a dot segment at the end': 'GET /api/x/.. HTTP/1.1\r\nHost: x\r\n\r\n',
  'a dot segment in an absolute-form': 'GET http://y/api/../x HTTP/1.1\r\nHost: y\r\n\r\n',
  'a backslash': 'GET /api/..\\x HTTP/1.1\r\nHost: x\r\n\r\n',
  'an encoded backslash': 'GET /api/..%5cx HTTP/1.1\r\nHost: x\r\n\r\n',
  'encoded CR and LF': 'GET /api/x%0d%0aX-Evil:%201 HTTP/1.1\r\nHost: x\r\n\r\n',
  'an encoded NUL': 'GET /api/x%00 HTTP/1.1\r\nHost: x\r\n\r\n',
  'a prefix that only matches when it is decoded': 'GET /%61pi/x HTTP/1.1\r\nHost: x\r\n\r\n',
  'more fields than Node reads': `POST /api/x HTTP/1.1\r\nHost: x\r\n${'a:\r\n'.repeat(2100)}Content-Length: 5\r\n\r\nhello`,
  'RFC 9112 3: a request line over the limit': `GET /api/${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
  'RFC 6585 5: a head over the limit': `${GET}Host: x\r\nA: ${'x'.repeat(20_000)}\r\n\r\n`
}

t.test('malformed or ambiguous: one rejection, a closed connection, nothing forwarded', async t => {
  const send = await sending(t)
  for (const [name, bytes] of Object.entries(rejected)) {
    const { statuses, forwarded, closed } = await send(bytes)
    t.match(statuses, [/^(4\d\d|505)$/], name)
    t.equal(statuses.length, 1, `${name}: one response`)
    t.ok(closed, `${name}: closed`)
    // The head of a chunked body is on its way before the body shows what it is; what was begun never became whole.
    t.strictSame(forwarded, [], `${name}: nothing forwarded`)
  }
})

t.test('a request without Host gets the gateway\'s own words where the server leaves it to the gateway', async t => {
  const http: FastifyHttpOptions<Server> = { http: { requireHostHeader: false } }
  const { port } = await gatewayTo(t, 1, {}, {}, http)
  const client = new RawClient(t, port)
  client.send(`${GET}\r\n`)
  await client.closed
  t.match(client.received, /^HTTP\/1\.1 400 [^]*"BAD_REQUEST"/)
})

t.test('versions are told apart from other faults', async t => {
  const send = await sending(t)
  t.strictSame((await send('GET /api/x HTTP/2.0\r\nHost: x\r\n\r\n')).statuses, [505])
  t.strictSame((await send(`${GET}Host: x\r\nA: ${'x'.repeat(20_000)}\r\n\r\n`)).statuses, [431])
  t.strictSame((await send('TRACE /api/x HTTP/1.1\r\nHost: x\r\n\r\n')).statuses, [405])
})

// Two responses, and exactly these two requests at the service.
const accepted: Record<string, [bytes: string, forwarded: RegExp]> = {
  'chunk extensions are dropped (RFC 9112 7.1.1)': [`${POST}Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0;c\r\n\r\n`, /\r\n\r\n5\r\nhello\r\n0\r\n\r\n$/],
  'Chunked in capitals (RFC 9112 7)': [`${POST}Transfer-Encoding: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n`, /\r\nTransfer-Encoding: chunked\r\n[^]*5\r\nhello/],
  'a second request in a body stays a body': [`${POST}Content-Length: 38\r\n\r\nGET /api/evil HTTP/1.1\r\nHost: evil\r\n\r\n`, /\r\n\r\nGET \/api\/evil HTTP\/1\.1\r\nHost: evil\r\n\r\n$/],
  'a GET with a body': [`${GET}Host: x\r\nContent-Length: 5\r\n\r\nhello`, /^GET \/x HTTP\/1\.1\r\n[^]*Content-Length: 5\r\n[^]*\r\n\r\nhello$/],
  'a chunked DELETE': ['DELETE /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n', /^DELETE \/x HTTP\/1\.1\r\n[^]*Transfer-Encoding: chunked\r\n[^]*5\r\nhello\r\n0\r\n\r\n$/],
  'white space around a length (RFC 9110 5.5)': [`${POST}Content-Length:  \t5 \r\n\r\nhello`, /\r\nContent-Length: 5\r\n/],
  'only SP and HTAB are white space in a list (RFC 9110 5.6.3)': [`${GET}Host: x\r\nConnection: \xa0X-A,\tx-b , X-C\r\nX-A: 1\r\nX-B: 2\r\nX-C: 3\r\n\r\n`, /^(?![^]*X-[BC])[^]*\r\nX-A: 1\r\n/],
  'a length of no bytes': [`${POST}Content-Length: 00\r\n\r\n`, /\r\nContent-Length: 00\r\n/],
  'empty lines before a request (RFC 9112 2.2)': [`\r\n\r\n${GET}Host: x\r\n\r\n`, /^GET \/x /],
  'Host without a value (RFC 9112 3.2)': [`${GET}Host:\r\n\r\n`, /^GET \/x /],
  'Host with a port, and an address of IPv6': [`${GET}Host: [::1]:8080\r\n\r\n`, /\r\nX-Forwarded-Host: \[::1\]:8080\r\n/],
  'absolute-form: its authority counts more than Host (RFC 9112 3.2.2)': ['GET http://real.example/api/x?y=//z HTTP/1.1\r\nHost: other\r\n\r\n', /^GET \/x\?y=\/\/z HTTP\/1\.1\r\nHost: 127\.0\.0\.1:\d+\r\n[^]*X-Forwarded-Host: real\.example\r\n/],
  'percent-encodings and odd queries as they are': ['GET /api/%7Ea%2Bb?x=%00&y=../..&z=\\&& HTTP/1.1\r\nHost: x\r\n\r\n', /^GET \/%7Ea%2Bb\?x=%00&y=\.\.\/\.\.&z=\\&& HTTP/]
}

t.test('what is well-formed arrives once, as it was meant', async t => {
  const send = await sending(t)
  for (const [name, [bytes, pattern]] of Object.entries(accepted)) {
    const { statuses, forwarded } = await send(bytes)
    t.strictSame(statuses, [200, 200], name)
    t.equal(forwarded.length, 2, name)
    t.match(forwarded[0], pattern, name)
    t.match(forwarded[1], /^GET \/last /, name)
  }
})

t.test('a path that starts with two slashes would be an authority to many parsers', async t => {
  const send = await sending(t, '/')
  for (const path of ['//other.host/x', '//other.host', '/\\other.host/x']) {
    const { statuses, forwarded } = await send(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
    t.strictSame(statuses, [400], path)
    t.strictSame(forwarded, [])
  }
  t.strictSame((await send('OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n')).forwarded, [], 'asterisk-form is for the server itself')
})

t.test('HTTP/1.0 gets a response without chunks, and its connection closed (RFC 9112 section 6.1)', async t => {
  const { port: upstream } = await rawService(t, socket => {
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'))
  })
  const { port } = await gatewayTo(t, upstream)
  for (const fields of ['', 'Host: x\r\n', 'Connection: keep-alive\r\n']) {
    const client = new RawClient(t, port)
    client.send(`GET /api/x HTTP/1.0\r\n${fields}\r\n`)
    await client.closed
    t.match(client.received, /^HTTP\/1\.1 200 OK\r\n[^]*Connection: close\r\n\r\nhello$/)
    t.notMatch(client.received, /chunked/i)
  }
})

t.test('bytes may be split anywhere', async t => {
  const send = await sending(t)
  const whole = `${POST}Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n`
  const { text: expected } = await send(whole)
  const { port: upstream } = await rawService(t, socket => { socket.on('data', chunk => { if (String(chunk).endsWith('0\r\n\r\n')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok') }) })
  const { port } = await gatewayTo(t, upstream)
  t.match(expected, /ok/)
  const client = new RawClient(t, port)
  client.socket.setNoDelay(true)
  for (const byte of whole) {
    client.send(byte)
    await new Promise(resolve => setImmediate(resolve))
  }
  await client.until('\r\n\r\nok')
  client.socket.destroy()
})

t.test('Expect: 100-continue: the gateway streams on its own word, and the body arrives once', async t => {
  const bodies: string[] = []
  const { port: upstream } = await rawService(t, socket => {
    let bytes = ''
    socket.on('data', chunk => {
      bytes += chunk.toString('latin1')
      if (!bytes.endsWith('hello')) return
      bodies.push(bytes)
      socket.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port)
  client.send(`${POST}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n`)
  await client.until('HTTP/1.1 100 Continue\r\n\r\n')
  client.send('hello')
  await client.until('\r\n\r\nok')
  t.equal(client.received.match(/ 100 /g)?.length, 1, 'the service\'s own 100 is of its hop')
  t.equal(bodies.length, 1)
  t.notMatch(bodies[0], /expect/i)
  client.socket.destroy()
  const other = new RawClient(t, port)
  other.send(`${POST}Content-Length: 5\r\nExpect: banana\r\nConnection: close\r\n\r\nhello`)
  await other.closed
  t.match(other.received, /^HTTP\/1\.1 417 /)
})

t.test('100 Continue behind another request waits for its turn, and never stands in a response', async t => {
  const { port: upstream } = await rawService(t, socket => {
    socket.on('data', chunk => {
      // In two pieces: the head is on its way to the client when the second could come between.
      if (chunk.includes('GET /first')) {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfi')
        setTimeout(() => socket.write('rst'), 50)
      } else if (chunk.includes('POST /early')) {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly')
      } else if (chunk.includes('hello')) {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate')
      }
    })
  })
  const { port } = await gatewayTo(t, upstream)
  const expecting = (path: string): string => `GET /api/first HTTP/1.1\r\nHost: x\r\n\r\nPOST /api/${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n`
  const waiting = new RawClient(t, port)
  waiting.send(expecting('late'))
  await waiting.until(/^HTTP\/1\.1 200 [^]*\r\n\r\nfirstHTTP\/1\.1 100 Continue\r\n\r\n$/)
  waiting.send('hello')
  await waiting.until(/Continue\r\n\r\nHTTP\/1\.1 200 [^]*\r\n\r\nlate$/)
  waiting.socket.destroy()
  const early = new RawClient(t, port)
  early.send(expecting('early'))
  await early.until(/^HTTP\/1\.1 200 [^]*\r\n\r\nfirstHTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 (?:(?!100 Continue)[^])*\r\n\r\nearly$/)
  early.socket.destroy()
})

t.test('a host that listens for expectations responses them alone', async t => {
  const { port: upstream } = await service(t, (request, response) => { request.pipe(response) })
  const { app, port } = await gatewayTo(t, upstream)
  app.server.on('checkContinue', (request, response) => {
    response.writeContinue()
    app.server.emit('request', request, response)
  })
  const client = new RawClient(t, port)
  client.send(`${POST}Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello`)
  await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 (?:(?!100 Continue)[^])*hello\r\n0\r\n\r\n$/)
  client.socket.destroy()
})
