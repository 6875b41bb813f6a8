import type { Server } from 'node:http'
import type { FastifyHttpOptions } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { gatewayTo } from '../fixtures/gateway.js'
import { RawClient, rawService } from '../fixtures/peers.js'

const ANSWER = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nSet-Cookie: evil=1\r\n\r\n'

/** What the service got, and what the client got, for a request to a service that responds with trailers. */
async function exchanged (t: Test, request: string, response = ANSWER, end = /\r\n0\r\n[^]*\r\n$/): Promise<{ forwarded: string, responded: string }> {
  let forwarded = ''
  const { port: upstream } = await rawService(t, socket => {
    socket.on('data', chunk => {
      forwarded += chunk.toString('latin1')
      if (forwarded.endsWith('\r\n\r\n') && (!/chunked/i.test(forwarded) || /\r\n0\r\n/.test(forwarded))) socket.write(Buffer.from(response, 'latin1'))
    })
    socket.on('end', () => socket.end())
  })
  const { port } = await gatewayTo(t, upstream, {}, { via: false })
  const client = new RawClient(t, port)
  client.send(request)
  await client.until(end)
  client.socket.destroy()
  return { forwarded, responded: client.received }
}

t.test('a response\'s trailers reach a client that asked for them (RFC 9110 section 6.5)', async t => {
  const { forwarded, responded } = await exchanged(t, 'GET /api/x HTTP/1.1\r\nHost: x\r\nTE: deflate, Trailers\r\nConnection: TE\r\n\r\n')
  t.match(forwarded, /\r\nTE: trailers\r\nConnection: TE\r\n/)
  t.match(responded, /\r\nTrailer: X-Sum\r\n[^]*\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n$/, 'less what has no business in trailers (section 6.5.1)')
})

t.test('nobody else gets them, in no form', async t => {
  for (const te of ['', 'TE: deflate\r\n']) {
    const { forwarded, responded } = await exchanged(t, `GET /api/x HTTP/1.1\r\nHost: x\r\n${te}\r\n`)
    t.notMatch(forwarded, /\r\nTE:/i)
    t.notMatch(responded, /X-Sum|evil/)
  }
  const { responded } = await exchanged(t, 'GET /api/x HTTP/1.0\r\nHost: x\r\nTE: trailers\r\n\r\n', ANSWER, /ok$/)
  t.notMatch(responded, /X-Sum|evil|chunked/, 'nor a client of HTTP/1.0')
})

t.test('a response with a length has none', async t => {
  const { responded } = await exchanged(t, 'GET /api/x HTTP/1.1\r\nHost: x\r\nTE: trailers\r\n\r\n', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', /ok$/)
  t.match(responded, /ok$/)
})

t.test('a request\'s trailers reach the service, and never its head', async t => {
  const body = 'Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 2\r\nX-Forwarded-For: evil\r\nHost: evil\r\n\r\n'
  const { forwarded } = await exchanged(t, `POST /api/x HTTP/1.1\r\nHost: x\r\nTE: trailers\r\n${body}`)
  t.match(forwarded, /\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\nConnection: TE\r\nTrailer: X-Sum\r\n[^]*\r\n2\r\nhi\r\n0\r\nX-Sum: 2\r\n\r\n$/)
  t.notMatch(forwarded, 'evil')
  const without = await exchanged(t, `POST /api/x HTTP/1.1\r\nHost: x\r\n${body}`)
  t.match(without.forwarded, /\r\n0\r\n\r\n$/)
  t.notMatch(without.forwarded, 'X-Sum')
})

t.test('trailers that cannot be written again break the exchange off', async t => {
  const { port: upstream } = await rawService(t, socket => {
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Odd: a\x01b\r\n\r\n'))
  })
  const { port, nextLine } = await gatewayTo(t, upstream)
  const line = nextLine()
  const client = new RawClient(t, port)
  client.send('GET /api/x HTTP/1.1\r\nHost: x\r\nTE: trailers\r\n\r\n')
  await client.closed
  t.notMatch(client.received, /\r\n0\r\n/)
  t.match(await line, { outcome: 'upstream error' })
})

t.test('those of a request are 400, also where a host has Node\'s parser read them', async t => {
  const { port: upstream } = await rawService(t, () => {})
  const http: FastifyHttpOptions<Server> = { http: { insecureHTTPParser: true } }
  const { port, nextLine } = await gatewayTo(t, upstream, {}, {}, http)
  const line = nextLine()
  const client = new RawClient(t, port)
  client.send('POST /api/x HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Odd: a\x01b\r\n\r\n')
  await client.closed
  t.match(client.received, /^HTTP\/1\.1 400 /)
  t.match(await line, { outcome: 'rejected', status: 400 })
})
