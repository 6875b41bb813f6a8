import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import { giveBack, responseOn, takeConnection, whenWritten } from '../../src/node/given-connection.js'
import type { UpgradeConnection } from '../../src/node/given-connection.js'
import { currentResponse } from '../../src/node/server-connection.js'
import { takeUpgrades } from '../../src/node/server-upgrades.js'
import type { ServerRequest } from '../../src/node/server-upgrades.js'
import { portOf, RawClient } from '../fixtures/peers.js'

// How Node's HTTP server gives connections away, and takes them back, which is documented nowhere. Each message names
// the internal. Paths are those from the package's directory: this also runs compiled.

const FIELDS = 'Host: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'

type Take = (request: ServerRequest, connection: UpgradeConnection, early: Buffer) => boolean

/** A server whose upgrades go to `take`; it responds to ordinary requests with their path. */
async function serving (t: Test, take: Take, server: Server = createServer()): Promise<{ server: Server, port: number }> {
  server.on('request', (request, response) => response.end(`ordinary ${String(request.url)}`))
  takeUpgrades(server, { take, wants: ({ url }) => url === '/others' ? undefined : url !== '/ordinary' })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { server, port: portOf(server) }
}

t.test('emit', async t => {
  const { server, port } = await serving(t, ({ url }, connection, early) => {
    if (url !== '/ours') return false
    connection.end(`ours ${String(early)}`)
    return true
  })
  const others: string[] = []
  server.on('upgrade', ({ url }, connection) => {
    others.push(String(url))
    connection.end('theirs')
  })
  const ours = new RawClient(t, port).send(`GET /ours HTTP/1.1\r\n${FIELDS}early`)
  await ours.closed
  t.equal(ours.received, 'ours early', 'the server gives connections away by emit of \'upgrade\', with what came behind the head')
  const theirs = new RawClient(t, port).send(`GET /others HTTP/1.1\r\n${FIELDS}`)
  await theirs.closed
  t.equal(theirs.received, 'theirs')
  t.strictSame(others, ['/others'], 'listeners get what emit passes on, and nothing else')
})

t.test('shouldUpgradeCallback', async t => {
  const { server, port } = await serving(t, (_request, connection) => {
    connection.end('upgraded')
    return true
  })
  const isThere = 'shouldUpgradeCallback' in server
  t.ok(isThere || parseInt(process.versions.node) < 24, 'a server has the property shouldUpgradeCallback')
  const client = new RawClient(t, port).send(`GET /ordinary HTTP/1.1\r\n${FIELDS}`)
  t.ok(await client.until(isThere ? 'ordinary /ordinary' : 'upgraded'), 'and is guided by it')
})

t.test('assignSocket and detachSocket', async t => {
  const { port } = await serving(t, (request, connection, early) => {
    connection.unshift(early)
    const response = responseOn(connection, request)
    t.equal(currentResponse(connection), response, 'assignSocket makes a response _httpMessage of a connection')
    response.writeHead(101, ['Connection', 'Upgrade', 'Upgrade', 'x'])
    response.end()
    takeConnection(response, connection)
    t.equal(currentResponse(connection), undefined, 'detachSocket undoes it')
    connection.on('data', chunk => connection.end(chunk))
    return true
  })
  const client = new RawClient(t, port).send(`GET /ours HTTP/1.1\r\n${FIELDS}tunnel`)
  await client.closed
  t.match(client.received, /^HTTP\/1\.1 101 Switching Protocols\r\n[^]*\r\n\r\ntunnel$/)
})

t.test('responses to the requests before', async t => {
  const body = 'x'.repeat(8 * 1024 * 1024)
  const { server, port } = await serving(t, (_request, connection) => {
    whenWritten(connection, () => connection.end('next'))
    return true
  })
  server.removeAllListeners('request')
  server.on('request', (_request, response) => {
    response.setHeader('Content-Length', body.length + 4)
    response.write(body)
    response.once('drain', () => response.end('last'))
  })
  const client = new RawClient(t, port).send(`GET /large HTTP/1.1\r\nHost: x\r\n\r\nGET /ours HTTP/1.1\r\n${FIELDS}`)
  await client.closed
  t.equal(client.received.slice(-8), 'lastnext', 'a response before is still written when its connection was given away, is told that it drains, and closes')
})

t.test('connection', async t => {
  const given: UpgradeConnection[] = []
  const { port } = await serving(t, (_request, connection) => {
    given.push(connection)
    connection.unshift(Buffer.from('GET /again HTTP/1.1\r\nHost: x\r\n\r\n'))
    giveBack(connection)
    return true
  })
  const client = new RawClient(t, port).send(`GET /ours HTTP/1.1\r\n${FIELDS}`)
  t.ok(await client.until('ordinary /again'), 'the server reads a connection anew that it is given by \'connection\', and what stands in it')
  client.send('GET /behind HTTP/1.1\r\nHost: x\r\n\r\n')
  t.ok(await client.until('ordinary /behind'), 'and the requests that come behind')
  t.equal(given.length, 1)
})

t.test('secureConnection', async t => {
  const pem = (name: string): Buffer => readFileSync(`test/fixtures/tls/localhost.${name}`)
  const { port } = await serving(t, (_request, connection) => {
    connection.unshift(Buffer.from('GET /again HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'))
    giveBack(connection)
    return true
  }, createHttpsServer({ cert: pem('pem'), key: pem('key') }))
  const client = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
  t.teardown(() => { client.destroy() })
  client.write(`GET /ours HTTP/1.1\r\n${FIELDS}`)
  let received = ''
  client.on('data', chunk => { received += String(chunk) })
  await once(client, 'end')
  t.match(received, 'ordinary /again', 'under TLS by \'secureConnection\'')
})
