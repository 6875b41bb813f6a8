import { once } from 'node:events'
import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { call, gatewayTo } from '../fixtures/gateway.js'
import type { Started } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway, http2Service } from '../fixtures/http2.js'
import { gone, RawClient, rawService, service } from '../fixtures/peers.js'

const SEE = 'TEST-OK-IF-YOU-SEE-THIS'

/** What a service may respond with and keep its connection, in the pieces in which it is written. */
const kept: Record<string, { method?: string, pieces: string[], body: string }> = {
  'a length': { pieces: [`HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n${SEE}`], body: SEE },
  'a chunk': { pieces: [`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n17\r\n${SEE}\r\n0\r\n\r\n`], body: SEE },
  'many chunks, whose last one is in pieces': {
    pieces: ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', ...Array.from({ length: 4 }, () => 'a\r\n0123456789\r\n'.repeat(25)), '0\r\n', '\r', '\n'], body: '0123456789'.repeat(100)
  },
  'no chunk but the last': { pieces: ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', '0\r\n\r\n'], body: '' },
  'no body': { pieces: ['HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'], body: '' },
  'a length, to HEAD': { method: 'HEAD', pieces: ['HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n'], body: '' },
  'chunks, to HEAD': { method: 'HEAD', pieces: ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'], body: '' },
  'a 304': { pieces: ['HTTP/1.1 304 Not Modified\r\n\r\n'], body: '' },
  'a 304 with a length': { pieces: ['HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n'], body: '' }
}

async function write (socket: Socket, pieces: readonly string[]): Promise<void> {
  for (const piece of pieces) {
    if (!socket.write(piece)) await once(socket, 'drain')
    await new Promise(resolve => setImmediate(resolve))
  }
}

/** A gateway in front of a service that writes the same for each request. */
async function writing (t: Test, pieces: readonly string[], then: (socket: Socket) => void = () => {}): Promise<Started & { sockets: Socket[] }> {
  const { port, sockets } = await rawService(t, socket => {
    socket.on('data', () => { write(socket, pieces).then(() => then(socket), () => {}) })
    socket.on('end', () => socket.end())
  })
  return { ...await gatewayTo(t, port, { timeout: '5s' }), sockets }
}

t.test('a connection serves on after a response of any framing', async t => {
  for (const [what, { method = 'GET', pieces, body }] of Object.entries(kept)) {
    const { port, sockets } = await writing(t, pieces)
    for (let nth = 0; nth < 3; nth++) t.equal(String((await call(port, '/api/x', { method })).body), body, what)
    t.equal(sockets.length, 1, what)
  }
})

t.test('a service that says close, or closes, has the next request on a new connection', async t => {
  const { port, sockets } = await writing(t, ['HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 12\r\n\r\n0123456789\r\n'], socket => socket.end())
  for (let nth = 0; nth < 2; nth++) t.equal((await call(port, '/api/x')).body.length, 12)
  t.equal(sockets.length, 2)
})

t.test('over HTTP/2 too, after a response of any kind', async t => {
  const bodies = ['GET /length', 'GET /none', 'GET /empty', 'HEAD /length', 'HEAD /none', 'GET /304', 'GET /304length', 'GET /pieces', 'POST /length', 'POST /none']
  const { port: upstream, sessions } = await http2Service(t, (stream, { ':path': path = '', ':method': method }) => {
    const length = path.includes('length') ? { 'content-length': path === '/304length' ? 100 : 23 } : {}
    const status = path.startsWith('/304') ? 304 : 200
    if (status === 304 || path === '/empty' || method === 'HEAD') stream.respond({ ':status': status, ...length }, { endStream: true })
    else {
      stream.respond({ ':status': status, ...length })
      if (path === '/pieces') stream.write(SEE.slice(0, 9), () => stream.end(SEE.slice(9)))
      else stream.end(SEE)
    }
  })
  const { port } = await gatewayTo(t, upstream, { http2: true })
  for (const what of [...bodies, ...bodies]) {
    const [method = '', path] = what.split(' ')
    const { status, body } = await call(port, `/api${path}`, { method, ...(method === 'POST' && { body: 'hello' }) })
    t.strictSame([status, String(body)], [path?.startsWith('/304') === true ? 304 : 200, /^(GET|POST) \/(length|none|pieces)/.test(what) ? SEE : ''], what)
  }
  t.equal(sessions.length, 1)
})

t.test('a length ends a response although its service does not close as it said', async t => {
  for (const pieces of [[`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 23\r\n\r\n${SEE}`], ['HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 23\r\n\r\n', SEE]]) {
    const { port, sockets } = await writing(t, pieces)
    t.equal(String((await call(port, '/api/x')).body), SEE)
    for (const socket of sockets) if (!socket.destroyed) await gone(socket)
  }
})

t.test('without a length what came is there at once, and is broken off when nothing more comes', async t => {
  const { port: upstream } = await rawService(t, socket => { socket.on('data', () => socket.write(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${SEE}`)) })
  const { port, nextLine } = await gatewayTo(t, upstream, { timeout: 100 })
  const line = nextLine()
  const client = new RawClient(t, port).send('GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n')
  await client.until(SEE)
  await client.closed
  t.notMatch(client.received, /\r\n0\r\n\r\n$/)
  t.match(await line, { outcome: 'timeout' })
})

t.test('what a client owes of an upload is never made up by the next request', async t => {
  const heard: string[] = []
  const { port: upstream } = await rawService(t, (socket, nth) => {
    socket.on('data', chunk => {
      heard[nth - 1] = (heard[nth - 1] ?? '') + String(chunk)
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
    socket.on('end', () => socket.end())
  })
  const { port } = await gatewayTo(t, upstream)
  const early = new RawClient(t, port).send('POST /api/first HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n')
  await early.until(/ok$/)
  t.equal((await call(port, '/api/second')).status, 200)
  t.equal(heard.length, 2, 'on a connection of its own')
  t.match(heard[1], /^GET \/second /)
  t.notMatch(heard[0], /second/)
})

t.test('uploads that are pipelined have each its own body', async t => {
  const { port: upstream } = await service(t, (request, response) => {
    let body = ''
    request.on('data', chunk => { body += String(chunk) })
    request.on('end', () => response.end(`<${body.length}:${body.slice(0, 6)}>`))
  })
  const { port } = await gatewayTo(t, upstream)
  const bodies = ['0123456789', '0123456789'.repeat(128), '0123456789'.repeat(512), 'foobar']
  const framed: Array<(body: string) => string> = [
    body => `Content-Length: ${body.length}\r\n\r\n${body}`,
    body => `Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
  ]
  for (const frame of framed) {
    const client = new RawClient(t, port).send(bodies.map(body => `POST /api/x HTTP/1.1\r\nHost: x\r\n${frame(body)}`).join(''))
    await client.until('<6:foobar>')
    t.strictSame(client.received.match(/<[^>]+>/g), ['<10:012345>', '<1280:012345>', '<5120:012345>', '<6:foobar>'])
  }
})

t.test('an upload arrives part by part, of which the first came with its head', async t => {
  const { port: upstream } = await rawService(t, socket => {
    let heard = ''
    socket.on('data', chunk => {
      heard += String(chunk)
      if (heard.endsWith('01234')) socket.write('HTTP/1.1 103 Early Hints\r\nX: first\r\n\r\n')
      if (heard.endsWith('56789')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port).send('POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234')
  await client.until('X: first')
  client.send('56789')
  await client.until(/ok$/)
})

t.test('an upload over HTTP/2 does so too, with a length and without, to a service of either version', async t => {
  const parts: string[] = []
  const { port: plain } = await service(t, (request, response) => {
    request.on('data', chunk => { parts.push(String(chunk)) })
    request.on('end', () => response.end('ok'))
  })
  const { port: h2 } = await http2Service(t, stream => {
    stream.on('data', chunk => { parts.push(String(chunk)) })
    stream.on('end', () => { stream.respond(); stream.end('ok') })
  })
  for (const [upstream, http2] of [[plain, false], [h2, true]] as const) {
    const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`, { http2 })
    const client = new Http2Client(t, port)
    for (const length of [{ 'content-length': '8' }, {}]) {
      const { stream, closed } = client.begin({ ':method': 'POST', ':path': '/api/x', ...length })
      for (const part of ['SEE-', 'THIS']) {
        const before = parts.length
        stream.write(part)
        while (parts.length === before) await new Promise(resolve => setImmediate(resolve))
        t.equal(parts.at(-1), part)
      }
      stream.end()
      t.match(await closed, { status: 200, body: 'ok', ended: true })
    }
  }
})

t.test('Upgrade is of one hop: it stays in a 426 to a client of HTTP/1, which must have it (RFC 9110 section 15.5.22), and nowhere else', async t => {
  for (const [status, upgrade] of [['200 OK', undefined], ['426 Upgrade Required', 'websocket']] as const) {
    const { port: upstream } = await rawService(t, socket => {
      socket.on('data', () => socket.write(`HTTP/1.1 ${status}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n`))
    })
    const { port } = await gatewayTo(t, upstream)
    t.equal((await call(port, '/api/x')).headers.upgrade, upgrade, status)
    const h2 = await http2Gateway(t, `http://127.0.0.1:${upstream}`)
    const { headers, status: code } = await new Http2Client(t, h2.port).ask({ ':path': '/api/x' }).closed
    t.strictSame([code, headers.upgrade], [Number(status.slice(0, 3)), undefined])
  }
})
