import { createServer, IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { once } from 'node:events'
import t from 'tap'
import { isForeign, noteForeign } from '../../src/node/request-line.js'
import { portOf, RawClient } from '../fixtures/peers.js'

t.test('Node\'s parser takes RTSP and Icecast for HTTP, and what it parses can still be read', async t => {
  const server = createServer((request, response) => {
    noteForeign(request)
    noteForeign(request)
    response.end(`foreign: ${isForeign(request)};`)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  for (const [line, foreign] of [
    ['GET /x RTSP/1.0', true], ['SOURCE /x ICE/1.0', true], ['DESCRIBE /x RTSP/1.0', true], ['POST /x  RTSP/1.0', true],
    ['GET /x HTTP/1.0', false], ['SOURCE /x HTTP/1.0', false], ['GET /x HTTP/1.1', false], ['GET /RTSP/1.0 HTTP/1.0', false]
  ] as const) {
    const client = new RawClient(t, portOf(server))
    client.send(`${line}\r\nHost: x\r\n\r\n`)
    await client.until(`foreign: ${foreign};`)
    client.socket.destroy()
  }
  const inPieces = new RawClient(t, portOf(server))
  const [connection] = await Promise.all([once(server, 'connection').then(([socket]) => socket), inPieces.send('GET /x RTSP/1.0\r\n')])
  while (connection.bytesRead === 0) await new Promise(resolve => setImmediate(resolve))
  inPieces.send('Host: x\r\n\r\n')
  await inPieces.until('foreign: false;')
  inPieces.socket.destroy()
  t.pass('told apart')
})

t.test('a request whose parser is gone by now is taken for what it says', async t => {
  const request = Object.assign(new IncomingMessage(new Socket()), { method: 'GET', url: '/', httpVersionMajor: 1, httpVersionMinor: 0 })
  noteForeign(request)
  t.notOk(isForeign(request))
})
