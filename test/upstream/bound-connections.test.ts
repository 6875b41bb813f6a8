import { EventEmitter, once } from 'node:events'
import { Agent, request } from 'node:http'
import type { IncomingMessage, RequestListener } from 'node:http'
import t from 'tap'
import type { Test } from 'tap'
import { Http1Pool } from '../../src/upstream/http1-pool.js'
import { HTTP1_LIMITS } from '../../src/upstream/pool.js'
import type { PoolLimits } from '../../src/upstream/pool.js'
import { gatewayTo } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway } from '../fixtures/http2.js'
import { gone, rawService, service } from '../fixtures/peers.js'

/**
 * A service that knows a connection's user, once a handshake of two messages was made on it, as IIS does. Its responses
 * tell who the user is, and how many connections it has seen.
 */
async function authenticating (t: Test): Promise<{ port: number, open: Set<object> }> {
  const users = new WeakMap<object, string>()
  const handshakes = new WeakSet<object>()
  const open = new Set<object>()
  const respond: RequestListener = ({ socket, headers: { authorization } }, response) => {
    const [scheme, token] = authorization?.split(' ') ?? []
    if (token === 'hello') {
      handshakes.add(socket)
      response.writeHead(401, { 'www-authenticate': `${scheme} challenge` }).end()
      return
    }
    if (token !== undefined && handshakes.has(socket)) users.set(socket, token)
    response.end(users.get(socket) ?? 'nobody')
  }
  const { port, server } = await service(t, respond)
  server.on('connection', socket => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
  })
  return { port, open }
}

