import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect as connectTls } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import streamGateway from '../../src/index.js'
import { call, gatewayTo, start } from '../fixtures/gateway.js'
import type { LogLine } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway } from '../fixtures/http2.js'
import { gone, RawClient, service } from '../fixtures/peers.js'
import { ServiceProcess } from '../fixtures/process.js'
import { startService } from '../fixtures/service.js'
import type { Service } from '../fixtures/service.js'
import { fixture, pem } from '../fixtures/tls.js'

const tls = { cert: fixture('localhost.pem'), key: fixture('localhost.key') }

function accessLines ({ lines }: { lines: LogLine[] }): LogLine[] {
  return lines.filter(({ outcome }) => outcome !== undefined)
}

/** Exactly one response of the gateway's own, with its one line. */
async function rejected (t: Test, to: Service, bytes: string, status: number, code: string): Promise<LogLine | undefined> {
  const before = accessLines(to).length
  const client = new RawClient(t, to.port)
  client.send(bytes)
  await client.closed
  const [head = '', body = ''] = client.received.split('\r\n\r\n')
  t.match(head, new RegExp(`^HTTP/1\\.1 ${status} [^]*content-type: application/json; charset=utf-8`, 'i'))
  const { requestId, ...rest } = JSON.parse(body)
  t.match(rest, { success: false, error: { code } })
  const lines = accessLines(to).slice(before)
  t.match(lines, [{ reqId: requestId, status, outcome: 'rejected' }])
  t.equal(lines.length, 1)
  return lines[0]
}

t.test('an expectation that nobody can meet', async t => {
  const to = await startService(t)
  await rejected(t, to, 'POST /api/x HTTP/1.1\r\nHost: x\r\nExpect: a miracle\r\nContent-Length: 5\r\n\r\n', 417, 'EXPECTATION_FAILED')
})

t.test('what is not HTTP leaves its code and reason in the log, and nothing of what it said', async t => {
  const to = await startService(t)
  const secrets = `Authorization: Bearer ${'s3cret'.repeat(500)}\r\nCookie: ${'s3cret'.repeat(500)}\r\n`
  for (const bytes of [`GET / HTTP/1.1\r\nHost: x\r\n${secrets}Bad Name: 1\r\n\r\n`, `${secrets}\r\n\r\n`]) {
    const line = await rejected(t, to, bytes, 400, 'BAD_REQUEST')
    t.match(line?.err, { code: /^HPE_/, message: /^Parse Error/ })
    const text = JSON.stringify(line)
    t.notMatch(text, /s3cret|rawPacket|115,51,99/)
    t.ok(text.length < 1024, `${text.length} characters`)
  }
})

t.test('a rejected request has no stack in its line', async t => {
  const to = await startService(t)
  const line = await rejected(t, to, 'GET /api/x HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n', 400, 'BAD_REQUEST')
  t.notMatch(line?.err?.stack, '\n')
  t.ok(JSON.stringify(line).length < 1024)
})

t.test('one request more than a connection may carry', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end('ok'))
  for (const secure of [{}, { tls }, { tls, http2: true }]) {
    const to = await startService(t, { maxRequestsPerConnection: 2, ...secure }, `http://127.0.0.1:${upstream}`)
    const client = await connection(t, to.port, 'tls' in secure)
    client.send(['GET /api/1', 'GET /api/2', 'POST /api/3', 'GET /api/4'].map(line => `${line} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`).join(''))
    await client.closed
    t.strictSame(client.received().match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 503'])
    const { requestId } = JSON.parse(client.received().split('\r\n\r\n').at(-1) ?? '')
    t.match(accessLines(to).filter(({ status }) => status === 503), [{ reqId: requestId, method: 'POST', url: '/api/3', outcome: 'rejected' }])
    t.equal(accessLines(to).length, 3)
  }
})

t.test('also where the ones before it have had their responses, and to a HEAD without a body', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end('ok'))
  const to = await startService(t, { maxRequestsPerConnection: 1 }, `http://127.0.0.1:${upstream}`)
  const client = new RawClient(t, to.port)
  client.send('GET /api/1 HTTP/1.1\r\nHost: x\r\n\r\n')
  await client.until(/ok$/)
  client.send('HEAD /api/2 HTTP/1.1\r\nHost: x\r\n\r\n')
  await client.closed
  t.match(client.received, /ok$|HTTP\/1\.1 503 [^]*Connection: close\r\n\r\n$/)
  t.match(accessLines(to), [{ status: 200 }, { method: 'HEAD', status: 503 }])
})

t.test('a method that only HTTP/2 carries', async t => {
  const to = await startService(t, { tls, http2: true })
  const client = new Http2Client(t, to.port, { createConnection: () => connectTls({ port: to.port, host: 'localhost', ca: pem('ca.pem'), ALPNProtocols: ['h2'] }) })
  for (const path of ['/api/x', '/nope']) {
    const { status, body } = await client.ask({ ':method': 'BREW', ':path': path }).closed
    t.equal(status, 501)
    const { requestId, error } = JSON.parse(body)
    t.equal(error.code, 'NOT_IMPLEMENTED')
    t.match(to.lines.slice(-1), [{ reqId: requestId, method: 'BREW', url: path, status: 501, outcome: 'rejected' }])
  }
  t.equal((await client.ask({ ':path': '/api/x', expect: 'a miracle' }).closed).status, 417)
  t.strictSame(to.lines.filter(({ level }) => level === 50), [])
  t.equal(accessLines(to).length, 3)
})

