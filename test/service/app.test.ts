import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Fastify from 'fastify'
import t from 'tap'
import { call } from '../fixtures/gateway.js'
import { portOf, RawClient, service } from '../fixtures/peers.js'

t.test('the app and its options, as fastify-cli uses them', async t => {
  let finish = (): void => {}
  const { port: upstream } = await service(t, (request, response) => {
    if (request.url === '/api/silent') return
    response.write('first')
    finish = () => response.end('last')
  })
  const file = join(t.testdir(), 'routes.json')
  writeFileSync(file, JSON.stringify({ server: { shutdownTimeout: 100 }, routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }] }))
  process.env.ROUTES_FILE = file
  process.env.FASTIFY_LOG_LEVEL = 'silent'
  t.teardown(() => {
    delete process.env.ROUTES_FILE
    delete process.env.FASTIFY_LOG_LEVEL
  })
  const { default: app, options } = await import('../../src/app.js')
  const fastify = Fastify(options)
  fastify.addHook('onRequest', async request => {
    if (request.headers['x-fail'] !== undefined) throw new Error('a bug')
  })
  await fastify.register(app)
  await fastify.listen({ port: 0, host: '127.0.0.1' })
  const port = portOf(fastify.server)

  t.equal((await call(port, '/nope')).json().error.code, 'NOT_FOUND')
  t.equal((await call(port, '/api/%zz')).json().error.code, 'BAD_REQUEST')
  t.equal((await call(port, '/api/../x')).json().error.code, 'BAD_REQUEST')
  t.equal((await call(port, '/api/x', { headers: { 'x-fail': '1' } })).json().error.code, 'INTERNAL_ERROR')
  const malformed: [bytes: string, code: string][] = [
    ['NONSENSE\r\n\r\n', 'BAD_REQUEST'],
    [`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 'REQUEST_HEADER_FIELDS_TOO_LARGE'],
    [`POST /api/silent HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(20_000)}\r\n`, 'PAYLOAD_TOO_LARGE']
  ]
  for (const [bytes, code] of malformed) {
    const client = new RawClient(t, port)
    client.send(bytes)
    await client.closed
    t.match(client.received, `"code":"${code}"`)
  }

  const slow = new RawClient(t, port)
  fastify.server.emit('clientError', Object.assign(new Error('late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), await accepted(fastify.server, slow))
  await slow.until('"code":"REQUEST_TIMEOUT"')
  slow.socket.destroy()

  // In the midst of an answer nothing can be said.
  const client = new RawClient(t, port)
  client.send('POST /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
  await client.until('first')
  client.send('no chunk')
  await client.closed
  t.equal(client.received.match(/HTTP\/1\.1/g)?.length, 1)
  finish()

  const last = new RawClient(t, port)
  last.send('GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n')
  await last.until('first')
  await fastify.close()
  await last.closed
  t.notMatch(last.received, /\r\n0\r\n\r\n$/, 'broken off')
})

async function accepted (server: import('node:http').Server, client: RawClient): Promise<import('node:net').Socket> {
  return await new Promise(resolve => {
    server.once('connection', resolve)
    client.socket.resume()
  })
}
