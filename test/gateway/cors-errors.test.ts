import { connect } from 'node:http2'
import { once } from 'node:events'
import t from 'tap'
import type { Test } from 'tap'
import type { GatewayConfig } from '../../src/index.js'
import { Http2Client } from '../fixtures/http2.js'
import { closedPort, RawClient, service } from '../fixtures/peers.js'
import { startPlugin, startRoutes } from '../fixtures/routes.js'
import { startService } from '../fixtures/service.js'
import { fixture, pem } from '../fixtures/tls.js'

// A script in a browser reads why its request failed only where the response has the CORS headers of the route.

const ORIGIN = 'https://app.example'

async function config (t: Test): Promise<GatewayConfig> {
  const silent = await service(t, request => { request.resume() })
  const target = `http://127.0.0.1:${silent.port}`
  return {
    cors: { origin: [ORIGIN], exposedHeaders: ['x-total'] },
    routes: [
      { prefix: '/down', target: `http://127.0.0.1:${await closedPort()}` },
      { prefix: '/silent', target, timeout: 50 },
      { prefix: '/small', target, maxBodySize: 1 },
      { prefix: '/slow', target, requestTimeout: 50, minBodyRate: 1000 },
      { prefix: '/limited', respond: { status: 200 }, rateLimit: { max: 1 } },
      { prefix: '/busy', target, concurrency: { perClient: 1 } },
      { prefix: '/read', target, methods: ['GET'] }
    ]
  }
}

const CASES: Array<[status: number, method: string, path: string, body?: string]> = [
  [400, 'GET', '/down/../x'],
  [400, 'GET', '/down/%5c'],
  [400, 'GET', '/down/%zz?%zz'],
  [400, 'GET', '/down/%'],
  [405, 'TRACE', '/down'],
  [405, 'POST', '/read'],
  [413, 'POST', '/small', 'xx'],
  [502, 'GET', '/down'],
  [504, 'GET', '/silent'],
  [200, 'GET', '/limited'],
  [429, 'GET', '/limited']
]

for (const [mode, startGateway] of [['plugin', startPlugin], ['service', startRoutes]] as const) {
  // Where there is no route a host responds itself.
  const cases = mode === 'service' ? [...CASES, [404, 'GET', '/none'] as const] : CASES

  t.test(`${mode}: errors have the CORS headers of their route, over HTTP/1`, async t => {
    const { port } = await startGateway(t, await config(t))
    const ask = async (request: string, origin = ORIGIN): Promise<string> => {
      const client = new RawClient(t, port).send(request.replace('\r\n', `\r\nHost: x\r\nOrigin: ${origin}\r\n`))
      await client.until(/\r\n\r\n(?:\{.*\})?$/)
      client.socket.destroy()
      return client.received
    }
    const check = (response: string, status: number): void => {
      t.match(response, new RegExp(`^HTTP/1\\.1 ${status} `))
      t.match(response, `access-control-allow-origin: ${ORIGIN}\r\naccess-control-expose-headers: x-total\r\n`, `${status}: ${response}`)
    }
    for (const [status, method, path, body] of cases) check(await ask(`${method} ${path} HTTP/1.1\r\n${body === undefined ? '' : `Content-Length: ${body.length}\r\n`}\r\n${body ?? ''}`), status)
    check(await ask('POST /slow HTTP/1.1\r\nContent-Length: 100000\r\n\r\nx'), 408)
    const busy = new RawClient(t, port).send('GET /busy HTTP/1.1\r\nHost: x\r\n\r\n')
    check(await ask('GET /busy HTTP/1.1\r\n\r\n'), 429)
    busy.socket.destroy()
    t.notMatch(await ask('GET /down HTTP/1.1\r\n\r\n', 'https://evil.example'), /access-control-allow-origin/)
  })

  t.test(`${mode}: and over HTTP/2`, async t => {
    const { port } = await startGateway(t, await config(t), { http2: true })
    const session = new Http2Client(t, port)
    for (const [status, method, path, body] of cases) {
      const { headers } = await session.ask({ ':method': method, ':path': path, origin: ORIGIN }, body).closed
      t.match(headers, { ':status': status, 'access-control-allow-origin': ORIGIN, 'access-control-expose-headers': 'x-total' }, `${status} ${path}`)
    }
    const slow = session.begin({ ':method': 'POST', ':path': '/slow', origin: ORIGIN })
    slow.stream.write('x')
    t.match(await slow.head, { ':status': 408, 'access-control-allow-origin': ORIGIN })
    const { headers } = await session.ask({ ':path': '/down', origin: 'https://evil.example' }).closed
    t.equal(headers['access-control-allow-origin'], undefined)
  })
}

t.test('what only the service\'s own server passes on', async t => {
  const silent = await service(t, request => { request.resume() })
  const { port } = await startService(t, {}, { target: `http://127.0.0.1:${silent.port}`, cors: { origin: ORIGIN } })
  for (const [status, request] of [
    [417, 'Expect: nothing\r\nContent-Length: 1\r\n\r\n'], [400, 'Transfer-Encoding: chunked\r\n\r\nnonsense\r\n'], [413, `Transfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(20_000)}\r\n`]
  ] as const) {
    const client = new RawClient(t, port).send(`POST /api HTTP/1.1\r\nHost: x\r\nOrigin: ${ORIGIN}\r\n${request}`)
    t.match(await client.until(/\r\n\r\n\{.*\}$/), new RegExp(`^HTTP/1\\.1 ${status} [^]*\r\naccess-control-allow-origin: ${ORIGIN}\r\n`), String(status))
    client.socket.destroy()
  }
})

t.test('a head that is too large over HTTP/2 is rejected behind the route\'s policies', async t => {
  const tls = { cert: fixture('localhost.pem'), key: fixture('localhost.key') }
  const { port } = await startService(t, { http2: true, tls, maxHeaderSize: '1kb' }, { target: 'http://127.0.0.1:1', cors: { origin: ORIGIN } })
  const session = connect(`https://localhost:${port}`, { ca: pem('ca.pem') })
  t.teardown(() => { session.destroy() })
  const stream = session.request({ ':path': '/api/x', origin: ORIGIN, 'x-large': 'x'.repeat(2000) })
  t.match(await once(stream, 'response'), [{ ':status': 431, 'access-control-allow-origin': ORIGIN }])
  stream.resume()
  await once(stream, 'close')
})
