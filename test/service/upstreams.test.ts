import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { call } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2.js'
import { closedPort, service } from '../fixtures/peers.js'
import { ServiceProcess } from '../fixtures/process.js'
import { startRoutes } from '../fixtures/routes.js'
import { targets } from '../fixtures/targets.js'

t.test('as a service: targets that are dead are passed over, whatever the client speaks', async t => {
  const bodies: string[] = []
  const { port: good } = await service(t, async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    bodies.push(Buffer.concat(chunks).toString('hex'))
    response.end('ok')
  })
  const config = {
    upstreams: { app: { targets: [`http://127.0.0.1:${await closedPort()}`, `http://127.0.0.1:${good}`] as [string, string], balance: 'round-robin' as const, ejection: false as const } },
    routes: [{ prefix: '/api', upstream: 'app' }] as [{ prefix: string, upstream: string }]
  }
  const body = randomBytes(100_000)
  const overHttp1 = await startRoutes(t, config)
  for (let i = 0; i < 2; i++) t.equal((await call(overHttp1.port, '/api/x', { method: 'POST', body })).status, 200)
  const overHttp2 = await startRoutes(t, config, { http2: true })
  const client = new Http2Client(t, overHttp2.port)
  for (let i = 0; i < 2; i++) t.match(await client.ask({ ':path': '/api/x', ':method': 'POST' }, body).closed, { status: 200, body: 'ok' })
  t.match(await client.ask({ ':path': '/api/x' }).closed, { status: 200 })
  t.strictSame(bodies.slice(0, 4), Array(4).fill(body.toString('hex')))
})

t.test('the process: a target that dies is one line, and costs no request', async t => {
  const [a, b] = await targets(t, 2)
  if (a === undefined || b === undefined) return
  const gateway = new ServiceProcess(t, { upstreams: { app: { targets: [a.url, b.url], ejection: { after: 2 } } }, routes: [{ prefix: '/', upstream: 'app' }] })
  const port = await gateway.listening()
  await a.stop()
  for (let i = 0; i < 10; i++) t.equal((await call(port, '/x')).status, 200)
  await gateway.until(/a target is left alone/)
  t.match(gateway.lines.filter(({ msg }) => /target/.test(String(msg))), [{ level: 40, upstream: 'app', target: a.url, state: 'ejected' }])
  t.equal(b.requests.length, 10)
})

t.test('check tells of upstreams', async t => {
  const folder = t.testdir({ 'routes.json': JSON.stringify({ upstreams: { app: { targets: [] } }, routes: [{ prefix: '/', upstream: 'ap' }] }) })
  const { status, stderr } = spawnSync(process.execPath, [`${process.cwd()}/dist/src/cli/main.js`, 'check'], { cwd: folder, encoding: 'utf8' })
  t.equal(status, 1)
  t.match(stderr, /routes\[0\]\.upstream: found "ap"[^]*upstreams\.app\.targets: found an empty list/)
})
