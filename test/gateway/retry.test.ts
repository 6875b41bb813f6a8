import type { Socket } from 'node:net'
import t from 'tap'
import { call, gatewayTo } from '../fixtures/gateway.js'
import { rawService } from '../fixtures/peers.js'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** A service that responds to the first request of its first connection, and does `then` at the second. */
async function fickle (t: Parameters<typeof rawService>[0], then: (socket: Socket) => void): Promise<{ port: number, requests: string[] }> {
  const requests: string[] = []
  const { port } = await rawService(t, (socket, nth) => {
    let count = 0
    socket.on('data', chunk => {
      requests.push(`${nth} ${String(chunk).split(' ', 2).join(' ')}`)
      if (nth === 1 && ++count === 2) then(socket)
      else socket.write(OK)
    })
  })
  return { port, requests }
}

for (const how of ['destroy', 'end', 'resetAndDestroy'] as const) {
  t.test(`a kept connection that dies under a GET (${how}): sent once more, on a new one`, async t => {
    const { port: upstream, requests } = await fickle(t, socket => socket[how]())
    const { port, nextLine } = await gatewayTo(t, upstream)
    t.equal((await call(port, '/api/1')).status, 200)
    const line = nextLine()
    t.equal((await call(port, '/api/2')).status, 200)
    t.strictSame(requests, ['1 GET /1', '1 GET /2', '2 GET /2'])
    t.match(await line, { outcome: 'completed', status: 200 })
  })
}

t.test('PUT and DELETE without a body are idempotent', async t => {
  for (const method of ['PUT', 'DELETE', 'HEAD', 'OPTIONS']) {
    const { port: upstream, requests } = await fickle(t, socket => socket.destroy())
    const { port } = await gatewayTo(t, upstream)
    await call(port, '/api/1')
    t.equal((await call(port, '/api/2', { method, headers: { 'content-length': '0' } })).status, 200)
    t.equal(requests.length, 3, method)
  }
})

t.test('anything else is never sent twice', async t => {
  for (const [name, request] of Object.entries({
    'a POST': { method: 'POST' },
    'a PATCH': { method: 'PATCH' },
    'a PUT with a body': { method: 'PUT', body: 'x', headers: { 'content-length': '1' } },
    'a GET with a body': { method: 'GET', body: 'x', headers: { 'content-length': '1' } }
  })) {
    const { port: upstream, requests } = await fickle(t, socket => socket.destroy())
    const { port } = await gatewayTo(t, upstream)
    await call(port, '/api/1')
    t.equal((await call(port, '/api/2', request)).status, 502, name)
    t.equal(requests.length, 2)
  }
})

t.test('nor is a request that got a byte of a response', async t => {
  const { port: upstream, requests } = await fickle(t, socket => socket.end('HTTP/1.1 2'))
  const { port } = await gatewayTo(t, upstream)
  await call(port, '/api/1')
  t.equal((await call(port, '/api/2')).status, 502)
  t.equal(requests.length, 2)
})

t.test('nor one whose connection was new', async t => {
  let requests = 0
  const { port: upstream } = await rawService(t, socket => { socket.on('data', () => { requests++; socket.destroy() }) })
  const { port } = await gatewayTo(t, upstream)
  t.equal((await call(port, '/api/1')).status, 502)
  t.equal(requests, 1)
})

t.test('and the second time is the last', async t => {
  let requests = 0
  const { port: upstream } = await rawService(t, socket => {
    socket.on('data', () => {
      if (requests++ === 0) socket.write(OK)
      else socket.destroy()
    })
  })
  const { port } = await gatewayTo(t, upstream)
  t.equal((await call(port, '/api/1')).status, 200)
  t.equal((await call(port, '/api/2')).status, 502)
  t.equal(requests, 3)
})
