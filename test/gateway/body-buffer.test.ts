import { once } from 'node:events'
import { createHash } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import { gatewayTo } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway } from '../fixtures/http2.js'
import { RawClient, rawService, service } from '../fixtures/peers.js'

// bodyBuffer: for services that respond with 411 to a body without a length.

interface Received { method: string | undefined, length: string | undefined, codings: string | undefined, sum: string, bytes: number }

/** A service that tells how the body of each request came. */
async function wsgi (t: Test): Promise<{ port: number, requests: Received[] }> {
  const requests: Received[] = []
  const { port } = await service(t, (request, response) => {
    const hash = createHash('sha256')
    let bytes = 0
    request.on('data', chunk => {
      hash.update(chunk)
      bytes += chunk.length
    })
    request.on('error', () => {})
    request.on('end', () => {
      const { method, headers } = request
      requests.push({ method, length: headers['content-length'], codings: headers['transfer-encoding'], sum: hash.digest('hex'), bytes })
      response.end('ok')
    })
  })
  return { port, requests }
}

const CHUNKED = 'POST /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

function sum (body: string | Buffer): string {
  return createHash('sha256').update(body).digest('hex')
}

function chunk (text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`
}

t.test('chunks become one body with a length', async t => {
  const { port: upstream, requests } = await wsgi(t)
  const { port } = await gatewayTo(t, upstream, { bodyBuffer: '10kb' })
  const client = new RawClient(t, port)
  for (const pieces of [['one'], ['o', 'n', 'e'], []]) {
    client.received = ''
    client.send(`${CHUNKED}X-Odd: Transfer-Encoding\r\n\r\n`)
    for (const piece of pieces) {
      await new Promise(resolve => setImmediate(resolve))
      client.send(chunk(piece))
    }
    client.send('0\r\n\r\n')
    await client.until(/ok$/)
    const text = pieces.join('')
    t.match(requests.pop(), { length: String(text.length), codings: undefined, sum: sum(text) })
  }
})

t.test('trailers go with the chunks', async t => {
  const heads: string[] = []
  const { port: upstream } = await rawService(t, socket => socket.on('data', bytes => {
    heads.push(String(bytes))
    socket.write(OK)
  }))
  const { port } = await gatewayTo(t, upstream, { bodyBuffer: '10kb' })
  await new RawClient(t, port).send(`${CHUNKED}TE: trailers\r\nConnection: TE\r\nTrailer: X-Sum\r\n\r\n${chunk('one')}0\r\nX-Sum: 1\r\n\r\n`).until(/ok$/)
  t.match(heads.join(''), /\r\nContent-Length: 3\r\n[^]*\r\n\r\none$/)
  t.notMatch(heads.join(''), /Trailer:|X-Sum|chunked/)
})

t.test('what is larger streams, what has a length keeps it', async t => {
  const { port: upstream, requests } = await wsgi(t)
  const { port } = await gatewayTo(t, upstream, { bodyBuffer: 1000 })
  const large = 'x'.repeat(3_000_000)
  await new RawClient(t, port).send(`${CHUNKED}\r\n${chunk('y'.repeat(999))}${chunk(large)}0\r\n\r\n`).until(/ok$/)
  t.match(requests.pop(), { length: undefined, codings: 'chunked', bytes: 3_000_999, sum: sum('y'.repeat(999) + large) })
  await new RawClient(t, port).send(`POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n${large}`).until(/ok$/)
  t.match(requests.pop(), { length: '3000000', sum: sum(large) })
  await new RawClient(t, port).send('POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nsmall').until(/ok$/)
  t.match(requests.pop(), { length: '5', sum: sum('small') })
})

t.test('over HTTP/2', async t => {
  const { port: upstream, requests } = await wsgi(t)
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`, { bodyBuffer: 1000 })
  const client = new Http2Client(t, port)
  for (const [body, length] of [['small', '5'], ['x'.repeat(500_000), undefined]] as const) {
    t.match(await client.ask({ ':method': 'POST', ':path': '/api/x' }, body).closed, { status: 200, body: 'ok' })
    t.match(requests.pop(), { length, sum: sum(body) })
  }
})

t.test('nothing is sent of a body that does not end well', async t => {
  const { port: upstream, requests } = await wsgi(t)
  const { port, nextLine } = await gatewayTo(t, upstream, { bodyBuffer: 1000, maxBodySize: 500, requestTimeout: 50, timeout: 200 })
  let line = nextLine()
  const gone = new RawClient(t, port).send(`${CHUNKED}\r\n${chunk('one')}`)
  await once(gone.socket, 'connect')
  gone.socket.destroy()
  t.match(await line, { outcome: 'client aborted' })
  const expected = { [chunk('x'.repeat(501))]: 413, 'zz\r\n': 400, [chunk('one')]: 408 }
  for (const [body, status] of Object.entries(expected)) {
    line = nextLine()
    const client = new RawClient(t, port).send(`${CHUNKED}\r\n${body}`)
    t.match(await client.until('}'), new RegExp(`^HTTP/1\\.1 ${status} `))
    t.ok(await line, `${status} has its line`)
  }
  t.strictSame(requests, [])
})

t.test('without a rate a body may not be silent for longer than timeout', async t => {
  const { port: upstream } = await wsgi(t)
  const { port } = await gatewayTo(t, upstream, { bodyBuffer: 1000, minBodyRate: 0, timeout: 50 })
  const client = new RawClient(t, port).send(`${CHUNKED}\r\n`)
  t.match(await client.until('requestId'), /^HTTP\/1\.1 408 /)
})

t.test('128 are collected at once', async t => {
  const { port: upstream } = await wsgi(t)
  const { port, lines } = await gatewayTo(t, upstream, { bodyBuffer: 1000 })
  const clients = Array.from({ length: 129 }, () => new RawClient(t, port).send(`${CHUNKED}\r\n${chunk('one')}`))
  const rejected = await Promise.race(clients.map(async client => {
    await client.until('requestId')
    return client
  }))
  t.match(rejected.received, /^HTTP\/1\.1 503 Service Unavailable\r\n[^]*retry-after: 1\r\n/i)
  for (const client of clients) if (client !== rejected) client.send('0\r\n\r\n')
  await Promise.all(clients.map(async client => client === rejected || await client.until(/ok$/)))
  await new RawClient(t, port).send(`${CHUNKED}\r\n0\r\n\r\n`).until(/ok$/)
  t.equal(lines.filter(({ status }) => status === 503).length, 1)
})

t.test('a PUT that was collected may be sent once more', async t => {
  const requests: string[] = []
  const { port: upstream } = await rawService(t, (socket, nth) => {
    let count = 0
    socket.on('data', bytes => {
      requests.push(`${nth} ${String(bytes).split(' ', 1).join('')} ${String(bytes).split('\r\n\r\n')[1] ?? ''}`)
      if (nth % 2 === 1 && ++count === 2) socket.destroy()
      else socket.write(OK)
    })
  })
  const { port } = await gatewayTo(t, upstream, { bodyBuffer: 1000 })
  const send = (method: string): RawClient => new RawClient(t, port).send(`${method} /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none`)
  await send('PUT').until(/ok$/)
  await send('PUT').until(/ok$/)
  t.strictSame(requests, ['1 PUT one', '1 PUT one', '2 PUT one'])
})