/** A client with one connection. */
class Client {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })

  constructor (t: Test, readonly port: number) {
    t.teardown(() => this.leave())
  }

  async ask (authorization?: string | string[]): Promise<string> {
    const headers = authorization === undefined ? {} : { authorization }
    const asked = request({ port: this.port, host: '127.0.0.1', path: '/api/x', agent: this.#agent, headers: headers as Record<string, string> }).end()
    const [response]: IncomingMessage[] = await once(asked, 'response')
    return (await response?.toArray())?.join('') ?? ''
  }

  leave (): void {
    this.#agent.destroy()
  }
}

t.test('a connection that a client has authenticated is that client\'s alone, and is closed with it', async t => {
  for (const scheme of ['NTLM', 'Negotiate', 'ntlm', 'NEGOTIATE']) {
    const { port: upstream, open } = await authenticating(t)
    const { port } = await gatewayTo(t, upstream)
    const alice = new Client(t, port)
    const bob = new Client(t, port)
    t.equal(await bob.ask(), 'nobody')
    t.equal(await alice.ask(`${scheme} hello`), '')
    t.equal(await bob.ask(), 'nobody', 'in the midst of it')
    t.equal(await alice.ask(`${scheme} alice`), 'alice', 'the handshake goes on where it was begun')
    for (let i = 0; i < 3; i++) {
      t.equal(await bob.ask(), 'nobody', 'a stranger')
      t.equal(await alice.ask(), 'alice', 'kept')
    }
    t.equal(open.size, 2)
    t.equal(await bob.ask(`${scheme} hello`), '')
    t.equal(await bob.ask(`${scheme} bob`), 'bob')
    t.equal(await alice.ask(), 'alice')
    const [aliceGone] = [...open].map(socket => once(socket as NodeJS.EventEmitter, 'close'))
    alice.leave()
    bob.leave()
    await aliceGone
    t.equal(await new Client(t, port).ask(), 'nobody')
  }
})

t.test('also where it hides behind another field of that name', async t => {
  const { port: upstream } = await service(t, (request, response) => {
    response.end(String(request.socket.remotePort))
  })
  const { port } = await gatewayTo(t, upstream)
  const alice = new Client(t, port)
  const own = await alice.ask(['Basic YTpi', 'NTLM hello'])
  t.not(await new Client(t, port).ask(), own)
  t.equal(await alice.ask(), own)
  const basic = await new Client(t, port).ask('Basic YTpi')
  t.equal(await new Client(t, port).ask('Bearer NTLM'), basic, 'what authenticates a request alone is pooled as ever')
})

t.test('over HTTP/2 it belongs to the session', async t => {
  const { port: upstream, open } = await authenticating(t)
  const { port } = await http2Gateway(t, `http://127.0.0.1:${upstream}`)
  const alice = new Http2Client(t, port)
  const bob = new Http2Client(t, port)
  const ask = async (client: Http2Client, fields = {}): Promise<string> => (await client.ask({ ':path': '/api/x', ...fields }).closed).body
  t.equal(await ask(alice, { authorization: 'Negotiate hello' }), '')
  t.equal(await ask(alice, { authorization: 'Negotiate alice' }), 'alice')
  t.equal(await ask(bob), 'nobody')
  t.equal(await ask(alice), 'alice')
  t.equal(open.size, 2)
  alice.session.close()
  while (open.size > 1) await new Promise(resolve => setTimeout(resolve, 10))
  t.equal(await ask(bob), 'nobody')
})

t.test('a client that leaves in the midst of it takes its connection with it', async t => {
  let asked = (): void => {}
  const { port: upstream, server } = await service(t, () => asked())
  const closed = new Promise(resolve => server.once('connection', socket => socket.once('close', resolve)))
  const { port } = await gatewayTo(t, upstream)
  const alice = new Client(t, port)
  const arrived = new Promise<void>(resolve => { asked = resolve })
  alice.ask('NTLM hello').catch(() => {})
  await arrived
  alice.leave()
  await closed
  t.pass('closed')
})

/** A client's connection, as far as a pool looks at it. */
class Connection extends EventEmitter {
  destroyed = false
}

/** A pool, and a way to authenticate a connection of it, or to ask for nothing more; each resolves when its connection is back. */
async function pooled (t: Test, limits: Partial<PoolLimits>) {
  const { port, sockets } = await rawService(t, socket => {
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
    socket.on('end', () => socket.end())
  })
  const pool = new Http1Pool({ protocol: 'http', host: '127.0.0.1', port }, { ...HTTP1_LIMITS, ...limits })
  t.teardown(() => pool.close())
  const ask = async (client: Connection, bindsConnection = false): Promise<number> => {
    const asked = pool.request({ method: 'GET', path: '/', head: ['Host', 'x'], hasBody: false, timeout: 10_000, silent: () => false, fresh: false, client, bindsConnection })
    asked.end()
    const [response]: IncomingMessage[] = await once(asked, 'response')
    const { localPort = 0 } = asked.socket ?? {}
    await response?.toArray()
    await new Promise(resolve => setImmediate(resolve))
    return localPort
  }
  return { pool, ask, sockets }
}

t.test('where connections are lacking, the one that was authenticated first and is idle is closed', async t => {
  const { pool, ask, sockets } = await pooled(t, { maxConnections: 2 })
  const [alice, bob, carol] = [new Connection(), new Connection(), new Connection()]
  const first = await ask(alice, true)
  const second = await ask(bob, true)
  t.strictSame([pool.size, pool.idle], [2, 0], 'none is for all')
  const third = await ask(carol)
  t.notOk([first, second].includes(third))
  t.equal(await ask(bob), second, 'the later one is there still')
  t.strictSame([pool.size, pool.idle], [2, 1])
  t.ok(sockets.length === 3)
})

t.test('a connection that comes back is closed where somebody waits for one', async t => {
  const { pool, ask, sockets } = await pooled(t, { maxConnections: 1 })
  const [alice, bob] = [new Connection(), new Connection()]
  const [first, second] = await Promise.all([ask(alice, true), ask(bob)])
  t.not(first, second)
  t.equal(pool.size, 1)
  t.equal(sockets.length, 2)
})

t.test('several of one client: the latest first, and none that is dead', async t => {
  const { pool, ask, sockets } = await pooled(t, {})
  const alice = new Connection()
  const [first = 0, second = 0] = await Promise.all([ask(alice, true), ask(alice, true)])
  t.equal(pool.size, 2)
  t.equal(await ask(alice), second)
  sockets.find(({ remotePort }) => remotePort === second)?.destroy()
  while (pool.size > 1) await new Promise(resolve => setImmediate(resolve))
  t.equal(await ask(alice), first)
  alice.destroyed = true
  alice.emit('close')
  while (pool.size > 0) await new Promise(resolve => setImmediate(resolve))
  t.pass('closed with its client')
})

t.test('what comes back when its client is gone is closed', async t => {
  const { pool, ask } = await pooled(t, {})
  const alice = new Connection()
  const asked = ask(alice, true)
  alice.destroyed = true
  await asked
  while (pool.size > 0) await new Promise(resolve => setImmediate(resolve))
  t.pass('closed')
})

t.test('it is idle for no longer than another one, and closed with its pool', async t => {
  const { pool, ask, sockets } = await pooled(t, { idleTimeout: 50 })
  const alice = new Connection()
  await ask(alice, true)
  const [socket = new EventEmitter()] = sockets
  await gone(socket)
  while (pool.size > 0) await new Promise(resolve => setImmediate(resolve))
  await ask(alice, true)
  t.equal(pool.size, 1)
  pool.close()
  while (pool.size > 0) await new Promise(resolve => setImmediate(resolve))
  t.pass('closed')
})
