import t from 'tap'
import { call } from '../fixtures/gateway.js'
import { closedPort, RawClient, service } from '../fixtures/peers.js'
import { ServiceProcess } from '../fixtures/process.js'

t.test('the service serves what routes.json says', async t => {
  const { port: upstream } = await service(t, (request, response) => response.end(JSON.stringify([request.url, request.headers['x-forwarded-for']])))
  const gateway = new ServiceProcess(t, {
    server: { trustProxy: 'loopback' },
    cors: { origin: 'https://app.example' },
    rateLimit: { max: 100 },
    // eslint-disable-next-line no-template-curly-in-string -- as in the file
    routes: [{ prefix: '/api', target: '${UPSTREAM}', pathRewrite: { pattern: '^/api', replacement: '' } }]
  }, { UPSTREAM: `http://127.0.0.1:${upstream}` })
  const port = await gateway.listening()
  const response = await call(port, '/api/x', { headers: { 'x-forwarded-for': '203.0.113.7', origin: 'https://app.example' } })
  t.strictSame(JSON.parse(String(response.body)), ['/x', '203.0.113.7, 127.0.0.1'])
  t.match(response.headers, { 'access-control-allow-origin': 'https://app.example', 'x-ratelimit-limit': '100' })

  const lost = await call(port, '/nope', { headers: { origin: 'https://app.example' } })
  t.equal(lost.status, 404)
  t.match(lost.json(), { success: false, error: { code: 'NOT_FOUND', message: 'No route for this path' }, requestId: /./ })
  t.equal(lost.headers['access-control-allow-origin'], 'https://app.example')
  t.equal((await call(port, '/api/%zz')).json().error.code, 'BAD_REQUEST', 'a path that cannot be decoded')

  await gateway.until(/"url":"\/api\/%zz"/)
  const lines = gateway.lines.filter(({ reqId }) => reqId !== undefined)
  t.match(lines, [
    { url: '/api/x', status: 200, outcome: 'completed' }, { url: '/nope', status: 404, outcome: 'rejected' }, { url: '/api/%zz', status: 400, outcome: 'rejected' }
  ])
  gateway.child.kill('SIGTERM')
  t.equal(await gateway.exited, 0)
})

t.test('what is not HTTP gets one response, in the gateway\'s words, and the connection is closed', async t => {
  const gateway = new ServiceProcess(t, { routes: [{ prefix: '/', target: 'http://127.0.0.1:1' }] })
  const port = await gateway.listening()
  for (const [bytes, status, code] of [
    ['NONSENSE\r\n\r\n', 400, 'BAD_REQUEST'],
    ['GET / HTTP/1.1\r\n\r\n', 400, 'BAD_REQUEST'],
    ['GET / HTTP/1.1\r\nHost: x\r\nBad Name: 1\r\n\r\n', 400, 'BAD_REQUEST'],
    [`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'REQUEST_HEADER_FIELDS_TOO_LARGE'],
    [`POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(20_000)}\r\n`, 413, 'PAYLOAD_TOO_LARGE']
  ] as const) {
    const client = new RawClient(t, port)
    client.send(bytes)
    await client.closed
    t.match(client.received, new RegExp(`^HTTP/1\\.1 ${status} [^]*\\r\\nConnection: close\\r\\n[^]*"code":"${code}"`, 'i'))
    t.equal(client.received.match(/HTTP\/1\.1/g)?.length, 1)
  }
})

t.test('a wrong routes.json never starts: status 1, and every mistake in one message', async t => {
  const gateway = new ServiceProcess(t, { routes: [{ prefx: '/api', target: { host: 'x', port: 99999 } }] })
  t.equal(await gateway.exited, 1)
  t.match(gateway.output, /routes\.json: 2 mistakes\n {2}routes\[0\]\.prefx: unknown key, did you mean `prefix`\?\n {2}routes\[0\]\.target\.port: found 99999, must be a whole number from 1 to 65535\n/)
  t.notMatch(gateway.output, /\n {4}at /, 'no stack')
})

t.test('SIGTERM: nothing new is accepted, what is in flight ends well, exit status 0', async t => {
  let finish = (): void => {}
  const { port: upstream } = await service(t, (_request, response) => {
    response.write('first')
    finish = () => response.end('last')
  })
  const gateway = new ServiceProcess(t, { routes: [{ prefix: '/', target: `http://127.0.0.1:${upstream}` }] })
  const port = await gateway.listening()
  const idle = new RawClient(t, port)
  idle.send('GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n')
  await idle.until('requestId')
  const client = new RawClient(t, port)
  client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await client.until('first')
  gateway.child.kill('SIGTERM')
  await gateway.until(/shutting down/)
  const late = new RawClient(t, port)
  t.match(await late.closed, { code: 'ECONNREFUSED' })
  // Over the connection that was there: a 503, or it was closed as idle.
  idle.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await idle.closed
  t.match(idle.received, /requestId[^]*(503 Service Unavailable[^]*SERVICE_UNAVAILABLE|$)/)
  finish()
  await client.until('last')
  t.equal(await gateway.exited, 0)
})

t.test('what does not end within shutdownTimeout is broken off', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.write('first'))
  const gateway = new ServiceProcess(t, { server: { shutdownTimeout: 200 }, routes: [{ prefix: '/', target: `http://127.0.0.1:${upstream}` }] })
  const port = await gateway.listening()
  const client = new RawClient(t, port)
  client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await client.until('first')
  gateway.child.kill('SIGTERM')
  await client.closed
  t.notMatch(client.received, /\r\n0\r\n\r\n$/)
  t.equal(await gateway.exited, 0)
  t.match(gateway.output, /broken off/)
})

t.test('it takes its port and its log level from fastify-cli\'s variables', async t => {
  const port = await closedPort()
  const gateway = new ServiceProcess(t, { routes: [{ prefix: '/', target: 'http://127.0.0.1:1' }] }, { FASTIFY_LOG_LEVEL: 'silent', FASTIFY_PORT: String(port) })
  let status = 0
  while (status === 0) status = await call(port, '/x').then(response => response.status, () => 0)
  t.equal(status, 502)
  gateway.child.kill('SIGTERM')
  t.equal(await gateway.exited, 0)
  t.equal(gateway.output, '')
})
