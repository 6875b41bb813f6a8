import t from 'tap'
import { call, gatewayTo } from '../fixtures/gateway.js'
import { closedPort, RawClient, rawService } from '../fixtures/peers.js'

t.test('nothing listens: 502, whose body names no host or port', async t => {
  const dead = await closedPort()
  const { port, nextLine } = await gatewayTo(t, dead)
  for (const method of ['GET', 'POST', 'PUT', 'DELETE']) {
    const line = nextLine()
    const response = await call(port, '/api/x', { method, headers: { 'content-length': '4' }, body: 'data' })
    t.equal(response.status, 502, method)
    t.equal(response.headers['content-type'], 'application/json; charset=utf-8')
    t.match(response.json(), { success: false, error: { code: 'BAD_GATEWAY', message: 'Failed to connect to upstream service' }, requestId: /./ })
    t.notMatch(response.body.toString(), new RegExp(`127\\.0\\.0\\.1|${dead}|ECONNREFUSED`))
    t.match(await line, { level: 40, outcome: 'upstream error', status: 502, target: `http://127.0.0.1:${dead}`, cause: 'ECONNREFUSED', err: { message: /ECONNREFUSED/ } })
  }
})

t.test('a name that does not resolve: 502', async t => {
  const { port } = await gatewayTo(t, 1, { target: 'http://no-such-host.invalid' })
  const response = await call(port, '/api/x')
  t.equal(response.status, 502)
  t.notMatch(response.body.toString(), /invalid|ENOTFOUND|EAI_AGAIN/)
})

t.test('the connection is lost before the head: 502', async t => {
  for (const [how, bytes] of [['at once', ''], ['within the head', 'HTTP/1.1 200 OK\r\nContent-Le']] as const) {
    const { port: upstream } = await rawService(t, socket => {
      socket.on('data', () => socket.end(bytes))
    })
    const { port, nextLine } = await gatewayTo(t, upstream)
    const line = nextLine()
    const response = await call(port, '/api/x')
    t.equal(response.status, 502, how)
    t.equal(response.json().error.message, 'Upstream service closed the connection before it responded')
    t.match(await line, { outcome: 'upstream error', status: 502 })
  }
})

t.test('a response that is not HTTP: 502', async t => {
  const { port: upstream } = await rawService(t, socket => {
    socket.on('data', () => socket.write('SSH-2.0-OpenSSH_9.2\r\n'))
  })
  const { port } = await gatewayTo(t, upstream)
  const response = await call(port, '/api/x')
  t.equal(response.status, 502)
  t.equal(response.json().error.message, 'Upstream service sent a response that is not valid HTTP')
})

t.test('the service is lost in mid body: the client\'s connection breaks, whatever the framing', async t => {
  const responses = {
    'Content-Length': 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf',
    chunked: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n',
    'within a chunk': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\nhalf'
  }
  for (const [framing, bytes] of Object.entries(responses)) {
    for (const how of ['end', 'resetAndDestroy'] as const) {
      const { port: upstream } = await rawService(t, socket => {
        socket.on('data', () => socket.write(bytes, () => socket[how]()))
      })
      const { port, nextLine } = await gatewayTo(t, upstream)
      const line = nextLine()
      const client = new RawClient(t, port)
      client.send('GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n')
      await client.closed
      t.notMatch(client.received, /\r\n0\r\n\r\n$/, `${framing}, ${how}: not ended as if whole`)
      t.match(await line, { outcome: 'upstream error', status: 200 })
    }
  }
})

t.test('lost in mid body towards a client of HTTP/1.0, to whom only a reset can tell', async t => {
  const { port: upstream } = await rawService(t, socket => {
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', () => socket.end()))
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port)
  client.send('GET /api/x HTTP/1.0\r\nHost: x\r\n\r\n')
  t.match(await client.closed, { code: 'ECONNRESET' })
})
