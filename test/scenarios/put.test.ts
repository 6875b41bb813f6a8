import { once } from 'node:events'
import t from 'tap'
import { call, gatewayTo } from '../fixtures/gateway.js'
import { RawClient, service } from '../fixtures/peers.js'

t.test('PUT and PATCH arrive with their bodies, and the response comes back', async t => {
  const { port: upstream } = await service(t, (request, response) => {
    response.writeHead(request.method === 'PUT' ? 201 : 200, { location: '/things/1' })
    request.pipe(response)
  })
  const { port } = await gatewayTo(t, upstream)
  for (const [method, status] of [['PUT', 201], ['PATCH', 200]] as const) {
    const response = await call(port, '/api/things/1', { method, body: '{"name":"x"}', headers: { 'content-type': 'application/json' } })
    t.equal(response.status, status)
    t.equal(response.headers.location, '/things/1')
    t.equal(response.body.toString(), '{"name":"x"}')
  }
})

t.test('upload and download run at the same time', async t => {
  const { port: upstream } = await service(t, (request, response) => {
    response.flushHeaders()
    request.pipe(response)
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port)
  client.send('PUT /api/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n')
  for (const word of ['one,', 'two,', 'tre.']) {
    client.send(word)
    await client.until(word)
  }
  await client.until('0\r\n\r\n')
  t.match(client.received, /\r\nConnection: close\r\n/i, 'the head left before the upload was over')
  t.equal(await client.closed, undefined)
})

t.test('a service that stops reading halts the sender', async t => {
  let go = (): void => {}
  let bytes = 0
  const { port: upstream } = await service(t, (request, response) => {
    go = () => {
      request.on('data', chunk => { bytes += chunk.length })
      request.on('end', () => response.end(String(bytes)))
    }
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port)
  const chunk = Buffer.alloc(64 * 1024)
  const count = 1024
  client.send(`PUT /api/large HTTP/1.1\r\nHost: x\r\nContent-Length: ${count * chunk.length}\r\n\r\n`)
  let sent = 0
  for (; sent < count; sent++) {
    if (client.socket.write(chunk)) continue
    const drained = once(client.socket, 'drain').then(() => true)
    const timer = new Promise<false>(resolve => { setTimeout(resolve, 500, false) })
    if (!await Promise.race([drained, timer])) break
  }
  t.ok(sent < count / 2, `halted after ${sent} of ${count} chunks`)
  go()
  for (sent++; sent < count; sent++) client.socket.write(chunk)
  await client.until(new RegExp(`${count * chunk.length}\\b[^]*${count * chunk.length}|\\r\\n\\r\\n[^]*${count * chunk.length}`))
  t.equal(bytes, count * chunk.length)
})
