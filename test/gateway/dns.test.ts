import t from 'tap'
import { DiscoveredTargets } from '../../src/server/discovered-targets.js'
import type { PlacedTarget } from '../../src/upstream/balanced-upstream.js'
import { nameOf } from '../../src/upstream/target.js'
import { mistakesIn } from '../config/mistakes.js'
import { dnsServer } from '../fixtures/dns.js'
import { call, gatewayOver } from '../fixtures/gateway.js'
import { service } from '../fixtures/peers.js'

const common = { protocol: 'http' as const, weight: 2, backup: false, connectTimeout: 1000 }

t.test('every address of a name is a target, with the weight of the name', async t => {
  const server = await dnsServer(t)
  server.set('app.example', ['10.0.0.1', '10.0.0.2'], 1)
  const lines: unknown[] = []
  const log = { warn: (_line: object, message: string) => { lines.push(message) }, info: (_line: object, message: string) => { lines.push(message) } }
  let wake = (): void => {}
  const found: string[][] = []
  const changed = (targets: readonly PlacedTarget[]): void => {
    found.push(targets.map(target => `${nameOf(target)} ${target.weight} ${target.backup}`))
    wake()
  }
  const discovered = new DiscoveredTargets({
    name: 'app',
    targets: [{ ...common, host: 'app.example', port: 80 }, { ...common, protocol: 'http', socketPath: '/run/app.sock' }, { ...common, host: 'old.example', port: 81, backup: true }],
    dns: { refresh: 1_000, type: 'a' },
    resolver: server.resolver
  }, log, changed)
  t.teardown(() => discovered.close())
  await discovered.start()
  t.strictSame(found, [['http://10.0.0.1 2 false', 'http://10.0.0.2 2 false', 'unix:/run/app.sock 2 false', 'http://old.example:81 2 true']])
  t.strictSame(lines, ['a name could not be looked up; its addresses stay as they are'], 'a name of which nothing is known stands for itself')

  const next = new Promise<void>(resolve => { wake = resolve })
  server.set('app.example', ['10.0.0.2'], 1)
  await next
  t.strictSame(found[1]?.[0], 'http://10.0.0.2 2 false')
  server.set('old.example', ['10.0.0.9'], 1)
  await new Promise<void>(resolve => { wake = resolve })
  t.strictSame(found[2]?.at(-1), 'http://10.0.0.9:81 2 true')
  t.strictSame(lines[1], 'a name is looked up again')
})

t.test('the gateway sends to the addresses, and asks for the name', async t => {
  const { port: upstream } = await service(t, (request, response) => response.end(request.headers.host))
  const { port, app } = await gatewayOver(t, [`http://localhost:${upstream}`], { dns: {}, health: { type: 'tcp' } })
  t.ok(app.gateway.upstream('app')?.targets.some(({ target }) => target === `http://127.0.0.1:${upstream}`))
  t.equal(String((await call(port, '/api/x')).body), `localhost:${upstream}`)
  app.gateway.upstream('app')?.setTargets([`http://127.0.0.1:${upstream}`])
  t.strictSame(app.gateway.upstream('app')?.targets.map(({ target }) => target), [`http://127.0.0.1:${upstream}`])
})

t.test('dns without a name is a mistake', async t => {
  t.strictSame(mistakesIn({ upstreams: { app: { targets: ['http://10.0.0.1', 'unix:/run/app.sock'], dns: {} } }, routes: [{ prefix: '/', upstream: 'app' }] }),
    ['upstreams.app.dns: found an object, must be left out: no target has a name'])
})
