import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { gatewayTo } from '../fixtures/gateway.js'
import { rawService } from '../fixtures/peers.js'

// Services are read into one buffer. Whatever is not sent on at once must have been copied out of it.

const SIZE = 16 * 1024 * 1024
const MARKS = ['a', 'b', 'c', 'd']
const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: bytes\r\n\r\n'

/** A service that responds with as many bytes of the mark that stands in the path. */
async function marking (t: Test): Promise<number> {
  const { port } = await rawService(t, socket => {
    socket.on('data', chunk => {
      for (const [, kind, mark = ''] of chunk.toString('latin1').matchAll(/GET \/(\w+)-(\w) /g)) {
        if (kind === 'response') socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\r\n\r\n${mark.repeat(SIZE)}`)
        // The first bytes come together with the head.
        else socket.end(`${SWITCHING}${mark.repeat(SIZE)}`)
      }
    })
  })
  return port
}

/** A client that reads nothing yet. */
async function stalled (t: Test, port: number, text: string): Promise<Socket> {
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  t.teardown(() => { client.destroy() })
  client.pause()
  await once(client, 'connect')
  client.write(text)
  return client
}

/** Reads as many bytes of a mark as there must be, and says what else came behind the last head. */
async function othersThan (client: Socket, mark: string, expected: number): Promise<string> {
  let marks = 0
  let others = ''
  client.on('data', chunk => {
    const text = chunk.toString('latin1')
    const rest = text.replaceAll(mark, '')
    others += rest
    marks += text.length - rest.length
    if (marks >= expected) client.emit('all')
  })
  client.resume()
  await once(client, 'all')
  client.destroy()
  return others.slice(others.lastIndexOf('\r\n\r\n') + 4)
}

const response = (mark: string): string => `GET /api/response-${mark} HTTP/1.1\r\nHost: x\r\n\r\n`
const tunnel = (mark: string): string => `GET /api/tunnel-${mark} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: bytes\r\n\r\n`

for (const [kind, text] of Object.entries({
  response,
  tunnel,
  // The client's connection is full of the response before, so that not even the first bytes can leave.
  'tunnel behind a response': (mark: string) => response(mark) + tunnel(mark)
})) {
  t.test(`${kind}: clients that read late get their own bytes`, async t => {
    const { port } = await gatewayTo(t, await marking(t))
    const clients = await Promise.all(MARKS.map(async mark => await stalled(t, port, text(mark))))
    // All of them fill up, in turns.
    await new Promise(resolve => setTimeout(resolve, 500))
    const expected = kind.includes('behind') ? 2 * SIZE : SIZE
    t.strictSame(await Promise.all(clients.map(async (client, i) => await othersThan(client, MARKS[i] ?? '', expected))), MARKS.map(() => ''))
  })
}
