import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { call } from '../fixtures/gateway.js'
import { service } from '../fixtures/peers.js'
import { ServiceProcess } from '../fixtures/process.js'
import { echo, message, openWebSocket, webSocketService } from '../fixtures/websockets.js'

// The built service, as `npm start` runs it, under the node that runs this.

const pem = (name: string): string => resolve(`test/fixtures/tls/localhost.${name}`)

/** A body of this many bytes. */
const SIZE = 65_536

t.test('the service', async t => {
  const { port: upstream } = await service(t, (request, response) => {
    if (request.method === 'POST') request.pipe(response)
    else response.end(`hello ${String(request.url)}`)
  })
  const { port: webSockets } = await webSocketService(t, echo)
  const gateway = new ServiceProcess(t, {
    routes: [
      { prefix: '/api', target: `http://127.0.0.1:${upstream}`, pathRewrite: { pattern: '^/api', replacement: '' } },
      { prefix: '/ws', target: `http://127.0.0.1:${webSockets}` }
    ]
  })
  const port = await gateway.listening()
  t.equal((await call(port, '/api/x')).body.toString(), 'hello /x')
  t.equal((await call(port, '/api/x', { method: 'POST', body: 'small' })).body.toString(), 'small')
  const body = Buffer.alloc(SIZE, 'b')
  t.ok(body.equals((await call(port, '/api/x', { method: 'POST', body })).body), 'a body of 64 KiB comes back')
  t.match((await call(port, '/nowhere')).json(), { success: false, error: { code: 'NOT_FOUND' } })

  const client = await openWebSocket(t, port, '/ws')
  client.send('through the tunnel')
  t.equal(await message(client), 'through the tunnel')
  const closed = once(client, 'close')
  client.close()
  await closed

  gateway.child.kill('SIGTERM')
  t.equal(await gateway.exited, 0)
  const lines = gateway.lines.filter(({ outcome }) => outcome !== undefined)
  t.strictSame(lines.map(({ status }) => status), [200, 200, 200, 404, 101], 'one access line each')
  t.notMatch(gateway.output, /warning/i)
})

t.test('the service over TLS and HTTP/2', async t => {
  const { port: upstream } = await service(t, (request, response) => request.pipe(response))
  const gateway = new ServiceProcess(t, {
    server: { tls: { cert: pem('pem'), key: pem('key') }, http2: true },
    routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }]
  })
  const [, url = ''] = await gateway.until(/listening at (https:\/\/127\.0\.0\.1:\d+)/)
  const session = connect(url, { ca: readFileSync(pem('pem')), servername: 'localhost', rejectUnauthorized: false })
  t.teardown(() => { session.destroy() })
  const stream = session.request({ ':method': 'POST', ':path': '/api/x' })
  stream.end('hello'.repeat(SIZE / 4))
  t.equal((await text(stream)).length, 5 * SIZE / 4)
  session.close()
  gateway.child.kill('SIGTERM')
  t.equal(await gateway.exited, 0)
})
