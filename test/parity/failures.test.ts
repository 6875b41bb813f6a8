import t from 'tap'
import type { Test } from 'tap'
import { call, gatewayTo } from '../fixtures/gateway.js'
import type { Started } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway, http2Service } from '../fixtures/http2.js'
import { RawClient, rawService } from '../fixtures/peers.js'

/** A gateway in front of a service that responds with these bytes and closes. */
async function closing (t: Test, bytes: string): Promise<Started & { upstream: number }> {
  const { port: upstream } = await rawService(t, socket => {
    socket.on('data', () => socket.end(bytes))
  })
  return { ...await gatewayTo(t, upstream, { timeout: '5s' }), upstream }
}

async function raw (t: Test, port: number, method = 'GET'): Promise<string> {
  const client = new RawClient(t, port).send(`${method} /api/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  await client.closed
  return client.received
}

/** How a head says twice, or in words that nobody knows, where its body ends. */
const ambiguous: Record<string, string> = {
  'a length that is none': 'Content-Length: foo\r\n\r\n',
  'a length twice': 'Content-Length: 0\r\nContent-Length: 0\r\n\r\n',
  'an unknown coding': 'Transfer-Encoding: foo\r\n\r\n',
  'chunks twice': 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'a length and chunks': 'Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'chunks and a length': 'Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n'
}

t.test('a response whose framing is ambiguous is 502', async t => {
  for (const [what, rest] of Object.entries(ambiguous)) {
    const { port } = await closing(t, `HTTP/1.1 200 OK\r\nConnection: close\r\n${rest}`)
    t.equal((await call(port, '/api/x')).status, 502, what)
  }
})

t.test('a field that frames nothing may stand twice', async t => {
  const { port } = await closing(t, 'HTTP/1.1 200 OK\r\nConnection: close\r\nExpires: foo\r\nExpires: bar\r\nContent-Length: 0\r\n\r\n')
  t.match(await raw(t, port), 'Expires: foo\r\nExpires: bar\r\n')
})

t.test('what stands behind a response is nobody\'s', async t => {
  for (const [head, seen] of [['Content-Length: 8', 'SEE-THIS'], ['Content-Length: 0', ''], ['Transfer-Encoding: chunked', '8\r\nSEE-THIS\r\n0\r\n\r\n']] as const) {
    const sent = head.startsWith('Content-Length: 0') ? 'BUT-NOT-THIS' : `${seen}BUT-NOT-THIS`
    const { port } = await closing(t, `HTTP/1.1 200 OK\r\n${head}\r\n\r\n${sent}`)
    const received = await raw(t, port)
    t.equal(received.slice(received.indexOf('\r\n\r\n') + 4), seen, head)
  }
})

t.test('a response to HEAD has no body, whatever its service sends', async t => {
  for (const sent of ['', 'SEE-THIS', 'SEE-THIS-AND-MORE', 'SEE']) {
    const { port } = await closing(t, `HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n${sent}`)
    t.match(await raw(t, port, 'HEAD'), /^HTTP\/1\.1 200 OK\r\nContent-Length: 8\r\n[^]*\r\n\r\n$/)
  }
})

t.test('a head without the body that it promises', async t => {
  const { port } = await closing(t, 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n')
  await t.rejects(call(port, '/api/x'), { code: 'ECONNRESET' })
})

const MANY = 'X'.repeat(1_000_000)

t.test('a large response that is cut short: all that came, and then a break; whole: all of it', async t => {
  for (const [missing, end] of [[50, 'unfinished'], [0, 'finished']] as const) {
    const { port, nextLine } = await closing(t, `HTTP/1.1 200 OK\r\nContent-Length: ${MANY.length + end.length + missing}\r\nConnection: close\r\n\r\n${MANY}${end}`)
    const line = nextLine()
    const client = new RawClient(t, port).send('GET /api/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    // It reads in pieces, so that there is more in the gateway when its service breaks off.
    client.socket.on('data', () => {
      client.socket.pause()
      setTimeout(() => client.socket.resume(), 5)
    })
    await client.closed
    t.ok(client.received.endsWith(end))
    t.match(await line, { outcome: missing === 0 ? 'completed' : 'upstream error' })
  }
})

t.test('early hints and no response are 502, over either version', async t => {
  const { port } = await closing(t, 'HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n')
  t.match(await raw(t, port), /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/style\.css>\r\n\r\nHTTP\/1\.1 502 /)
  const { port: upstream } = await http2Service(t, stream => {
    stream.additionalHeaders({ ':status': 103, link: '</style.css>' })
    stream.session?.destroy()
  })
  const h2 = await http2Gateway(t, `http://127.0.0.1:${upstream}`, { http2: true })
  t.match(await new Http2Client(t, h2.port).ask({ ':path': '/api/x' }).closed, { status: 502 })
})
