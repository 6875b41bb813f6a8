import t from 'tap'
import { call } from '../fixtures/gateway.js'
import { closedPort } from '../fixtures/peers.js'
import { CLI, ServiceProcess } from '../fixtures/process.js'

const config = { routes: [{ prefix: '/api', target: 'http://127.0.0.1:1' }] }

t.test('the flag of fastify-cli takes effect, and wins over the variable', async t => {
  const port = await closedPort()
  const gateway = new ServiceProcess(t, config, { FASTIFY_LOG_LEVEL: 'silent', FASTIFY_PORT: String(port) }, [CLI, 'start', '-l', 'warn'])
  let status = 0
  while (status === 0) status = await call(port, '/api/x').then(response => response.status, () => 0)
  await call(port, '/nope')
  gateway.child.kill('SIGTERM')
  t.equal(await gateway.exited, 0)
  // A machine that lets few files be open is told of at warn, too.
  const lines = gateway.lines.filter(({ url }) => url !== undefined)
  t.match(lines, [{ level: 40, url: '/api/x', status: 502 }])
  t.equal(lines.length, 1, 'nothing at info')
})

t.test('a level that there is not ends it before it listens: status 1, what was found and what is allowed', async t => {
  for (const [env, flags, name] of [[{}, ['--log-level', 'loud'], '--log-level'], [{ FASTIFY_LOG_LEVEL: 'loud' }, [], 'FASTIFY_LOG_LEVEL']] as const) {
    const gateway = new ServiceProcess(t, config, env, [CLI, 'start', ...flags])
    t.equal(await gateway.exited, 1)
    t.equal(gateway.output, `log level: 1 mistake\n  ${name}: found "loud", must be trace, debug, info, warn, error, fatal or silent\n`)
  }
})
