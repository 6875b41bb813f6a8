import { once } from 'node:events'
import { connect } from 'node:tls'
import t from 'tap'
import { ServiceProcess } from '../fixtures/process.js'
import { echo, message, openWebSocket, rejection, webSocket, webSocketService } from '../fixtures/websockets.js'

const tls = (name: string): string => new URL(`../fixtures/tls/${name}`, import.meta.url).pathname

t.test('the service tunnels, knows no other path, and does not wait for tunnels as long as for requests', async t => {
  const { port: upstream } = await webSocketService(t, echo)
  const gateway = new ServiceProcess(t, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }] })
  const port = await gateway.listening()
  t.match(await rejection(webSocket(t, port, '/nope')), { status: 404, body: /"code":"NOT_FOUND"/ })
  const client = await openWebSocket(t, port, '/api/x')
  gateway.child.kill('SIGTERM')
  await gateway.until(/shutting down/)
  client.send('in the grace')
  t.equal(await message(client), 'in the grace')
  const late = webSocket(t, port, '/api/late')
  await once(late, 'error')
  await once(client, 'close')
  t.equal(await gateway.exited, 0)
  t.match(gateway.lines.find(({ url }) => url === '/api/x'), { status: 101, bytes: /^\d+$/ })
  t.notMatch(gateway.output, 'broken off')
})

t.test('a WebSocket to a service with TLS and HTTP/2', async t => {
  const { port: upstream } = await webSocketService(t, socket => socket.send('hello'))
  const gateway = new ServiceProcess(t, {
    server: { tls: { cert: tls('localhost.pem'), key: tls('localhost.key') }, http2: true },
    routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }]
  })
  const port = Number((await gateway.until(/listening at https:\/\/127\.0\.0\.1:(\d+)/))[1])
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
  const client = webSocket(t, port, '/api/x', [], { createConnection: () => socket })
  t.equal(await message(client), 'hello')
})
