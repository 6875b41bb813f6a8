import { executionAsyncResource } from 'node:async_hooks'
import { once } from 'node:events'
import { Agent } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { boundParser, forgetRequest, isReading, newRequest, parse, resetOwner, sendOn } from '../../src/node/upstream-connection.js'
import { receiveBody } from '../../src/node/parsed-body.js'
import type { ClientSocket } from '../../src/node/upstream-connection.js'
import { rawService } from '../fixtures/peers.js'

// What Node's HTTP client does with a connection and documents nowhere. Each message names the internal.

class Asked extends Agent {
  readonly asked: ClientRequest[] = []
  addRequest (request: ClientRequest): void {
    boundParser(request)
    this.asked.push(request)
  }
}

/** A connection as a pool's are, to a service that responds to requests. */
async function connection (t: Test, response: (socket: Socket) => void, onRead = (): void => {}): Promise<ClientSocket> {
  const { port } = await rawService(t, socket => { socket.on('data', () => response(socket)) })
  const buffer = Buffer.alloc(65_536)
  const receive = (size: number): boolean => {
    onRead()
    parse(socket, buffer.subarray(0, size))
    return true
  }
  const socket = connect({ port, host: '127.0.0.1', onread: { buffer, callback: receive } })
  t.teardown(() => { socket.destroy() })
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

function requestOn (socket: ClientSocket): ClientRequest {
  const request = newRequest(new Asked({ keepAlive: true }), 'GET', '/', ['Host', 'x'])
  sendOn(socket, request)
  request.end()
  return request
}

async function responseTo (request: ClientRequest): Promise<IncomingMessage> {
  const [response]: IncomingMessage[] = await once(request, 'response')
  if (response === undefined) throw new Error('no response')
  return response
}

t.test('addRequest', async t => {
  const agent = new Asked()
  const request = newRequest(agent, 'GET', '/', ['Host', 'x'])
  t.equal(agent.asked[0], request, 'the constructor of ClientRequest calls agent.addRequest with itself')
  const full = new Error('full')
  const throwing = Object.assign(new Agent(), { addRequest () { throw full } })
  t.throws(() => newRequest(throwing, 'GET', '/', ['Host', 'x']), full, 'and throws what agent.addRequest throws')
})

t.test('onSocket, _httpMessage, parser and free', async t => {
  const socket = await connection(t, socket => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
  t.notOk(isReading(socket), 'a socket without a request has no parser')
  const request = requestOn(socket)
  request.on('response', () => t.ok(isReading(socket), 'a socket whose response is read has a parser'))
  const response = await responseTo(request)
  t.equal(request.socket, socket, 'onSocket gives a request its socket')
  t.equal(socket._httpMessage, request, 'a request hangs itself on its socket as _httpMessage')
  const freed = once(socket, 'free')
  response.resume()
  await freed
  t.notOk(isReading(socket), 'a socket that was freed has no parser')
  t.equal(socket.destroyed, false, 'a socket that was freed is open')
  forgetRequest(socket)
  const next = requestOn(socket)
  await responseTo(next)
  t.equal(socket._httpMessage, next, 'onSocket takes a socket once more')
})

t.test('data', async t => {
  const socket = await connection(t, () => {})
  const request = requestOn(socket)
  await once(request, 'finish')
  const body: Buffer[] = []
  let response: IncomingMessage | undefined
  request.on('response', found => {
    response = found
    receiveBody(found, { write: chunk => { body.push(chunk); return true }, end: () => {} })
  })
  const bytes = Buffer.from('HTTP/1.1 200 OK\r\nX-Mark: mark\r\nContent-Length: 10\r\n\r\nhello')
  parse(socket, bytes)
  t.ok(response, 'the client parses what is emitted as data before emit returns')
  bytes.fill('x')
  t.equal(response?.headers['x-mark'], 'mark', 'the parser copies the fields that it read')
  t.strictSame(body.map(String), ['hello'], 'the parser copies the body that it read')
})

t.test('push', async t => {
  const socket = await connection(t, socket => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n')
    setImmediate(() => socket.write('3\r\nllo\r\n0\r\nX-Last: 1\r\n\r\n'))
  })
  const told: string[] = []
  const freed = once(socket, 'free')
  const response = await responseTo(requestOn(socket).on('response', response => receiveBody(response, {
    write: chunk => told.push(String(chunk)) > 0,
    end: () => told.push(`end ${String(response.complete)} ${String(response.rawTrailers)}`)
  })))
  await freed
  t.strictSame(told, ['he', 'llo', 'end true X-Last,1'],
    'the parser calls push of the response with each piece and, when it is complete and has its trailers, with null; its end event frees the socket')
  t.equal(response.readableLength, 0, 'push is all that fills a response')
})

t.test('push: a pause', async t => {
  let service: Socket | undefined
  const socket = await connection(t, socket => {
    service = socket
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello')
  })
  const told: string[] = []
  const freed = once(socket, 'free')
  await responseTo(requestOn(socket).on('response', response => receiveBody(response, { write: chunk => told.push(String(chunk)) > 1, end: () => {} })))
  await new Promise(resolve => service?.write('world', resolve))
  for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
  t.strictSame(told, ['hello'], 'the parser stops the reading of the socket where push returns false')
  socket.resume()
  await freed
  t.strictSame(told, ['hello', 'world'], 'resume of the socket goes on with it')
})

t.test('push: a response that was cut short', async t => {
  const socket = await connection(t, socket => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe'))
  const told: string[] = []
  const closed = once(socket, 'close')
  const response = await responseTo(requestOn(socket).on('response', response => {
    response.on('error', () => {})
    receiveBody(response, { write: chunk => told.push(String(chunk)) > 0, end: () => told.push('end') })
  }))
  await closed
  t.strictSame(told, ['he'], 'push of null at the end of the connection leaves the response not complete')
  t.equal(response.complete, false)
})

t.test('maxHeaderSize', async t => {
  for (const [size, code] of [[60_000, undefined], [70_000, 'HPE_HEADER_OVERFLOW']] as const) {
    const socket = await connection(t, socket => socket.write(`HTTP/1.1 200 OK\r\nX-Large: ${'x'.repeat(size)}\r\nContent-Length: 0\r\n\r\n`))
    const request = requestOn(socket)
    const came = await responseTo(request).then(() => undefined, (error: NodeJS.ErrnoException) => error.code)
    t.equal(came, code, `the parser takes its bound from maxHeaderSize of the request that addRequest was given: ${size}`)
  }
})

t.test('asyncReset', async t => {
  let found: object | undefined
  const socket = await connection(t, socket => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'), () => { found = executionAsyncResource() })
  t.type(socket._handle?.asyncReset, 'function', 'a socket has _handle.asyncReset')
  const owner = {}
  resetOwner(socket, owner)
  await responseTo(requestOn(socket))
  t.ok(found === owner, 'asyncReset says to whom what happens on a socket belongs')
})

t.test('agentRemove', async t => {
  const socket = await connection(t, socket => socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nearly'))
  const request = requestOn(socket)
  const removed = once(socket, 'agentRemove')
  const [, given, early]: unknown[] = await once(request, 'upgrade')
  await removed
  t.equal(given, socket, 'an upgrade gives the socket of onSocket out, after agentRemove')
  t.equal(String(early), 'early')
})
