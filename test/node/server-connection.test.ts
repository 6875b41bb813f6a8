import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import t from 'tap'
import type { Test } from 'tap'
import { afterEarlierResponses, currentResponse, expectNoBody, isLingering, lingerAfterResponse, releaseRequest, unfinishedRequest } from '../../src/node/server-connection.js'
import type { ServerConnection } from '../../src/node/server-connection.js'
import { RawClient, service } from '../fixtures/peers.js'

// What Node's HTTP server notes on a connection and documents nowhere. Each message names the internal.

type Exchanged = [request: IncomingMessage, response: ServerResponse]

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'

/** A server whose exchanges are the test's. */
async function serving (t: Test): Promise<{ client: RawClient, next: () => Promise<Exchanged> }> {
  const come: Exchanged[] = []
  let wake = (): void => {}
  const { port } = await service(t, (...exchanged) => {
    come.push(exchanged)
    wake()
  })
  const next = async (): Promise<Exchanged> => {
    while (true) {
      const first = come.shift()
      if (first !== undefined) return first
      await new Promise<void>(resolve => { wake = resolve })
    }
  }
  return { client: new RawClient(t, port), next }
}

t.test('_httpMessage', async t => {
  const { client, next } = await serving(t)
  client.send(GET + GET)
  const [request, first] = await next()
  const [, second] = await next()
  const connection: ServerConnection = request.socket
  t.equal(currentResponse(connection), first, 'the response that is being written is _httpMessage of its connection')
  t.equal(second.socket, null, 'a response that waits behind another has no socket')
  const turns: string[] = []
  afterEarlierResponses(connection, current => current === second, () => turns.push('second'))
  t.strictSame(turns, [])
  first.end('one')
  await once(first, 'close')
  t.equal(currentResponse(connection), second, 'then the next one is _httpMessage')
  t.strictSame(turns, ['second'])
  second.end('two')
  await client.until('two')
  t.equal(currentResponse(connection), undefined, 'and then none')
})

t.test('parser.incoming', async t => {
  const { client, next } = await serving(t)
  client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab')
  const [request, response] = await next()
  t.equal(unfinishedRequest(request.socket), request, 'the request that is being read is parser.incoming of its connection')
  request.resume()
  client.send('cd')
  await once(request, 'end')
  t.equal(unfinishedRequest(request.socket), undefined, 'none is after its end')
  response.end()
})

t.test('parser.incoming of a request that nobody read', async t => {
  const { client, next } = await serving(t)
  client.send(GET)
  const [request, response] = await next()
  const connection: ServerConnection = request.socket
  expectNoBody(request)
  response.end('one')
  await client.until('one')
  t.equal(connection.parser?.incoming, request, 'the parser keeps a request whose end nobody read as incoming')
  releaseRequest(request)
  t.equal(connection.parser?.incoming, null, 'and does without it')
  client.send(GET)
  const [, second] = await next()
  second.end('two')
  await client.until('two')
})

t.test('_consuming', async t => {
  const { client, next } = await serving(t)
  client.send(GET)
  const [dumped, first] = await next()
  first.end('one')
  await once(dumped, 'end')
  t.pass('the server reads a request to its end when its response is written')
  client.send(GET)
  const [request, second] = await next()
  expectNoBody(request)
  second.end('two')
  await client.until('two')
  t.equal(request.readableFlowing, null, 'the server leaves a request unread that has _consuming')
})

t.test('somebody waits for the end of a request', async t => {
  const { client, next } = await serving(t)
  client.send(GET)
  const [request, response] = await next()
  const ended = once(request, 'end')
  expectNoBody(request)
  response.end()
  await ended
})

t.test('destroySoon', async t => {
  const { client, next } = await serving(t)
  client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab')
  const [request, response] = await next()
  const { socket } = request
  t.notOk(isLingering(socket))
  lingerAfterResponse(socket)
  t.ok(isLingering(socket), 'a connection calls the destroySoon that was set on it')
  response.writeHead(200, ['Connection', 'close', 'Content-Length', '3']).end('one')
  await once(socket, 'finish')
  t.notOk(socket.destroyed, 'the server closes by destroySoon alone, so that our side is ended and the client\'s is read')
  client.send('late')
  await client.closed
  t.match(client.received, /one$/)
})
