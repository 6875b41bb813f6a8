import { existsSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { call } from '../fixtures/gateway.js'
import { closedPort, service } from '../fixtures/peers.js'
import { NO_REDIS, RedisServer } from '../fixtures/redis.js'
import { SpawnedProcess } from '../fixtures/spawned.js'
import { COMMAND, Started } from '../fixtures/started.js'
import { fixture } from '../fixtures/tls.js'
import { message, openWebSocket, rejection, webSocket } from '../fixtures/websockets.js'

// Each example as its README starts it, but for the ports.

const FOLDER = 'examples'

/** A file of an example, with other ports than it has. */
function configured (file: string, ports: Record<string, number>): Record<string, unknown> {
  const text = Object.entries(ports).reduce((text, [written, used]) => text.replaceAll(`localhost:${written}`, `127.0.0.1:${used}`), readFileSync(join(FOLDER, file), 'utf8'))
  return JSON.parse(text)
}

async function named (t: Test, name: string): Promise<number> {
  return (await service(t, (_request, response) => response.end(name))).port
}

function program (t: Test, file: string, env: NodeJS.ProcessEnv, args: string[] = []): SpawnedProcess {
  return new SpawnedProcess(t, process.execPath, [join(FOLDER, file), ...args], { env: { ...process.env, ...env } }, 'SIGKILL')
}

t.test('every example has a README, and every file that it names', async t => {
  for (const { name } of readdirSync(FOLDER, { withFileTypes: true }).filter(entry => entry.isDirectory() && entry.name !== 'services')) {
    const text = readFileSync(join(FOLDER, name, 'README.md'), 'utf8')
    for (const [, file = ''] of text.matchAll(/(?:node|start|check) (\w+\.(?:json|js))\b/g)) t.ok(file === 'routes.json' || existsSync(join(FOLDER, name, file)), `${name}: ${file}`)
    t.match(readFileSync('README.md', 'utf8'), `](examples/${name}/README.md)`)
  }
})

t.test('larger-app', async t => {
  const asked: unknown[] = []
  const { port: payments } = await service(t, ({ url, headers }, response) => {
    asked.push([url, headers['x-user']])
    response.end('invoices')
  })
  const app = program(t, 'larger-app/app.js', { PORT: '0', SERVICE_URL: `http://127.0.0.1:${payments}`, JWT_SECRET: 'a secret of this test' })
  const port = Number((await app.until(/listening at http:\/\/127\.0\.0\.1:(\d+)/))[1])

  t.equal((await call(port, '/api/payments/invoices', { headers: { 'x-user': 'somebody' } })).status, 401)
  const login = await call(port, '/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"email":"a@example.com"}' })
  const { token } = JSON.parse(String(login.body))
  const invoices = await call(port, '/api/payments/invoices', { headers: { authorization: `Bearer ${token}`, 'x-user': 'somebody' } })
  t.equal(String(invoices.body), 'invoices')
  t.strictSame(asked, [['/invoices', 'a@example.com']])

  const own = await openWebSocket(t, port, '/live')
  own.send('hello')
  t.equal(await message(own), 'app: hello')
  t.equal((await rejection(webSocket(t, port, '/api/payments/live'))).status, 401, 'an upgrade passes the same hook')
})

t.test('canary', async t => {
  const gateway = new Started(t, configured('canary/routes.json', { 3001: await named(t, 'old'), 3002: await named(t, 'new') }), ['--watch'], { STICKY_SECRET: 'a secret of this test, which is long enough' })
  const port = await gateway.listening()
  const seen = new Map<string, string>()
  while (seen.size < 2) {
    const { body, headers } = await call(port, '/')
    seen.set(String(body), String(headers['set-cookie']?.[0]?.split(';')[0]))
  }
  for (const [version, cookie] of seen) {
    for (let nth = 0; nth < 5; nth++) t.equal(String((await call(port, '/', { headers: { cookie } })).body), version)
  }
})

t.test('grpc', async t => {
  const greeter = await closedPort()
  const server = program(t, 'grpc/service.js', { ADDRESS: `127.0.0.1:${greeter}` })
  await server.until(/greets/)
  const gateway = new Started(t, configured('grpc/routes.json', { 50051: greeter }), [], { TLS_CERT: fixture('localhost.pem'), TLS_KEY: fixture('localhost.key') })
  const port = await gateway.listening()
  const client = program(t, 'grpc/client.js', { TLS_CA: fixture('ca.pem') }, [`localhost:${port}`, 'gateway'])
  t.equal(await client.exited, 0, client.output)
  t.match(client.output, 'Hello, gateway\nHallo, gateway\nBonjour, gateway\n')
  server.child.kill()
  await server.exited
  const late = program(t, 'grpc/client.js', { TLS_CA: fixture('ca.pem') }, [`localhost:${port}`, 'gateway'])
  t.equal(await late.exited, 1, 'and says so where nobody greets')
  t.match(late.output, /^14 UNAVAILABLE/)
})

t.test('two-gateways', { skip: NO_REDIS }, async t => {
  const redis = await RedisServer.start(t)
  const port = await named(t, 'service')
  const env = { REDIS_URL: redis.url }
  const one = new Started(t, configured('two-gateways/routes.json', { 3001: port }), [], env)
  const other = new SpawnedProcess(t, process.execPath, [COMMAND, 'start', one.file], { env: { ...process.env, PORT: '0', FASTIFY_ADDRESS: '127.0.0.1', ...env } }, 'SIGKILL')
  const ports = [await one.listening(), Number((await other.until(/listening at http:\/\/127\.0\.0\.1:(\d+)/))[1])]
  const statuses: number[] = []
  for (let nth = 0; nth < 6; nth++) statuses.push((await call(Number(ports[nth % 2]), '/api')).status)
  t.strictSame(statuses, [200, 200, 200, 200, 200, 429])
})

t.test('blue-green', async t => {
  const ports = { 3001: await named(t, 'blue'), 3002: await named(t, 'green') }
  const gateway = new Started(t, folder => {
    for (const name of ['blue.json', 'green.json']) writeFileSync(join(folder, name), JSON.stringify(configured(`blue-green/${name}`, ports)))
    symlinkSync('blue.json', join(folder, 'routes.json'))
  }, ['--watch'])
  const port = await gateway.listening()
  t.equal(String((await call(port, '/api')).body), 'blue')
  const folder = dirname(gateway.file)
  const check = new SpawnedProcess(t, process.execPath, [COMMAND, 'check', 'green.json'], { cwd: folder }, 'SIGKILL')
  t.equal(await check.exited, 0)
  // As `ln -sf` does it.
  symlinkSync('green.json', join(folder, 'next'))
  renameSync(join(folder, 'next'), resolve(folder, 'routes.json'))
  await gateway.until(/"reloaded"/)
  t.equal(String((await call(port, '/api')).body), 'green')
})