t.test('a session that is no HTTP/2 has one line, a client that resets its own none', async t => {
  const to = await startService(t, { tls, http2: true })
  const broken = await connection(t, to.port, true, 'h2')
  broken.send('GET / HTTP/1.1\r\nHost: x\r\nAuthorization: s3cret\r\n\r\n')
  const line = await to.until(/^no HTTP\/2$/)
  t.match(line, { level: 30, outcome: 'rejected', err: { code: /^ERR_HTTP2/ } })
  t.notMatch(JSON.stringify(line), 's3cret')
  to.app.server.emit('sessionError', Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))
  t.equal(accessLines(to).length, 1)
})

t.test('a client that is gone before the hooks have run has one line, and is no fault', async t => {
  for (const fails of [false, true]) {
    let begin = (): void => {}
    const begun = new Promise<void>(resolve => { begin = resolve })
    const prepare = (app: object): void => {
      const hooked: { addHook?: (name: 'onRequest', hook: (request: { raw: IncomingMessage, ip: string }) => Promise<void>) => unknown } = app
      hooked.addHook?.('onRequest', async request => {
        begin()
        await gone(request.raw.socket)
        await new Promise(setImmediate)
        // Under HTTP/2 there is no socket to have an address.
        if (fails) throw new TypeError(`no address: ${request.ip}`)
      })
    }
    const over2 = await http2Gateway(t, 'http://127.0.0.1:1', {}, { prepare })
    const over1 = await start(t, async app => {
      prepare(app)
      await app.register(streamGateway, { routes: [{ prefix: '/api', target: 'http://127.0.0.1:1' }] })
    })
    const client = new Http2Client(t, over2.port)
    let line = over2.nextLine()
    client.begin({ ':path': '/api/x' }, { endStream: true })
    await begun
    client.session.destroy()
    t.match(await line, { level: 30, status: 499, url: '/api/x', outcome: 'client aborted' }, 'over HTTP/2')
    const raw = new RawClient(t, over1.port)
    line = over1.nextLine()
    const reached = new Promise<void>(resolve => { begin = resolve })
    raw.send('GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n')
    await reached
    raw.socket.destroy()
    t.match(await line, { level: 30, status: 499, url: '/api/x', outcome: 'client aborted' }, 'over HTTP/1')
    for (const to of [over1, over2]) t.equal(to.lines.filter(({ level, outcome }) => level > 30 || outcome !== undefined).length, 1)
  }
})

t.test('a service\'s own failure is seen at warn', async t => {
  const { port: upstream } = await service(t, (request, response) => response.writeHead(Number(request.url?.slice(-3))).end())
  const to = await startService(t, {}, `http://127.0.0.1:${upstream}`)
  for (const [status, level] of [[404, 30], [500, 40], [503, 40]] as const) {
    await call(to.port, `/api/${status}`)
    t.match(to.lines.slice(-1), [{ level, status, outcome: 'completed', err: undefined }])
  }
})

t.test('at level warn only what went wrong has its line', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end('ok'))
  const { port, app, lines } = await gatewayTo(t, upstream, {}, { cors: { origin: true } })
  app.log.level = 'warn'
  await call(port, '/api/x')
  await call(port, '/api/x', { method: 'OPTIONS', headers: { origin: 'http://a', 'access-control-request-method': 'PUT' } })
  await call(port, '/api/x', { method: 'TRACE' })
  t.match(lines.filter(({ outcome }) => outcome !== undefined), [{ level: 40, method: 'TRACE' }])
  t.equal(lines.filter(({ outcome }) => outcome !== undefined).length, 1)
})

t.test('an id is given once, whatever process gives it', async t => {
  const ids: string[] = []
  for (let i = 0; i < 2; i++) {
    const gateway = new ServiceProcess(t, { routes: [{ prefix: '/api', target: 'http://127.0.0.1:1' }] })
    const port = await gateway.listening()
    for (let n = 0; n < 2; n++) ids.push((await call(port, '/api/x')).json().requestId)
    gateway.child.kill('SIGTERM')
    t.equal(await gateway.exited, 0)
    t.strictSame(gateway.lines.flatMap(({ reqId = [] }) => reqId), ids.slice(-2))
  }
  t.equal(new Set(ids).size, 4)
  for (const id of ids) t.match(id, /^[\da-z]{8,}-[\da-z]+$/)
})

async function connection (t: Test, port: number, secure: boolean, protocol = 'http/1.1') {
  if (!secure) {
    const client = new RawClient(t, port)
    return { socket: client.socket, closed: client.closed, received: () => client.received, send: (text: string) => { client.send(text) } }
  }
  const socket: TLSSocket = connectTls({ port, host: 'localhost', ca: pem('ca.pem'), ALPNProtocols: [protocol] })
  let received = ''
  socket.on('error', () => {})
  if (protocol === 'http/1.1') socket.on('data', chunk => { received += String(chunk) })
  t.teardown(() => { socket.destroy() })
  const closed = gone(socket)
  await once(socket, 'secureConnect')
  return { socket, closed, received: () => received, send: (text: string) => { socket.write(text) } }
}
