import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { join } from 'node:path'
import Fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { call } from '../fixtures/gateway.js'
import type { Response } from '../fixtures/gateway.js'
import { portOf, RawClient, service } from '../fixtures/peers.js'
import { ServiceProcess } from '../fixtures/process.js'
import { fixture, pem } from '../fixtures/tls.js'

const MADE = /^[a-z0-9]+-[a-z0-9]+$/

async function started (t: Test, server: object = {}): Promise<ServiceProcess> {
  const { port: upstream } = await service(t, (request, response) => response.end(String(request.headers['x-request-id'])))
  return new ServiceProcess(t, { requestId: {}, server, routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }] })
}

function idOf ({ headers }: Response): string {
  return String(headers['x-request-id'])
}

t.test('made so that no other process makes the same, and taken over from a trusted proxy', async t => {
  // One after the other: they read the same file.
  const one = await (await started(t)).listening()
  const second = await started(t, { trustProxy: 'loopback' })
  const other = await second.listening()
  const responses = [await call(one, '/api'), await call(one, '/api'), await call(other, '/api')]
  const ids = responses.map(idOf)
  for (const id of ids) t.match(id, MADE)
  t.equal(new Set(ids).size, 3)
  t.strictSame(responses.map(({ body }) => String(body)), ids)
  t.match(idOf(await call(one, '/api', { headers: { 'x-request-id': 'client' } })), MADE)
  t.equal(idOf(await call(other, '/api', { headers: { 'x-request-id': 'proxy' } })), 'proxy')
  await second.until(/"reqId":"proxy"/)
})

t.test('with every error, the connection\'s last ones as well', async t => {
  const file = join(t.testdir(), 'routes.json')
  writeFileSync(file, JSON.stringify({ requestId: {}, server: { trustProxy: 'loopback' }, routes: [{ prefix: '/api', target: 'http://127.0.0.1:1' }] }))
  Object.assign(process.env, { ROUTES_FILE: file, FASTIFY_LOG_LEVEL: 'silent' })
  const { default: app, options } = await import('../../src/app.js')
  const fastify = Fastify(options)
  await fastify.register(app)
  await fastify.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(async () => {
    delete process.env.ROUTES_FILE
    delete process.env.FASTIFY_LOG_LEVEL
    await fastify.close()
  })
  const port = portOf(fastify.server)

  const missing = await call(port, '/nowhere', { headers: { 'x-request-id': 'proxy' } })
  t.strictSame([missing.status, idOf(missing), missing.json().requestId], [404, 'proxy', 'proxy'])
  for (const [request, status] of [
    ['OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 404],
    ['GET /api/%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 400],
    ['CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n', 405],
    ['no http\r\n\r\n', 400]
  ] as const) {
    const client = new RawClient(t, port)
    client.send(request)
    await client.closed
    const [, header] = /\r\nx-request-id: ([^\r]+)/i.exec(client.received) ?? []
    t.match(client.received, new RegExp(`^HTTP/1.1 ${status} `), request)
    t.match(client.received, `"requestId":"${String(header)}"`)
  }
})

t.test('over HTTP/2, also where no hook sees the request', async t => {
  const gateway = await started(t, { http2: true, tls: { cert: fixture('localhost.pem'), key: fixture('localhost.key') } })
  const [, port] = await gateway.until(/listening at https?:\/\/127\.0\.0\.1:(\d+)/)
  const session = connect(`https://localhost:${port}`, { ca: pem('ca.pem') })
  t.teardown(() => session.destroy())
  for (const [method, status] of [['GET', 200], ['NOSUCH', 501]] as const) {
    const stream = session.request({ ':method': method, ':path': '/api' })
    const [headers] = await once(stream, 'response')
    t.strictSame([headers[':status'], MADE.test(headers['x-request-id']) || method === 'NOSUCH'], [status, true])
    t.ok(headers['x-request-id'])
    stream.resume()
    await once(stream, 'close')
  }
})
