import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { join } from 'node:path'
import Fastify from 'fastify'
import t from 'tap'
import { checkConfig } from '../../src/config/index.js'
import { makeService } from '../../src/service.js'
import { call } from '../fixtures/gateway.js'
import { portOf, RawClient, service } from '../fixtures/peers.js'
import { pem } from '../fixtures/tls.js'

const NOWHERE = { routes: [{ prefix: '/api', target: 'http://127.0.0.1:1' }] }
const HTTP2 = { tls: { cert: pem('localhost.pem'), key: pem('localhost.key') }, http2: true }

t.test('the app and its options, as fastify-cli uses them', async t => {
  let finish = (): void => {}
  const { port: upstream } = await service(t, (request, response) => {
    if (request.url === '/api/silent') return
    response.write('first')
    finish = () => response.end('last')
  })
  const file = join(t.testdir(), 'routes.json')
  writeFileSync(file, JSON.stringify({ server: { shutdownTimeout: 500 }, routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }] }))
  process.env.ROUTES_FILE = file
  process.env.FASTIFY_LOG_LEVEL = 'silent'
  t.teardown(() => {
    delete process.env.ROUTES_FILE
    delete process.env.FASTIFY_LOG_LEVEL
  })
  const { default: app, options } = await import('../../src/app.js')
  const fastify = Fastify(options)
  let finishKept = (): void => {}
  fastify.addHook('onRequest', async request => {
    if (request.headers['x-late'] !== undefined) setImmediate(finishKept)
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

  // In the midst of a response nothing can be said.
  const client = new RawClient(t, port)
  client.send('POST /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
  await client.until('first')
  client.send('no chunk')
  await client.closed
  t.equal(client.received.match(/HTTP\/1\.1/g)?.length, 1)
  finish()

  // Pipelined requests get their responses in order, and the first of them was well.
  const mixed = new RawClient(t, port)
  mixed.send('GET /api/x HTTP/1.1\r\nHost: x\r\n\r\nGET /api/y HTTP/1.1\r\nHost : x\r\n\r\n')
  await mixed.until('first')
  finish()
  await mixed.closed
  t.match(mixed.received, /^HTTP\/1\.1 200 [^]*last[^]*HTTP\/1\.1 400 [^]*"BAD_REQUEST"/)

  // A client that asked for a tunnel and breaks off before its turn comes harms nobody.
  const broken = new RawClient(t, port)
  broken.send('GET /api/x HTTP/1.1\r\nHost: x\r\n\r\nCONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n')
  await broken.until('first')
  broken.socket.resetAndDestroy()
  finish()
  t.equal((await call(port, '/nope')).status, 404)

  // What had its response before its body turned out to be bad gets no second one.
  for (const bytes of ['PUT /nowhere HTTP/1.1\r\nHost: x\r\n', 'PUT /api/%zz HTTP/1.1\r\nHost: x\r\n']) {
    const bad = new RawClient(t, port)
    bad.send(`${bytes}Transfer-Encoding: chunked\r\n\r\n`)
    await bad.until('requestId')
    bad.send('no chunk\r\n')
    bad.socket.end()
    await bad.closed
    t.equal(bad.received.match(/HTTP\/1\.1/g)?.length, 1)
  }

  // No route is no reason to read on behind a head that is ambiguous.
  for (const bytes of ['POST /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \r\n\r\n', 'GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n']) {
    const unrouted = new RawClient(t, port)
    unrouted.send(`${bytes}GET /api/evil HTTP/1.1\r\nHost: x\r\n\r\n`)
    await unrouted.closed
    t.strictSame(unrouted.received.match(/^HTTP\/1\.1 \d+/gm), ['HTTP/1.1 400'])
  }

  const kept = new RawClient(t, port)
  kept.send('GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n')
  await kept.until('first')
  finishKept = finish

  const last = new RawClient(t, port)
  last.send('GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n')
  await last.until('first')
  const closing = fastify.close()
  kept.send('GET /api/x HTTP/1.1\r\nHost: x\r\nX-Late: 1\r\n\r\n')
  await closing
  await last.closed
  await kept.closed
  t.match(kept.received, /SERVICE_UNAVAILABLE/, 'what comes while it closes')
  t.notMatch(last.received, /\r\n0\r\n\r\n$/, 'broken off')
})

t.test('what it reads when it is loaded', async t => {
  const config = await import('../../src/config/index.js')
  const load = async (loadConfig: typeof config.loadConfig): Promise<typeof import('../../src/app.js')> =>
    await t.mockImport<typeof import('../../src/app.js')>('../../src/app.js', { '../../src/config/index.js': { ...config, loadConfig } })
  const { isTTY } = process.stdout
  process.stdout.isTTY = true
  t.teardown(() => { process.stdout.isTTY = isTTY })

  const files: string[] = []
  const settings = config.checkConfig({ ...NOWHERE, server: HTTP2 })
  const { options } = await load(file => {
    files.push(file)
    return settings
  })
  t.strictSame(files, ['routes.json'], 'unless ROUTES_FILE names another one')
  t.match(options, { https: {}, logger: { level: 'info', transport: { target: 'pino-pretty' } } }, 'lines for people in a terminal')
  await t.rejects(load(() => { throw new Error('a bug') }), { message: 'a bug' })
})

t.test('over HTTP/2 what is rejected is so alone, and its connection kept', async t => {
  const { options, register } = makeService(checkConfig({ ...NOWHERE, server: HTTP2 }), 'silent')
  const fastify = Fastify(options)
  await register(fastify)
  await fastify.listen({ port: 0, host: '127.0.0.1' })
  const session = connect(`https://localhost:${portOf(fastify.server)}`, { ca: pem('ca.pem') })
  for (const [path, status] of [['/nope', 404], ['/api/%zz', 400]] as const) {
    const stream = session.request({ ':path': path })
    t.match((await once(stream, 'response'))[0], { ':status': status, connection: undefined }, path)
    stream.close()
  }
  session.close()
  await fastify.close()
})

async function accepted (server: import('node:http').Server, client: RawClient): Promise<import('node:net').Socket> {
  return await new Promise(resolve => {
    server.once('connection', resolve)
    client.socket.resume()
  })
}
