import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { Target } from '../../src/upstream/target.js'
import { call, gatewayTo } from '../fixtures/gateway.js'

t.test('a target at a Unix socket', async t => {
  const path = join(t.testdir(), 'app.sock')
  const server = createServer((request, response) => response.end(JSON.stringify([request.url, request.headers.host])))
  server.listen(path)
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const gateway = await gatewayTo(t, 0, { target: `unix:${path}` })
  const line = gateway.nextLine()
  const response = await call(gateway.port, '/api/x')
  t.strictSame(JSON.parse(String(response.body)), ['/x', 'localhost'])
  t.match(await line, { status: 200, target: `unix:${path}`, outcome: 'completed' })
})

t.test('a socket that is not there is 502', async t => {
  const path = join(t.testdir(), 'none.sock')
  const gateway = await gatewayTo(t, 0, { target: `unix:${path}` })
  const line = gateway.nextLine()
  const response = await call(gateway.port, '/api/x')
  t.equal(response.status, 502)
  t.notMatch(String(response.body), 'sock')
  t.match((await line).err?.stack, /ENOENT/)
})

t.test('how a target is named, and what it is told as its host', t => {
  for (const [endpoint, name, hostField] of [
    [{ protocol: 'http', socketPath: '/run/app.sock' }, 'unix:/run/app.sock', 'localhost'],
    [{ protocol: 'https', host: '::1', port: 8443 }, 'https://[::1]:8443', '[::1]:8443'],
    [{ protocol: 'https', host: 'a.example', port: 443 }, 'https://a.example', 'a.example']
  ] as const) t.match(new Target(endpoint), { name, hostField })
  t.end()
})
