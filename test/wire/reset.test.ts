import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { gatewayTo } from '../fixtures/gateway.js'
import type { Started } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway } from '../fixtures/http2.js'
import { RawClient, rawService } from '../fixtures/peers.js'

/** Whether data and reset are read at once is the kernel's affair. */
const TIMES = 100

/** A gateway to a service whose responses end with the connection. */
async function closing (t: Test, end: (socket: Socket) => void): Promise<Started> {
  const { port } = await rawService(t, socket => socket.once('data', () => {
    socket.write('HTTP/1.1 200 OK\r\n\r\nhalf')
    end(socket)
  }))
  return await gatewayTo(t, port)
}

t.test('a response that ends with its connection is broken when that was reset, every time', async t => {
  const { port, nextLine } = await closing(t, socket => socket.resetAndDestroy())
  for (let i = 0; i < TIMES; i++) {
    const line = nextLine()
    const client = new RawClient(t, port).send('GET /api/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    await client.closed
    t.notMatch(client.received, '\r\n0\r\n', `${i}`)
    t.match(await line, { outcome: 'upstream error' })
  }
})

t.test('and whole when it was closed in order', async t => {
  const { port, nextLine } = await closing(t, socket => socket.end())
  for (let i = 0; i < TIMES; i++) {
    const line = nextLine()
    const client = new RawClient(t, port).send('GET /api/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    await client.closed
    t.match(client.received, /4\r\nhalf\r\n0\r\n\r\n$/, `${i}`)
    t.match(await line, { outcome: 'completed' })
  }
})

t.test('also when the service goes on to reject what else is sent to it', async t => {
  // After its FIN a reset says nothing of the response.
  const { port: upstream } = await rawService(t, socket => {
    socket.pause()
    socket.write('HTTP/1.1 200 OK\r\n\r\nwhole')
    socket.end(() => socket.destroy())
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port).send('GET /api/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  await client.closed
  t.match(client.received, /5\r\nwhole\r\n0\r\n\r\n$/)
})

/** Rejects an upload with a response of `size`, without reading on: its kernel responses the rest of it with a reset. */
async function rejecting (t: Test, head: string, size: number): Promise<number> {
  const { port } = await rawService(t, socket => {
    socket.pause()
    socket.once('readable', () => {
      socket.read(10)
      // Not before there is much that will never be read.
      setTimeout(() => {
        socket.write(`HTTP/1.1 413 Payload Too Large\r\n${head}\r\n${'x'.repeat(size)}`)
        socket.destroy()
      }, 20)
    })
  })
  return port
}

const SIZE = 100
const PIECE = Buffer.alloc(65_536)

for (const [how, head] of [['and says so', 'Connection: close\r\n'], ['without a word', '']]) {
  t.test(`a service that rejects an upload and closes ${how}: its response arrives, every time`, async t => {
    const { port, nextLine } = await gatewayTo(t, await rejecting(t, `Content-Length: ${SIZE}\r\n${head}`, SIZE))
    for (let i = 0; i < 20; i++) {
      const line = nextLine()
      const client = new RawClient(t, port).send('POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n')
      const send = (): void => { while (!client.socket.destroyed && client.socket.write(PIECE)); }
      client.socket.on('drain', send)
      send()
      await client.until('x'.repeat(SIZE))
      t.match(client.received, /^HTTP\/1\.1 413 /)
      t.match(await line, { outcome: 'completed', status: 413, bytes: SIZE })
      client.socket.destroy()
    }
  })
}

t.test('over HTTP/2 too', async t => {
  const { port } = await http2Gateway(t, `http://127.0.0.1:${await rejecting(t, `Content-Length: ${SIZE}\r\n`, SIZE)}`)
  for (let i = 0; i < 10; i++) {
    const { stream, closed } = new Http2Client(t, port, { maxSessionMemory: 100 }).begin({ ':path': '/api/x', ':method': 'POST' })
    stream.write(Buffer.alloc(16 * 1024 * 1024))
    t.match(await closed, { status: 413, body: 'x'.repeat(SIZE) })
  }
})

t.test('a service that resets an upload without a response: 502', async t => {
  const { port: upstream } = await rawService(t, socket => {
    socket.pause()
    socket.once('readable', () => setTimeout(() => socket.destroy(), 20))
  })
  const { port, nextLine } = await gatewayTo(t, upstream)
  const line = nextLine()
  const client = new RawClient(t, port).send('POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n')
  const send = (): void => { while (!client.socket.destroyed && client.socket.write(PIECE)); }
  client.socket.on('drain', send)
  send()
  await client.until('requestId')
  t.match(client.received, /^HTTP\/1\.1 502 /)
  t.match(await line, { outcome: 'upstream error', status: 502 })
})
