import t from 'tap'
import { call } from '../fixtures/gateway.js'
import { service } from '../fixtures/peers.js'
import { ServiceProcess } from '../fixtures/process.js'

t.test('alive and ready, also where a route takes everything, and without access lines', async t => {
  const { port: upstream } = await service(t, (request, response) => response.end(`service ${String(request.url)}`))
  const gateway = new ServiceProcess(t, { server: { health: true, drainDelay: '10s' }, rateLimit: { max: 2 }, routes: [{ prefix: '/', target: `http://127.0.0.1:${upstream}` }] })
  const port = await gateway.listening()
  for (let i = 0; i < 3; i++) {
    for (const path of ['/healthz', '/readyz']) {
      const { status, headers, body } = await call(port, path)
      t.equal(status, 200)
      t.equal(String(body), '{"status":"ok"}')
      t.equal(headers['cache-control'], 'no-store')
    }
  }
  t.equal((await call(port, '/readyz', { method: 'HEAD' })).status, 200)
  t.equal(String((await call(port, '/healthz/x')).body), 'service /healthz/x')
  gateway.child.kill('SIGTERM')
  await gateway.until(/draining/)
  const { status, body } = await call(port, '/readyz')
  t.equal(status, 503)
  t.equal(String(body), '{"status":"draining"}')
  t.equal((await call(port, '/healthz')).status, 200)
  t.strictSame(gateway.lines.filter(({ url }) => url !== undefined).map(({ url }) => url), ['/healthz/x'])
})

t.test('paths of one\'s own', async t => {
  const gateway = new ServiceProcess(t, { server: { health: { ready: '/up/ready' } }, routes: [{ prefix: '/', target: 'http://127.0.0.1:1' }] })
  const port = await gateway.listening()
  t.equal((await call(port, '/up/ready')).status, 200)
  t.equal((await call(port, '/healthz')).status, 200)
  t.equal((await call(port, '/readyz')).status, 502)
})

t.test('off by default', async t => {
  const gateway = new ServiceProcess(t, { routes: [{ prefix: '/', target: 'http://127.0.0.1:1' }] })
  t.equal((await call(await gateway.listening(), '/healthz')).status, 502)
})
